"""How a run speaks in the chat, writes pages and reads connected accounts; each is a journaled step of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ionflux_core.domain.runs import Run
from ionflux_core.errors import Invalid
from ionflux_core.runtime.calls import Calls
from ionflux_core.runtime.journal import Journal, plain_json
from ionflux_core.runtime.ports import Ports, Stepped
from ionflux_core.sdk import Said

HEARD, READ = "chat", "account"
"""The kinds of steps by which words from outside may come in."""
MESSAGES_MOST = 10_000


class JournaledChat:
    """The chat of the run's workspace."""

    def __init__(self, run: Run, ports: Ports, stepped: Stepped, key_of: Callable[[str | None], str]) -> None:
        self._run = run
        self._ports = ports
        self._stepped = stepped
        self._key_of = key_of

    def post(
        self,
        channel: str,
        text: str = "",
        *,
        thread: str | None = None,
        proposal: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> str:
        """Say something in a channel; the message's id, empty in a dry run."""
        buttons = plain_json(dict(proposal), "The proposal") if proposal else None
        said: str = self._stepped(
            "step", f"post in {channel}"[:120], self._post, (channel, text, thread, buttons, key), {}
        )
        return said

    def _post(self, channel: str, text: str, thread: str | None, proposal: Any, key: str | None) -> str:
        if self._run.dry_run:
            return ""
        return self._ports.rooms.post(self._run, channel, text, thread, proposal, self._key_of(key))

    def messages(
        self, channel: str, *, thread: str | None = None, since: datetime | None = None, limit: int = 1_000
    ) -> list[Said]:
        """What was said, oldest first."""
        if not 1 <= limit <= MESSAGES_MOST:
            raise Invalid(
                f"Between 1 and {MESSAGES_MOST:,} messages can be read.", hint="ctx.chat.messages(c, limit=50)"
            )
        moment = since.isoformat() if since else None
        heard = self._stepped(HEARD, f"read {channel}"[:120], self._messages, (channel, thread, moment, limit), {})
        return [Said(**(line | {"at": datetime.fromisoformat(line["at"])})) for line in heard]

    def _messages(self, channel: str, thread: str | None, since: str | None, limit: int) -> list[Said]:
        moment = datetime.fromisoformat(since) if since else None
        return self._ports.rooms.messages(self._run.workspace_id, channel, thread, moment, limit)


class JournaledPages:
    """The pages of the run's workspace."""

    def __init__(self, run: Run, ports: Ports, stepped: Stepped, key_of: Callable[[str | None], str]) -> None:
        self._run = run
        self._ports = ports
        self._stepped = stepped
        self._key_of = key_of

    def write(
        self, title: str, blocks: Sequence[Mapping[str, Any]], *, key: str, parent: str | None = None, icon: str = ""
    ) -> str:
        """A page made of these blocks; its id, empty in a dry run."""
        plain = plain_json([dict(each) for each in blocks], "The blocks")
        written: str = self._stepped("step", "write page", self._write, (title, plain, key, parent, icon), {})
        return written

    def _write(self, title: str, blocks: list[Any], key: str, parent: str | None, icon: str) -> str:
        if self._run.dry_run:
            return ""
        return self._ports.rooms.write_page(self._run, title, blocks, self._key_of(key), parent, icon)


class JournaledAccounts:
    """The accounts the run's workspace has connected."""

    def __init__(self, run: Run, journal: Journal, ports: Ports, stepped: Stepped) -> None:
        self._run = run
        self._ports = ports
        self._stepped = stepped
        self._calls = Calls(run, journal, ports)

    def connected(self, connector: str) -> bool:
        """Whether there is a working account of this kind."""
        known: bool = self._stepped("step", f"look for {connector}"[:120], self._connected, (connector,), {})
        return known

    def _connected(self, connector: str) -> bool:
        return self._ports.accounts.connected(self._run.workspace_id, connector)

    def read(self, connector: str, what: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """One reading of a connected account."""
        given = plain_json(dict(arguments or {}), f"What is asked of {connector}")
        return self._stepped(READ, f"{connector} {what}"[:120], self._read, (connector, what, given), {})

    def _read(self, connector: str, what: str, arguments: dict[str, Any]) -> Any:
        asked = {"connector": connector, "what": what, "arguments": arguments}
        with self._calls.recorded("http", connector, None, asked) as answer:
            found = self._ports.accounts.read(self._run.workspace_id, connector, what, arguments)
            answer.update(response={"items": len(found) if isinstance(found, list) else 1})
        return found
