"""What differs between two versions of a configuration: by structure, with no secret ever told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ionflux_core.domain.differences import Difference, TextDifference, json_difference, text_difference
from ionflux_core.errors import Invalid
from ionflux_core.redaction import MASK, Redactor
from ionflux_core.yaml_text import load

_REFERENCE = re.compile(r"secret://[\w./-]+")
_SECRET_NAME = re.compile(
    r"(?:^|[_\W])(?:password|passwd|passphrase|pin|secret|token|api_?key|private_?key|credentials?)"
    r"(?:_?(?:value|text))?\]?\"?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ConfigurationDifference:
    """Two versions of a configuration: what differs by path, and their text side by side.

    `structured` is false when one of them is no YAML, and only the text could be compared.
    """

    values: Difference
    text: TextDifference
    structured: bool = True

    @property
    def same(self) -> bool:
        """True when both mean the same: blocks may have moved, comments and blanks may differ."""
        return self.structured and self.values.same


def configuration_difference(left: str, right: str, redactor: Redactor) -> ConfigurationDifference:
    """How two versions of a YAML text differ; a block that moved is no change, and a secret is shown as its name."""
    text = text_difference(masked_text(left, redactor), masked_text(right, redactor))
    try:
        before, after = load(left).numbers(), load(right).numbers()
    except Invalid:
        return ConfigurationDifference(Difference(), text, structured=False)
    values = json_difference(
        before, after, shown=lambda path, value: masked_value(path, value, redactor), named=redactor.text
    )
    return ConfigurationDifference(values, text)


def masked_value(path: str, value: Any, redactor: Redactor) -> Any:
    """What may be told of a value: references by their names, everything known or looking like a secret masked."""
    if isinstance(value, dict):
        return {redactor.text(key): masked_value(f"{path}.{key}", item, redactor) for key, item in value.items()}
    if isinstance(value, list):
        return [masked_value(path, item, redactor) for item in value]
    if isinstance(value, str) and _REFERENCE.fullmatch(value):
        return value
    if _SECRET_NAME.search(path) and value not in (None, "", True, False):
        return MASK
    return redactor.tree(value)


def masked_text(text: str, redactor: Redactor) -> str:
    """A YAML text in which values that are or look like secrets are masked, also those that only their key betrays."""
    return "\n".join(_masked_line(line) for line in redactor.text(text).split("\n"))


_LINE = re.compile(r"^(\s*(?:- )?[\"']?([\w.-]{1,120})[\"']?\s*:[ \t]+)([\"']?)([^\s#\"'|>{\[][^#\n]*)$")


def _masked_line(line: str) -> str:
    found = _LINE.match(line)
    if found is None or not _SECRET_NAME.search(found[2]) or _REFERENCE.match(found[4]):
        return line
    return f"{found[1]}{found[3]}{MASK}{found[3]}"
