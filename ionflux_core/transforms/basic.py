"""The smallest ones: a line in the log, and nothing at all."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

from pydantic import Field

from ionflux_core.sdk import Context
from ionflux_core.transforms.base import EMPTY, Example, transform


class Logged(TypedDict):
    """What was logged."""

    message: Annotated[str, "The line."]


@transform(
    "log",
    title="Write a log line",
    family="basic",
    alone=True,
    examples=[Example("A line", {"message": "The order has come."}, {"message": "The order has come."})],
)
def log(
    ctx: Context,
    message: Annotated[str, "The line.", Field(max_length=16_000)],
    level: Annotated[Literal["debug", "info", "warning", "error"], "How serious it is."] = "info",
    data: Annotated[dict[str, Any], "Further values, kept beside the line."] = EMPTY,
) -> Logged:
    """Write a line into the run's log."""
    # Names of its own could stand in the way of the line's.
    ctx.log(message, level=level, **({"data": data} if data else {}))
    return {"message": message}


class Passed(TypedDict):
    """What was handed on."""

    value: Annotated[Any, "The value as it came."]


@transform("noop", title="Do nothing", family="basic",
           examples=[Example("A value goes through", {"value": {"total": 12}}, {"value": {"total": 12}})])  # fmt: skip
def noop(value: Annotated[Any, "Any value."] = None) -> Passed:
    """Do nothing but hand a value on; a place to join branches, or to try a flow before its parts are there."""
    return {"value": value}
