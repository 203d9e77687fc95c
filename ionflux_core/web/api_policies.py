"""The API's policies and channels: what may go out without asking, and which ways out are connected."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from ionflux_core.domain.policies import ChannelSettings, Policy
from ionflux_core.services.policies import ChannelState
from ionflux_core.web.api_here import Answer, Body, Editing, Here, Reading
from ionflux_core.web.auth import require

router = APIRouter(tags=["approvals"])


class PolicyList(Body):
    """Rules in their order: the first that fits decides; without one a person is asked."""

    policies: list[Policy] = Field(max_length=200)


class OutboundChannel(Answer):
    """A way out as the workspace has it."""

    kind: str
    title: str
    description: str
    connected: bool
    known_options: dict[str, str]
    settings: ChannelSettings


class OutboundChannels(Answer):
    """Every way out there is."""

    channels: list[OutboundChannel]


@router.get("/policies")
def get_policies(here: Reading) -> PolicyList:
    """The rules of the workspace."""
    return PolicyList(policies=here.application.policies.find(here.workspace_id))


@router.put("/policies")
def put_policies(here: Editing, wanted: PolicyList) -> PolicyList:
    """Replace the rules; for owners."""
    _for_owners(here)
    return PolicyList(policies=here.application.policies.save(here.workspace_id, wanted.policies))


@router.get("/outbound/channels")
def get_channels(here: Reading) -> OutboundChannels:
    """The ways out, and whether they are connected."""
    found = here.application.policies.channels(here.workspace_id)
    return OutboundChannels(channels=[_channel(each) for each in found])


@router.put("/outbound/channels/{kind}")
def put_channel(here: Editing, kind: str, wanted: ChannelSettings) -> OutboundChannel:
    """Connect a way out or put it back into dry run; for owners."""
    _for_owners(here)
    saved = here.application.policies.set_channel(here.workspace_id, kind, wanted.model_dump(mode="json"))
    return _channel(saved)


def _for_owners(here: Here) -> None:
    require("owner", here.who)


def _channel(state: ChannelState) -> OutboundChannel:
    return OutboundChannel(
        kind=state.kind,
        title=state.title,
        description=state.description,
        connected=state.connected,
        known_options=dict(state.known_options),
        settings=state.settings,
    )
