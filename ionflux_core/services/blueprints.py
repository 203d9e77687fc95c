"""Blueprints: flows that come with the product, to begin a flow of one's own from."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ionflux_core import yaml_text
from ionflux_core.domain.suggestions import did_you_mean
from ionflux_core.errors import NotFound
from ionflux_core.settings import ROOT

FOLDER = ROOT / "blueprints"


class Blueprint(NamedTuple):
    """A flow to begin from: what it is called, what it is for, and its text."""

    name: str
    title: str
    description: str
    yaml: str


class Blueprints:
    """Use-cases around blueprints; they are files, read once."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._found: list[Blueprint] = []

    def find(self) -> list[Blueprint]:
        """Every blueprint, the simplest first."""
        if not self._found:
            self._found = [_read(path) for path in sorted(self._folder.glob("*.yaml"))]
        return list(self._found)

    def get(self, name: str) -> Blueprint:
        """One blueprint; NotFound when there is none of that name."""
        known = {each.name: each for each in self.find()}
        if name not in known:
            raise NotFound(f"There is no blueprint {name[:80]!r}.", hint=did_you_mean(name, known))
        return known[name]

    def text(self, name: str, *, called: str | None = None) -> str:
        """The text of a blueprint, under another name where one is given; its comments stay."""
        text = self.get(name).yaml
        return yaml_text.set_value(text, ("name",), called) if called else text


def _read(path: Path) -> Blueprint:
    text = path.read_text(encoding="utf-8")
    head = yaml_text.load(text).data
    return Blueprint(head["name"], head["title"], head["description"], text)
