"""What a step was given: a short readable form for people, a hash for the machine, and the way back where one is."""

from __future__ import annotations

import hashlib
from typing import Any

from pydantic_core import from_json, to_json

from ionflux_core.redaction import hidden

NO_INPUTS = hashlib.sha256(b"[]").hexdigest()
_PREVIEW_ITEMS = 20
_PREVIEW_CHARS = 500
_WHOLE_BYTES = 64 * 1024


def hash_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """The hash of what a step was given; plain JSON and what only looks like it (a date, a tuple) hash differently."""
    if not args and not kwargs:
        return NO_INPUTS
    text = to_json([args, kwargs], fallback=_name_of, inf_nan_mode="null")
    is_plain = len(text) <= _WHOLE_BYTES and from_json(text) == [list(args), kwargs]
    return hashlib.sha256(text if is_plain else b"~" + text).hexdigest()


def _name_of(value: Any) -> str:
    # A context is the same thing to a step whether it runs, rehearses or is replayed.
    return str(getattr(type(value), "journaled_as", type(value).__qualname__))


def preview_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A short readable form of what a step was given; long lists and texts are cut and say so."""
    return hidden(_preview({"args": args, **kwargs} if args else kwargs)) if args or kwargs else None


def whole(inputs: Any, inputs_hash: str | None) -> tuple[list[Any], dict[str, Any]] | None:
    """Arguments and keywords of a step as its record keeps them; None when the record is cut or was not plain JSON."""
    if not isinstance(inputs, dict) or not inputs:
        return None
    kwargs = {name: value for name, value in inputs.items() if name != "args"}
    args = inputs.get("args", [])
    # A keyword may itself be called args.
    if isinstance(args, list) and hash_of(tuple(args), kwargs) == inputs_hash:
        return args, kwargs
    return ([], inputs) if hash_of((), inputs) == inputs_hash else None


def _preview(value: Any, depth: int = 4) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return value if len(value) <= _PREVIEW_CHARS else f"{value[:_PREVIEW_CHARS]} … ({len(value)} characters)"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, dict):
        if depth == 0:
            return f"{len(value)} keys"
        return {str(key): _preview(item, depth - 1) for key, item in list(value.items())[:_PREVIEW_ITEMS]}
    if isinstance(value, (list, tuple, set, frozenset)):
        if depth == 0:
            return f"{len(value)} items"
        shown = [_preview(item, depth - 1) for item in list(value)[:_PREVIEW_ITEMS]]
        return shown if len(value) <= _PREVIEW_ITEMS else [*shown, f"… {len(value) - _PREVIEW_ITEMS} more"]
    text = str(value)
    return text if len(text) <= _PREVIEW_CHARS else f"{text[:_PREVIEW_CHARS]} …"
