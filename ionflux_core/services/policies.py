"""Policies and channels of a workspace: what may go out by itself, and which ways out are connected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ionflux_core.channels.base import Channel
from ionflux_core.domain.policies import ChannelSettings, Policy
from ionflux_core.errors import NotFound
from ionflux_core.services.workspaces import Workspaces


@dataclass(frozen=True, slots=True)
class ChannelState:
    """A channel as a workspace has it."""

    kind: str
    title: str
    description: str
    known_options: Mapping[str, str]
    settings: ChannelSettings

    @property
    def connected(self) -> bool:
        """Whether effects really go out."""
        return not self.settings.dry_run


class Policies:
    """Use-cases around policies and channels."""

    def __init__(self, workspaces: Workspaces, channels: Mapping[str, Channel]) -> None:
        self._workspaces = workspaces
        self._channels = channels

    def find(self, workspace_id: str) -> list[Policy]:
        """The rules in their order: the first that fits decides."""
        return list(self._workspaces.get(workspace_id).settings.policies)

    def save(self, workspace_id: str, policies: Sequence[Policy | Mapping[str, Any]]) -> list[Policy]:
        """Replace the rules; Invalid names what is wrong with one."""
        plain = [each.model_dump(mode="json") if isinstance(each, Policy) else dict(each) for each in policies]
        return list(self._workspaces.save_settings(workspace_id, {"policies": plain}).settings.policies)

    def channels(self, workspace_id: str) -> list[ChannelState]:
        """Every channel there is, with the workspace's settings for it."""
        chosen = self._workspaces.get(workspace_id).settings.channels
        return [
            ChannelState(
                channel.kind, channel.title, channel.description, channel.options,
                chosen.get(channel.kind, ChannelSettings()),
            )
            for channel in self._channels.values()
        ]  # fmt: skip

    def set_channel(self, workspace_id: str, kind: str, changes: Mapping[str, Any]) -> ChannelState:
        """Change a channel's settings: `dry_run`, `allow`, `options`."""
        if kind not in self._channels:
            raise NotFound(f"There is no channel {kind!r}.", hint=f"There are: {', '.join(self._channels)}.")
        self._workspaces.save_settings(workspace_id, {"channels": {kind: dict(changes)}})
        return next(each for each in self.channels(workspace_id) if each.kind == kind)
