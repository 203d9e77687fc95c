"""Loads the agent as the catalog does, so that tests import the files beside it by the same name."""

from pathlib import Path

from ionflux_core.catalog.loader import Catalog

Catalog([Path(__file__).parents[1]]).code("sales_sentinel")
