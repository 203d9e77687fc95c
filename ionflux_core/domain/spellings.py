"""The base of everything read from a manifest: frozen, strict about keys, patient with their older spellings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator


class SpelledModel(BaseModel):
    """Frozen, unknown keys refused; `older_names` maps other spellings of a key to ours."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    older_names: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _rename(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        renamed: dict[Any, Any] = {}
        for key, value in data.items():
            name = cls.older_names.get(key, key)
            if name in renamed:
                raise ValueError(f"{key!r} and another spelling of {name!r} are both given")
            renamed[name] = value
        return renamed
