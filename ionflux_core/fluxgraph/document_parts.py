"""The small parts of a flow's document: names, durations, limits, retries, and the ways a flow is started."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator

from ionflux_core.domain.spellings import SpelledModel
from ionflux_core.domain.triggers import (
    EventConfig,
    FlowConfig,
    Key,
    ManualConfig,
    ScheduleConfig,
    TriggerType,
    WebhookConfig,
)
from ionflux_core.limits import NAME_CHARS, RUN_STEPS, TEXT_CHARS

_PIECE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION_FORM = "write a number with a unit, such as 30s, 10m, 1h30m or 2d"
_MOST_SECONDS = 366 * 86_400.0


def seconds(written: Any) -> float:
    """A duration in seconds: a number of them, or text such as 1h30m; ValueError when it is neither."""
    if isinstance(written, int | float) and not isinstance(written, bool):
        total = float(written)
    else:
        text = written.strip().replace(" ", "") if isinstance(written, str) else ""
        pieces = _PIECE.findall(text)
        if not pieces or "".join(number + unit for number, unit in pieces) != text:
            raise ValueError(f"{str(written)[:40]!r} is no duration; {_DURATION_FORM}")
        total = sum(float(number) * _UNITS[unit] for number, unit in pieces)
    if not 0 < total <= _MOST_SECONDS:
        raise ValueError(f"{str(written)[:40]!r} must be more than nothing and at most 366 days")
    return total


def as_text(text: Any) -> Any:
    """A truth value or number that stands where text is meant, as it was written; anything else as it is."""
    if isinstance(text, bool | int | float):
        return str(text).lower() if isinstance(text, bool) else str(text)
    return text


_DURATION_SCHEMA = {"anyOf": [{"type": "string", "examples": ["30s", "10m", "1h"]}, {"type": "number"}]}
Duration = Annotated[float, BeforeValidator(seconds), WithJsonSchema(_DURATION_SCHEMA)]
Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
Name = Annotated[str, Field(max_length=NAME_CHARS)]
Text = Annotated[str, Field(max_length=TEXT_CHARS)]
# `when: true` and `if: false` are truth values for YAML and conditions for us.
_CONDITION_SCHEMA = {"type": ["string", "boolean"]}
Condition = Annotated[str, BeforeValidator(as_text), WithJsonSchema(_CONDITION_SCHEMA)]
TransformName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*(@[1-9][0-9]{0,3})?$")]
Called = Annotated[str, Field(min_length=1, max_length=NAME_CHARS)]
Scope = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*(:[A-Za-z0-9_.*/{} -]+)+$", max_length=300)]


class Part(BaseModel):
    """A piece of a document: frozen, and a key nobody knows is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Value(Part):
    """What the owner thinks a run is worth; charts label it as an estimate."""

    minutes_saved_per_run: float = Field(default=0, ge=0, le=100_000)


class Limits(Part):
    """What a run of the flow may take at most."""

    timeout: Duration | None = None
    max_steps: int = Field(default=1_000, ge=1, le=RUN_STEPS)
    budget_c_ion: float | None = Field(default=None, ge=0)
    max_parallel: int = Field(default=4, ge=1, le=64)
    concurrency: int = Field(default=1, ge=1, le=64)


class Retry(Part):
    """How often a failed step is tried again; the pause before each try grows by `factor`."""

    max: int = Field(default=0, ge=0, le=20)
    backoff: Duration = 5.0
    factor: float = Field(default=2.0, ge=1, le=10)
    jitter: bool = True


class Defaults(Part):
    """What holds for every node that does not say otherwise."""

    retry: Retry | None = None
    timeout: Duration | None = None


class HookConfig(WebhookConfig):
    """A flow's webhook: that of an agent, and the networks it may be called from (all when there are none)."""

    allowed_ips: tuple[str, ...] = Field(default=(), max_length=100)

    @field_validator("allowed_ips")
    @classmethod
    def _networks(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        for address in addresses:
            try:
                ipaddress.ip_network(address, strict=False)
            except ValueError as error:
                raise ValueError(f"{address[:60]!r} is no address and no network such as 203.0.113.0/24") from error
        return addresses


FLOW_TRIGGERS: dict[TriggerType, type[SpelledModel]] = {
    "schedule": ScheduleConfig,
    "event": EventConfig,
    "webhook": HookConfig,
    "manual": ManualConfig,
    "flow": FlowConfig,
}


class FlowTrigger(Part):
    """One way the flow is started. In the text its settings stand beside `type`, without a `config:` around them."""

    key: Key
    type: TriggerType
    description: Text = ""
    enabled: bool = True
    config: Annotated[
        ScheduleConfig | EventConfig | HookConfig | ManualConfig | FlowConfig, Field(discriminator="kind")
    ]


class Cache(Part):
    """How long a step's result is used again for the same inputs."""

    ttl: Duration


class Position(Part):
    """Where the picture shows the node."""

    x: float = Field(ge=-1e6, le=1e6)
    y: float = Field(ge=-1e6, le=1e6)
