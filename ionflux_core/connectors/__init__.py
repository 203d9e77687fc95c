"""Connectors: how an outside service's account is tested, read and brought up to date; one file each."""
