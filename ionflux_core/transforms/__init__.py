"""The transforms of flows: one typed function each, one file per family; `registry` finds them."""
