"""What tests of pages share: the canvas of a world, a kind that computes, and contents of blocks."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import Field

from ionflux_core.blocks import registry
from ionflux_core.blocks.base import BlockKind, Content, Surroundings
from ionflux_core.domain.canvas import CanvasBlock
from ionflux_core.services.canvas import Canvas
from tests.agents_for_tests.world import World, world

__all__ = ["Sum", "canvas", "kinds", "reading", "text", "world"]


class SumContent(Content):
    """Two fields, one of which names a block."""

    title_text: str = ""
    source: str = Field("", json_schema_extra={"widget": "block"})
    formula: str = ""


class Sum(BlockKind[SumContent]):
    """A kind for tests that computes and reads others, by name and in its text."""

    type = "sum_for_tests"
    title = "Sum"
    hint = ""
    icon = "calculate"
    computes = True
    model = SumContent

    def references(self, content: SumContent) -> list[str]:
        """The block it is pointed at."""
        return [content.source] if content.source else []

    def view(self, content: SumContent, block: CanvasBlock, here: Surroundings) -> dict[str, Any]:
        """Nothing to see."""
        return {}


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real kinds, and one that computes."""
    known = {**registry.kinds(), Sum.type: Sum()}
    monkeypatch.setattr(registry, "kinds", lambda: known)


@pytest.fixture
def canvas(world: World, kinds: None) -> Canvas:
    """The canvas of a world with one workspace, on both databases."""
    assert world.workspace
    return world.app.canvas


def text(words: str, title: str = "") -> dict[str, Any]:
    """The content of a text block."""
    return {"title_text": title, "markdown_text": words}


def reading(name: str) -> str:
    """A text that reads another block."""
    return f"See {{{{ blocks.{name}.output }}}}."
