"""What there is to fill in on a block: the kinds there are, and the fields of a kind's content as a form draws them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from ionflux_core.blocks import registry


@dataclass(frozen=True, slots=True)
class BlockField:
    """One field of a content. `widget` is one of those that `blocks.base.Content` lists.

    `optional` fields hold None while they are empty. `when` says by another field's name which values it must have
    for this one to matter. `low` and `high` bound a number; `accepts` begins the media type of a file.
    """

    name: str
    title: str
    description: str
    widget: str
    choices: tuple[str, ...] = ()
    optional: bool = False
    low: int | None = None
    high: int | None = None
    accepts: str = ""
    when: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KindLine:
    """A kind of block as it is offered: `width` and `height` of a new one in cells."""

    type: str
    title: str
    hint: str
    icon: str
    width: int
    height: int
    computes: bool


@cache
def kinds() -> tuple[KindLine, ...]:
    """The kinds of blocks, in the order they are offered."""
    return tuple(
        KindLine(each.type, each.title, each.hint, each.icon, each.size.width, each.size.height, each.computes)
        for each in registry.kinds().values()
    )


def kind_title(type: str) -> str:
    """What a kind is called; of one that is not known its type."""
    kind = registry.kinds().get(type)
    return kind.title if kind else type


@cache
def fields(type: str) -> tuple[BlockField, ...]:
    """The fields of a kind's content; Invalid when there is no such kind. Those edited in the block are left out."""
    found = [_field(name, info) for name, info in registry.kind_of(type).model.model_fields.items()]
    return tuple(each for each in found if each.widget != "none")


def _field(name: str, info: FieldInfo) -> BlockField:
    extra: dict[str, Any] = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    parts = get_args(info.annotation)
    is_choice = get_origin(info.annotation) is Literal
    return BlockField(
        name=name,
        title=info.title or name.replace("_", " ").capitalize(),
        description=info.description or "",
        widget=str(extra.get("widget") or ("choice" if is_choice else _widget(info.annotation))),
        choices=tuple(str(part) for part in parts) if is_choice else (),
        optional=type(None) in parts,
        low=_bound(info, "ge"),
        high=_bound(info, "le"),
        accepts=str(extra.get("accepts", "")),
        when=extra.get("when", {}),
    )


def _widget(annotation: Any) -> str:
    if annotation is bool:
        return "switch"
    return "number" if annotation in (int, float) else "line"


def _bound(info: FieldInfo, name: str) -> int | None:
    return next((getattr(each, name) for each in info.metadata if hasattr(each, name)), None)
