"""Changes of names inside expressions: in conditions as a whole, in templates between the braces only."""

from __future__ import annotations

import re
from functools import lru_cache

_BRACES = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_QUOTED = r"'[^'\n]*'|\"[^\"\n]*\""
_OLDER = re.compile(
    rf"({_QUOTED})|(?<![\w.])(?:(trigger\s*\.\s*)payload|(agent\s*\.\s*)prm|(system\s*\.\s*timestamp_utc)_iso"
    r"|fluxgraph\s*\.\s*(instance_id))\b"
)


def renamed(text: str, kind: str, old: str, new: str) -> str:
    """A condition or template in which the node `old` is called `new`."""
    pattern = _node(old)

    def one(match: re.Match[str]) -> str:
        if match["quoted"]:
            return match[0]
        return f"{match['dot']}{new}" if match["dot"] else f"{match['open']}{new}{match['close']}"

    return _in_expressions(text, kind == "condition", lambda part: pattern.sub(one, part))


@lru_cache(maxsize=64)
def _node(old: str) -> re.Pattern[str]:
    name = re.escape(old)
    return re.compile(
        rf"(?<![\w.])(?P<dot>nodes\s*\.\s*){name}(?!\w)"
        rf"|(?<![\w.])(?P<open>nodes\s*\[\s*['\"]){name}(?P<close>['\"]\s*\])|(?P<quoted>{_QUOTED})"
    )


def modern_paths(text: str) -> str:
    """A text with older paths such as trigger.payload in today's spelling, wherever they stand in expressions."""
    if not any(word in text for word in ("payload", "prm", "timestamp_utc_iso", "fluxgraph")):
        return text
    return _in_expressions(text, "{{" not in text and "{%" not in text, lambda part: _OLDER.sub(_today, part))


def _today(match: re.Match[str]) -> str:
    if match[1]:
        return match[0]
    for group, end in ((2, "input_data"), (3, "config"), (4, "")):
        if match[group]:
            return f"{match[group]}{end}"
    return "run.id"


def _in_expressions(text: str, whole: bool, change: object) -> str:
    assert callable(change)
    if whole:
        return str(change(text))
    return _BRACES.sub(lambda match: str(change(match[0])), text)
