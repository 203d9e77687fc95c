"""Which block of a page reads which: by what its texts name, and by what its kind names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from ionflux_core.blocks import registry
from ionflux_core.blocks.base import BlockKind
from ionflux_core.domain import references
from ionflux_core.domain.canvas import CanvasBlock, CanvasPage
from ionflux_core.errors import Invalid

_READ = re.compile(rf"(\{{\{{\s*blocks\.)({references.NAME})(\.output\b)")


def reads(block: CanvasBlock) -> set[str]:
    """The names of the blocks a block reads; of a kind nobody knows, those its texts name."""
    named = {reference.block for reference in references.found(block.content)}
    kind = registry.kinds().get(block.type)
    if kind is None or type(kind).references is BlockKind.references:
        return named
    try:
        return named | set(kind.references(kind.model.model_validate(block.content)))
    except ValueError:
        # Written by another version of the program, and no longer what the kind takes.
        return named


def may_be_stale(block: CanvasBlock) -> bool:
    """Whether a block computes something and is set up to do so."""
    kind = registry.kinds().get(block.type)
    if kind is None or not kind.computes:
        return False
    if type(kind).ready is BlockKind.ready:
        return True
    try:
        return kind.ready(kind.model.model_validate(block.content))
    except ValueError:
        return False


def dependants(blocks: Iterable[CanvasBlock], names: Iterable[str]) -> set[str]:
    """The names of all blocks that read one of these, directly or through others."""
    return references.dependants({block.name: reads(block) for block in blocks}, names)


def refuse_cycle(page: CanvasPage, block: CanvasBlock) -> None:
    """Raise Invalid, with the path, when a block of this page reads itself, be it through others."""
    graph = {block.name: reads(block), **{each.name: reads(each) for each in page.blocks}}
    path = references.cycle(graph)
    if path:
        raise Invalid(
            f"This would make a block read itself: {' → '.join(path)}.",
            hint="Take one of these references out.",
            code="reference_cycle",
        )


def renamed(block: CanvasBlock, old: str, new: str) -> dict[str, Any]:
    """The content of a block that from now on reads `new` where it has read `old`."""

    def name(text: str) -> str:
        return _READ.sub(lambda match: f"{match[1]}{new}{match[3]}" if match[2] == old else match[0], text)

    content: dict[str, Any] = _each_text(block.content, name)
    for field in fields_of(block.type, "block"):
        if content.get(field) == old:
            content[field] = new
    return content


def fields_of(type: str, widget: str) -> list[str]:
    """The fields of a kind's content that are edited with this widget; none of a kind nobody knows."""
    kind = registry.kinds().get(type)
    if kind is None:
        return []
    extras = ((name, field.json_schema_extra) for name, field in kind.model.model_fields.items())
    return [name for name, extra in extras if isinstance(extra, dict) and extra.get("widget") == widget]


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    """A JSON-like value with every text changed; keys stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _each_text(item, change) for key, item in value.items()}
    return [_each_text(item, change) for item in value] if isinstance(value, list) else value
