"""What a block keeps of a run's outputs: those that fit, and the begin of those that are too large to be read here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from ionflux_core.blocks.shown import SHOWN_BYTES, cut_text, shown
from ionflux_core.errors import Invalid
from ionflux_core.limits import CANVAS_OUTPUT_BYTES, KIB

_ROOM: Final = CANVAS_OUTPUT_BYTES * 3 // 4
_LARGEST: Final = 256 * KIB


def kept(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """{"outputs": {key: value}, "cut": {key: {size, begin}}}, together less than a block may keep."""
    room, whole, cut = _ROOM, dict[str, Any](), dict[str, Any]()
    for key, value in outputs.items():
        stored = value.get("storage_ref") if isinstance(value, Mapping) else None
        if isinstance(stored, Mapping):
            # So large that the run itself keeps it in a file.
            cut[key] = {"size": int(stored.get("size") or 0), "begin": ""}
            continue
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        size = len(text.encode("utf-8", "replace"))
        if size <= min(room, _LARGEST):
            whole[key] = value
            room -= size
        else:
            begin = cut_text(text, min(SHOWN_BYTES, max(room, 0)))[0]
            cut[key] = {"size": size, "begin": begin}
            room -= len(begin.encode())
    return {"outputs": whole, "cut": cut}


def keys(stored: Any) -> list[str]:
    """The keys of kept outputs."""
    whole, cut = _parts(stored)
    return [*whole, *cut]


def whole(stored: Any) -> Mapping[str, Any]:
    """The outputs that were kept whole, by key."""
    return _parts(stored)[0]


def value(stored: Any, key: str) -> Any:
    """An output for another block to read; Invalid when it is too large for that, KeyError when it is not there."""
    outputs, cut = _parts(stored)
    if key in cut:
        raise Invalid(
            f"The output {key!r} is too large to be read by another block ({cut[key]['size'] // KIB} KiB).",
            hint="Let the agent give a shorter output.",
            code="output_too_large",
        )
    return outputs[key]


def drawn(stored: Any, key: str | None, type: str | None) -> dict[str, Any] | None:
    """An output as a page shows it; None when it is not there."""
    outputs, cut = _parts(stored)
    if key is None:
        return None
    if key in cut:
        kind = "markdown" if type == "markdown" else "text"
        return {"kind": kind, "text": cut[key]["begin"], "cut": True, "size": cut[key]["size"]}
    return shown(outputs.get(key), type)


def _parts(stored: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    if not isinstance(stored, Mapping) or not isinstance(stored.get("outputs"), Mapping):
        return {}, {}
    cut = stored.get("cut")
    return stored["outputs"], cut if isinstance(cut, Mapping) else {}
