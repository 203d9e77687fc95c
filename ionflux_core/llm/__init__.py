"""Language models behind one port; one file per provider."""
