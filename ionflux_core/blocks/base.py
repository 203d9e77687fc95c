"""What a kind of block is: a content model, and what it shows, gives to others, and becomes on paper.

A new kind is one file here (a `Content` and a subclass of `BlockKind`, offered by `make`) and one in
`frontend/canvas/blocks/`, which draws the view.
"""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from ionflux_core.domain.canvas import CanvasBlock, Place
from ionflux_core.domain.runs import RunError


class Content(BaseModel):
    """The content of a block. A field's `json_schema_extra={"widget": ...}` says how it is edited.

    Widgets: `line` (default of text), `markdown`, `sql`, `json`, `lines`, `instance`, `definition`, `kpi`, `output` (of
    the chosen instance), `block`, `prompt`, `approval`, `page`, `file` (a stored file's reference, `accepts` begins its
    media type), `choice` (a Literal), `switch`, `number`, `variables` (a map of text), `none` (edited in the block
    itself). `when` {field: [values]} says for which values of another field this one matters.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


C = TypeVar("C", bound=Content)

# In place of an agent's slug: the figure is one of the catalogue, of the whole workspace.
WORKSPACE_FIGURES: Final = "*"


@dataclass(frozen=True, slots=True)
class Computed:
    """What a block was computed to: its output, or why there is none; `run_id` when a run made it."""

    output: Any = None
    error: RunError | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """A run to start for a block: a target as `runs.start` takes it, or a prompt with its filled values."""

    target: str
    inputs: Mapping[str, Any]


class Surroundings(Protocol):
    """What a block may ask for: the figures, runs, agents, prompts and files of its own workspace, and its page.

    Everything is read only and bounded; what is not there is NotFound. `asked` is who looks.
    """

    @property
    def workspace_id(self) -> str:
        """The workspace of the page."""

    def output_of(self, block_name: str) -> Any:
        """What another block of the page gives; NotFound when there is none of that name."""

    def filled(self, value: Any) -> Any:
        """A JSON-like value whose texts have their `{{ blocks.name.output }}` put in; Invalid names what is missing.

        A text that is one reference and nothing else becomes the value itself. While a page is shown, what is missing
        stays as it is written, and the block says so.
        """

    def filled_text(self, text: str) -> str:
        """The same for a text that stays one."""

    def instance(self, instance_id: str) -> dict[str, Any] | None:
        """An instance in short: {id, name, epithet, slug, status, planned, inputs, outputs, key}; None: not there.

        `inputs` are the specifications of those asked for at run time, `outputs` {key, type, description}, `key` the
        output its configuration shows first, or None.
        """

    def instances(self) -> list[dict[str, Any]]:
        """The instances to choose from, at most a dozen: {id, name, epithet}."""

    def newest_run(self, instance_id: str) -> dict[str, Any] | None:
        """The newest run of an instance that was no dry run, whatever its status, or None.

        {id, status, trigger, preview, error, created_at, finished_at, question}: `error` {code, message, hint} or None,
        `question` {id, title} of what it asks a person, or None.
        """

    def run(self, run_id: str) -> dict[str, Any] | None:
        """A run by its id, as `newest_run` gives it; None when it is not kept any more."""

    def latest_outputs(self, instance_id: str) -> dict[str, Any]:
        """The outputs by key of an instance's last successful run; empty when there is none."""

    def kpi(self, name: str, *, definition: str, instance_id: str | None, days: int) -> list[dict[str, Any]]:
        """A figure by day, one entry for each agent that reported it in the period, and none where none did.

        {label, title, unit, direction, help, value, previous, days: [iso], values: [...]}. With WORKSPACE_FIGURES as
        definition it is a metric of the catalogue: `whole` says that its value is the whole period's, and `apart` that
        the lines are never added to each other.
        """

    def kpi_spec(self, name: str, definition: str) -> dict[str, Any] | None:
        """A figure as the definition declares it: {title, unit, direction, help}; None: it does not."""

    def sql(self, query: str) -> dict[str, Any]:
        """Rows of a read-only query, see `services.questions`; what it reads of blocks is given as values."""

    def tables(self) -> list[dict[str, Any]]:
        """The tables of such queries: {name, columns: [{name, type}]}."""

    def prompt(self, prompt_id: str) -> dict[str, Any] | None:
        """A prompt in short: {id, name, text, variables, version, archived}; None: not there."""

    def prompts(self) -> list[dict[str, Any]]:
        """The prompts to choose from, at most a dozen: {id, name}."""

    def rendered(self, prompt_id: str, values: Mapping[str, Any]) -> str:
        """A prompt's text with values in place; Invalid names every one that is missing or wrong."""

    def approval(self, approval_id: str) -> dict[str, Any] | None:
        """A question to a person; None: not there.

        {id, title, body, urgency, agent, status, run_id, data, created_at, expires_at, decided_by, decided_at,
        comment}.
        """

    def oldest_question(self, instance_id: str | None) -> tuple[dict[str, Any] | None, int]:
        """The oldest open question of an instance (None: of the workspace), and how many are open."""

    def file(self, reference: Mapping[str, Any]) -> bytes:
        """The content of a stored file."""

    def file_address(self, reference: Mapping[str, Any]) -> str:
        """The address under which the browser gets a stored picture or film of this workspace."""

    def may_show(self, url: str) -> bool:
        """Whether the workspace's list of allowed sources lets the page show something from this address."""

    def now(self) -> datetime:
        """The time."""


class BlockKind(ABC, Generic[C]):
    """A kind of block. All methods are given the content as a checked model."""

    type: ClassVar[str]
    title: ClassVar[str]
    hint: ClassVar[str]
    icon: ClassVar[str]
    """A Material symbol's name."""
    order: ClassVar[int] = 50
    """Its place among those offered, smallest first."""
    size: ClassVar[Place] = Place()
    computes: ClassVar[bool] = False
    """Whether it has an output of its own that is computed when asked, kept, and may go stale."""
    model: builtins.type[C]

    def empty(self) -> C:
        """The content of a new block."""
        return self.model()

    def line(self, content: C, block: CanvasBlock, here: Surroundings) -> dict[str, Any]:
        """What its head says where it is not what is stored: title, status {word, tone}, age, busy, error, stale."""
        return {}

    def ready(self, content: C) -> bool:
        """Whether there is something to compute; a block that is not set up yet is never stale."""
        return True

    def references(self, content: C) -> Sequence[str]:
        """Names of blocks it reads besides those its texts name by `{{ blocks.name... }}`."""
        return ()

    @abstractmethod
    def view(self, content: C, block: CanvasBlock, here: Surroundings) -> dict[str, Any]:
        """What the browser draws: plain JSON of at most CANVAS_VIEW_BYTES, made in milliseconds from what is stored."""

    def output(self, content: C, block: CanvasBlock, here: Surroundings) -> Any:
        """What others read. A block that computes gives what it kept; the others give their content."""
        return block.output

    def parts(self, content: C, block: CanvasBlock, here: Surroundings) -> Mapping[str, Any]:
        """What can be read as `{{ blocks.name.output.key }}` besides the parts of the output itself."""
        return {}

    def start(self, content: C, block: CanvasBlock, here: Surroundings, inputs: Mapping[str, Any]) -> Start | None:
        """The run that computes it, for kinds that need one; Invalid when it cannot be started yet."""
        return None

    def compute(self, content: C, block: CanvasBlock, here: Surroundings) -> Computed:
        """Compute the output anew, for kinds that compute and need no run."""
        return Computed()

    def kept(self, outputs: Mapping[str, Any]) -> Any:
        """The output to keep of a successful run that `start` asked for."""
        return dict(outputs)

    def taken(self, content: C, value: Any) -> C | None:
        """The content with what an agent writes into it (`output_to_canvas_block`); None: nothing can be written."""
        return None

    def markdown(self, content: C, block: CanvasBlock, here: Surroundings) -> str:
        """The block on paper."""
        return ""

    def words(self, content: C) -> str:
        """What a conversion to a text block keeps."""
        return self.model_text(content)

    @staticmethod
    def model_text(content: Content) -> str:
        """Every text of a content, a line each."""
        return "\n\n".join(str(value) for value in content.model_dump().values() if isinstance(value, str) and value)
