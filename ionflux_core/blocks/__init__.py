"""Kinds of blocks on a page: one file each, found by `registry`; the screen draws what `view` gives it."""
