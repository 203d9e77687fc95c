"""The parts of the Context, each behind a Protocol: records, model, network, memory, chat, pages, accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypedDict, Unpack

from ionflux_core.domain.dialogue import Image, Message, Tool
from ionflux_core.sdk.values import Completion, Record, Said

if TYPE_CHECKING:
    from pydantic import BaseModel


class Asking(TypedDict, total=False):
    """How a model is asked; everything may be left out.

    `messages`: the conversation before the prompt. `images`: shown with the prompt. `tools`: what it may ask for; its
    wishes come back in `tool_calls` and nothing is done by itself. `schema`: a pydantic model or a JSON schema that
    `data` of the answer will fit; a model that misses it is told so once. `models`: `provider:name` in the order they
    are to be tried, in place of the configured one. `pinned`: the first of them or none.
    """

    messages: Iterable[Message]
    system: str | None
    max_tokens: int
    temperature: float | None
    tools: Iterable[Tool]
    schema: type[BaseModel] | Mapping[str, Any] | None
    images: Iterable[Image]
    models: Iterable[str]
    pinned: bool


class Records(Protocol):
    """The instance's own collections (`tables` in the manifest): small JSON rows with a key and a time.

    What is written is seen by the agent's own reads at once, and stored with the transaction of its step: a step
    that fails or is cut off leaves no row behind. Read inside of a step, too: a replay knows what a step returned, and
    nothing of what was read between steps.
    """

    def put(self, collection: str, key: str, data: Mapping[str, Any], *, at: datetime | None = None) -> None:
        """Insert or replace one row."""

    def put_many(self, collection: str, rows: Iterable[tuple[str, Mapping[str, Any], datetime]]) -> int:
        """Insert or replace rows of (key, data, at) in one transaction; the number of rows."""

    def get(self, collection: str, key: str) -> Record | None:
        """The row with this key, or None."""

    def find(
        self,
        collection: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        prefix: str = "",
        limit: int = 100_000,
        newest_first: bool = False,
    ) -> list[Record]:
        """Rows with since <= at < until whose key starts with `prefix`, by time."""

    def delete(self, collection: str, key: str) -> bool:
        """Remove one row; False when it was not there."""


class Llm(Protocol):
    """The model the configuration chose; without a key the local engine, labelled as such.

    Every answer is a step; every attempt at one, failed or not, is a call of the run.
    """

    def complete(self, prompt: str = "", **how: Unpack[Asking]) -> Completion:
        """One answer."""

    def stream(
        self, prompt: str = "", *, on_text: Callable[[str], None] | None = None, **how: Unpack[Asking]
    ) -> Completion:
        """One answer, shown on the run's page while it is being written.

        `on_text` is given every piece; it starts over with a new attempt, and is not called for a recorded answer.
        """

    def embed(self, texts: Iterable[str], *, model: str | None = None) -> list[list[float]]:
        """One vector for each text, of the workspace's embedding model; vectors of two models cannot be compared."""


class HttpResponse(Protocol):
    """What an outside server answered."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Response headers, names in lower case."""

    @property
    def content(self) -> bytes:
        """The body."""

    def json(self) -> Any:
        """The body read as JSON; Invalid when it is not."""


class Http(Protocol):
    """The guarded way out: no private addresses, limits on size and time, journaled as a call of the run."""

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | None = None,
        timeout: float | None = None,
    ) -> HttpResponse:
        """One request; header values may be `secret://name` references."""


class Recalled(Protocol):
    """One memory that came back, with its likeness to the query (cosine, -1 to 1)."""

    @property
    def text(self) -> str:
        """The remembered text."""

    @property
    def score(self) -> float:
        """Cosine similarity to the query."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What was stored beside the text."""


class MemoryStore(Protocol):
    """The instance's vector memory, in the namespace its configuration resolved to."""

    def remember(self, text: str, metadata: Mapping[str, Any] | None = None, *, id: str | None = None) -> str:
        """Store a text; the same id replaces. Returns the id."""

    def recall(self, query: str, *, limit: int = 5) -> list[Recalled]:
        """The nearest texts, best first."""


class Chat(Protocol):
    """The chat of the workspace. Every call is a step; what is posted is posted once, whatever happens to the run."""

    def post(
        self,
        channel: str,
        text: str = "",
        *,
        thread: str | None = None,
        proposal: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> str:
        """Say something in a channel (its name or id; a name that is not there is made) and give the message's id.

        `thread` is the id of the message that is answered. `proposal` has title, description, data, actions
        ({action_id, label, style}), kind and reference, as `domain.chat.Proposal` tells. The same `key` of this
        instance is posted once, ever; without one it is the step. In a dry run nothing is said.
        """

    def messages(
        self, channel: str, *, thread: str | None = None, since: datetime | None = None, limit: int = 1_000
    ) -> list[Said]:
        """What was said in a channel without the answers in threads, or in one thread with its first message.

        Oldest first, the newest `limit` of them (at most 10,000). Private channels and direct talks are not read.
        """


class Pages(Protocol):
    """The pages of the workspace. Every call is a step."""

    def write(
        self, title: str, blocks: Sequence[Mapping[str, Any]], *, key: str, parent: str | None = None, icon: str = ""
    ) -> str:
        """A page made of these blocks ({type, content, name}); its id. The same `key` of this instance has one page.

        A page that is there gets title and blocks anew (its history keeps the earlier ones). `parent` is a page's id.
        In a dry run nothing is written.
        """


class Accounts(Protocol):
    """The accounts a workspace has connected (`shopify`, `slack` ...)."""

    def connected(self, connector: str) -> bool:
        """Whether there is a working account of this kind."""

    def read(self, connector: str, what: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """One reading of a connected account, such as `("slack", "replies", {"channel": "C1", "thread": "17.2"})`.

        A step; what comes back is plain JSON and counts as words from outside. NotFound when no account is connected.
        """
