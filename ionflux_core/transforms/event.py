"""Events of the platform, which start other flows and agents."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

from pydantic import Field

from ionflux_core.sdk import Context
from ionflux_core.transforms.base import EMPTY, Example, transform


class Published(TypedDict):
    """An event that was published."""

    event_id: Annotated[str, "Its id."]
    type: Annotated[str, "Its type."]


@transform(
    "event.publish",
    title="Publish an event",
    examples=[Example("A large order", {"type": "shop.order.large", "payload": {"order": 1001}},
                      {"event_id": "event-1", "type": "shop.order.large"})],
)  # fmt: skip
def publish(
    ctx: Context,
    type: Annotated[str, "Words joined by dots, such as shop.order.large.", Field(min_length=1, max_length=200)],
    payload: Annotated[dict[str, Any], "What it tells."] = EMPTY,
    key: Annotated[str, "With the same key it is published once, ever.", Field(max_length=300)] = "",
) -> Published:
    """Publish an event; whoever listens to its type is started with the payload."""
    return {"event_id": ctx.emit(type, payload, key=key or None), "type": type}
