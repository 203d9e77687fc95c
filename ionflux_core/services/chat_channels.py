"""Channels: who may see them, what they are called, and what of them a person has not read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from ionflux_core.domain.chat import Channel, ChannelDraft, ChannelType, visible_to
from ionflux_core.errors import Conflict, Forbidden, Invalid, NotFound
from ionflux_core.ids import new_id, now
from ionflux_core.services.workspaces import checked_name, validated
from ionflux_core.storage import audit, chat_names
from ionflux_core.storage import chat as rows
from ionflux_core.storage.chat_names import Person
from ionflux_core.storage.engine import Connection, Database

DEFAULTS: Mapping[str, str] = {
    "general": "For everything.",
    "alerts": "Failed runs, and questions that wait for an answer.",
}
# The name under which a direct channel is stored; people see the other's name.
_DIRECT = "dm:"
_TYPES: tuple[ChannelType, ...] = ("public", "agent_dedicated", "private", "dm")


class ChatChannels:
    """Use-cases around channels. Who may not see a channel is told the same as if there were none."""

    def __init__(
        self,
        db: Database,
        refuse_secrets: Callable[[str, Any, str], None],
        instance: Callable[[str, str], Any],
        changed: Callable[[str, str], None],
    ) -> None:
        self._db = db
        self._refuse_secrets = refuse_secrets
        self._instance = instance
        self._changed = changed
        # Workspaces that have had a channel: they need not be looked at again.
        self._begun: set[str] = set()

    def channels(self, workspace_id: str, *, user_id: str, archived: bool = False) -> list[Channel]:
        """The channels a person may see, with what they have not read; archived ones only when asked for."""
        self.ensure_defaults(workspace_id)
        with self._db.read() as connection:
            known = rows.channels(connection, workspace_id)
            unread = rows.unread(connection, workspace_id, user_id)
            direct = any(each.type == "dm" for each in known)
            people = chat_names.people(connection, workspace_id) if direct else []
        seen = [each for each in known if visible_to(each, user_id) and (archived or each.status == "active")]
        marked = [_marked(_shown(each, user_id, people), unread) for each in seen]
        return sorted(marked, key=lambda each: (_TYPES.index(each.type), each.name.casefold()))

    def channel(self, workspace_id: str, channel_id: str, user_id: str) -> Channel:
        """One channel as a person sees it; NotFound when it is not there or not for them."""
        with self._db.read() as connection:
            found = self._seen(connection, workspace_id, channel_id, user_id)
            people = chat_names.people(connection, workspace_id) if found.type == "dm" else []
            return _marked(_shown(found, user_id, people), rows.unread(connection, workspace_id, user_id))

    def channel_named(self, workspace_id: str, name: str) -> Channel | None:
        """The channel of this name, whoever may see it."""
        with self._db.read() as connection:
            return rows.channel_named(connection, workspace_id, name)

    def create_channel(self, workspace_id: str, draft: ChannelDraft | Mapping[str, Any], *, by: str) -> Channel:
        """A new channel; who makes a private one is a member. The direct channel of two people is made once."""
        self.ensure_defaults(workspace_id)
        wanted = validated(ChannelDraft, _named(draft), "channel")
        self._refuse_secrets(workspace_id, wanted.model_dump(), "The channel")
        with self._db.read() as connection:
            values = self._checked(connection, workspace_id, wanted, by)
        made = self._insert(workspace_id, values)
        if not made and wanted.type != "dm":
            raise Conflict(f"There is a channel {values['name']!r} already.", hint="Choose another name.")
        found = self.channel_named(workspace_id, values["name"])
        assert found is not None
        return self.channel(workspace_id, found.id, by)

    def ensure_channel(self, workspace_id: str, name: str, type: ChannelType = "public") -> Channel:
        """The channel of this name, made when it is not there."""
        found = self.channel_named(workspace_id, name)
        if found is None:
            self.ensure_defaults(workspace_id)
            self._make(workspace_id, name, type)
            found = self.channel_named(workspace_id, name.strip())
            assert found is not None
        return found

    def ensure_defaults(self, workspace_id: str) -> None:
        """The two channels every workspace begins with; afterwards they are its own to rename and to put away."""
        if workspace_id in self._begun:
            return
        with self._db.read() as connection:
            begun = bool(rows.channels(connection, workspace_id))
        for name in () if begun else DEFAULTS:
            self._make(workspace_id, name, "public")
        self._begun.add(workspace_id)

    def _make(self, workspace_id: str, name: str, type: ChannelType) -> None:
        wanted = ChannelDraft(name=checked_name(name, "channel"), type=type, description=DEFAULTS.get(name, ""))
        self._insert(workspace_id, wanted.model_dump())

    def save_channel(self, workspace_id: str, channel_id: str, changes: Mapping[str, Any], *, by: str) -> Channel:
        """Change a channel's name, description, members or instance; its type stays, or private words came to light."""
        self._refuse_secrets(workspace_id, dict(changes), "The channel")

        def work(connection: Connection) -> None:
            found = self._seen(connection, workspace_id, channel_id, by)
            if changes.get("type", found.type) != found.type:
                raise Conflict("A channel cannot become one of another type.", hint="Make another channel.")
            if found.type == "dm" and {"name", "members"} & set(changes):
                raise Conflict("A direct channel belongs to its two people.", hint="Make a private channel.")
            merged = found.model_dump(include=set(ChannelDraft.model_fields)) | dict(changes)
            if found.type == "dm":
                self._save(connection, workspace_id, found, by, description=_description(merged))
                return
            values = self._checked(connection, workspace_id, validated(ChannelDraft, merged, "channel"), by, found)
            taken = rows.channel_named(connection, workspace_id, values["name"])
            if taken is not None and taken.id != channel_id:
                raise Conflict(f"There is a channel {values['name']!r} already.", hint="Choose another name.")
            del values["type"]
            self._save(connection, workspace_id, found, by, **values)

        self._db.write(work)
        self._tell(workspace_id, channel_id)
        with self._db.read() as connection:
            saved = rows.channel(connection, workspace_id, channel_id)
        assert saved is not None
        return saved

    def set_channel_status(
        self, workspace_id: str, channel_id: str, status: Literal["active", "archived"], *, by: str
    ) -> Channel:
        """Put a channel away or bring it back; its messages stay."""

        def work(connection: Connection) -> None:
            found = self._seen(connection, workspace_id, channel_id, by)
            self._save(connection, workspace_id, found, by, status=status)

        self._db.write(work)
        self._tell(workspace_id, channel_id)
        return self.channel(workspace_id, channel_id, by)

    def mark_read(self, workspace_id: str, channel_id: str, user_id: str, message_id: str) -> None:
        """Note that a person has read a channel up to a message; never backwards."""
        with self._db.read() as connection:
            self._seen(connection, workspace_id, channel_id, user_id)
            found = rows.message(connection, workspace_id, message_id)
            if found is None or found.channel_id != channel_id:
                raise NotFound("There is no such message.", hint="Reload the page.")
            if (rows.last_read(connection, channel_id, user_id) or "") >= message_id:
                return
            if user_id not in {each.id for each in chat_names.people(connection, workspace_id)}:
                raise Forbidden("Only a person reads.", hint="Use a token with the role owner.")
        if self._db.write(lambda c: rows.mark_read(c, channel_id, user_id, message_id, now())):
            self._changed(workspace_id, "chat")

    def unread(self, workspace_id: str, user_id: str) -> int:
        """How many messages a person has not read, counted up to 100 in each channel."""
        return sum(each.unread for each in self.channels(workspace_id, user_id=user_id))

    def _seen(self, connection: Connection, workspace_id: str, channel_id: str, user_id: str | None) -> Channel:
        """A channel that a person may see; None is the program itself, which may see all."""
        found = rows.channel(connection, workspace_id, channel_id)
        if found is None or (user_id is not None and not visible_to(found, user_id)):
            raise NotFound("There is no such channel.", hint="Choose one from the list.")
        return found

    def _checked(
        self, connection: Connection, workspace_id: str, wanted: ChannelDraft, by: str, before: Channel | None = None
    ) -> dict[str, Any]:
        """What is stored of a channel; Invalid when it names people or an instance that are not there."""
        members = list(dict.fromkeys(wanted.members))
        strangers = set(members) - {each.id for each in chat_names.people(connection, workspace_id)}
        if before is not None:
            strangers -= set(before.members)
        if strangers:
            raise Invalid("A member of the channel does not belong to the workspace.", hint="Choose from the list.")
        if wanted.type == "dm":
            return {**wanted.model_dump(), **_direct(members, by), "instance_id": None}
        if wanted.type == "private" and before is None and by not in members:
            members.insert(0, by)
        if wanted.type == "private" and not members:
            raise Invalid("A private channel needs a member.", hint="Archive it when nobody shall see it.")
        if wanted.type == "agent_dedicated":
            if not wanted.instance_id:
                raise Invalid("The channel needs the agent to talk with.", hint="Choose one of the instances.")
            self._instance(workspace_id, wanted.instance_id)
        name = checked_name(wanted.name, "channel")
        if name.startswith(_DIRECT):
            raise Invalid(f"The name of a channel cannot begin with {_DIRECT}", hint="Choose another name.")
        instance_id = wanted.instance_id if wanted.type == "agent_dedicated" else None
        kept = members if wanted.type == "private" else []
        return {**wanted.model_dump(), "name": name, "members": kept, "instance_id": instance_id}

    def _insert(self, workspace_id: str, values: Mapping[str, Any]) -> bool:
        at = now()
        row = {
            "id": new_id(), "workspace_id": workspace_id, **values, "status": "active", "last_message_id": None,
            "created_at": at, "updated_at": at,
        }  # fmt: skip
        made = self._db.write(lambda connection: rows.insert_channel(connection, row))
        if made:
            self._changed(workspace_id, "chat")
        return made

    @staticmethod
    def _save(connection: Connection, workspace_id: str, channel: Channel, by: str, **values: Any) -> None:
        at = now()
        rows.save_channel(connection, workspace_id, channel.id, updated_at=at, **values)
        details = {"fields": sorted(name for name, value in values.items() if value != getattr(channel, name))}
        audit.note(
            connection, workspace_id, at=at, who=by, action=values.get("status", "saved"), entity="channel",
            entity_id=channel.id, details=details,
        )  # fmt: skip

    def _tell(self, workspace_id: str, channel_id: str) -> None:
        self._changed(workspace_id, f"chat:{channel_id}")
        self._changed(workspace_id, "chat")


def _named(draft: ChannelDraft | Mapping[str, Any]) -> ChannelDraft | Mapping[str, Any]:
    """A direct channel has no name of its own to give."""
    if isinstance(draft, Mapping) and draft.get("type") == "dm":
        return {**draft, "name": draft.get("name") or "direct"}
    return draft


def _direct(members: list[str], by: str) -> dict[str, Any]:
    pair = sorted({*members, by})
    if len(pair) > 2:
        raise Invalid("A direct channel has two people.", hint="Make a private channel for more.")
    return {"name": _DIRECT + ":".join(pair), "members": pair}


def _description(values: Mapping[str, Any]) -> str:
    return validated(ChannelDraft, {"name": "direct", "description": values["description"]}, "channel").description


def _shown(channel: Channel, user_id: str, people: list[Person]) -> Channel:
    """A direct channel is called after the other one."""
    if channel.type != "dm":
        return channel
    names = {each.id: each.name for each in people}
    others = [member for member in channel.members if member != user_id] or [user_id]
    return channel.model_copy(update={"name": names.get(others[0], "Someone who left")})


def _marked(channel: Channel, unread: Mapping[str, tuple[int, bool]]) -> Channel:
    count, mentioned = unread.get(channel.id, (0, False))
    return channel.model_copy(update={"unread": count, "mentioned": mentioned})
