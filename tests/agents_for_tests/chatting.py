"""People and channels for tests of the chat."""

from __future__ import annotations

from typing import Any

from ionflux_core.domain.chat import Channel, Message
from ionflux_core.ids import new_id, now
from ionflux_core.storage.tables import memberships, users
from tests.agents_for_tests.world import World


class Room:
    """The channel `general` of a world, its owner, and how they speak."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ws = world.workspace
        self.chat = world.app.chat
        owner = world.app.workspaces.owner()
        self.me, self.my_name = owner.id, owner.name
        self.general = next(each for each in self.chat.channels(self.ws, user_id=self.me) if each.name == "general")

    def say(self, text: str, channel: Channel | None = None, **options: Any) -> Message:
        """The owner says something; `general` unless another channel is named."""
        sender = {"sender_id": self.me, "sender_name": self.my_name} | options
        return self.chat.post(self.ws, (channel or self.general).id, text=text, **sender)

    def agent_says(self, text: str = "", channel: Channel | None = None, **options: Any) -> Message:
        """An agent says something."""
        sender = {"sender_type": "agent", "sender_id": "an-instance", "sender_name": "Sentinel"} | options
        return self.chat.post(self.ws, (channel or self.general).id, text=text, **sender)

    def shown(self, channel: Channel | None = None, **page: Any) -> list[str]:
        """The texts of a page of a channel."""
        found = self.chat.messages(self.ws, (channel or self.general).id, user_id=self.me, **page)
        return [each.content.text_body for each in found]

    def person(self, name: str, *, role: str = "editor", workspace_id: str | None = None) -> str:
        """One more person of the workspace; their id."""
        at, user_id = now(), new_id()
        user = {"id": user_id, "email": f"{user_id}@test", "name": name, "profile": {}, "created_at": at}
        member = {"workspace_id": workspace_id or self.ws, "user_id": user_id, "role": role, "created_at": at}

        def work(connection: Any) -> None:
            connection.execute(users.insert(), {**user, "updated_at": at})
            connection.execute(memberships.insert(), member)

        self.world.app.db.write(work)
        return user_id
