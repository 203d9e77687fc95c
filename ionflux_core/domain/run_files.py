"""What stands in an `.ionrun` file: one ended run with its steps, calls, logs and files, each member under its hash."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from ionflux_core import limits
from ionflux_core.domain.runs import FINISHED, Lineage, RunError, RunStatus, RunTrigger, StepStatus, TriggerKind

FORMAT = "ionflux-run-1"
MEDIA_TYPE = "application/vnd.ionflux.run+zip"
SUFFIX = ".ionrun"
MANIFEST, RUN, STEPS, CALLS, LOGS = "manifest.json", "run.json", "steps.jsonl", "calls.jsonl", "logs.jsonl"
FILES = "files/"
MEMBER = re.compile(r"(?:run\.json|(?:steps|calls|logs)\.jsonl|files/[0-9a-f]{64})\Z")
ENDED_STEPS: tuple[StepStatus, ...] = tuple(
    status for status in get_args(StepStatus) if status not in ("pending", "running", "waiting")
)
_HIGHEST = 2**53


def _within_the_calendar(moment: datetime) -> datetime:
    if not 1970 <= moment.year <= 9000:
        raise ValueError("the year must lie between 1970 and 9000")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_within_the_calendar)]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Key = Annotated[str, Field(min_length=1, max_length=300)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Words = Annotated[str, Field(max_length=limits.TEXT_CHARS)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Micros = Annotated[int, Field(ge=0, le=_HIGHEST)]
Map = dict[str, Any]


class _Part(BaseModel):
    """Whatever is not named here is refused, so that nothing in a file is silently lost."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Member(_Part):
    """One member of the archive."""

    sha256: Hash
    size: int = Field(ge=0, le=limits.RUN_FILE_UNPACKED_BYTES)


class LeftOut(_Part):
    """A file of the run that is not in the archive, and why."""

    sha256: Hash
    name: str = Field(max_length=300)
    reason: str = Field(max_length=300)


class Manifest(_Part):
    """What the archive holds. `origin` names the workspace the run comes from."""

    format: Name
    version: Name
    run_id: Name
    exported_at: Moment
    origin: str = Field(max_length=200)
    members: dict[str, Member] = Field(max_length=limits.RUN_FILE_MEMBERS)
    left_out: list[LeftOut] = Field([], max_length=limits.RUN_FILE_MEMBERS)


class FileEntry(_Part):
    """A stored file of the run; its bytes are the member `files/<sha256>`."""

    sha256: Hash
    name: str = Field(max_length=300)
    media_type: str = Field(max_length=100)
    size: int = Field(ge=0, le=limits.RUN_FILE_UNPACKED_BYTES)


class LineageDocument(_Part):
    """Where the run came from in the place it was executed."""

    parent_run_id: str | None = Field(None, max_length=36)
    kind: Lineage | None = None
    forked_at: str | None = Field(None, max_length=300)
    changes: Map | None = None
    replay_of: str | None = Field(None, max_length=36)


class ErrorDocument(_Part):
    """Why a run or a step failed."""

    code: str = Field(max_length=100)
    message: Words
    hint: Words = ""
    trace: Words | None = None

    def as_error(self) -> RunError:
        """The same as it is stored."""
        return RunError(**self.model_dump())


class TriggerDocument(_Part):
    """What started the run."""

    kind: TriggerKind = "manual"
    key: str | None = Field(None, max_length=300)
    task: str | None = Field(None, max_length=200)
    slot: Moment | None = None
    event_type: str | None = Field(None, max_length=200)
    by: str | None = Field(None, max_length=200)
    payload: Any = None

    def as_trigger(self) -> RunTrigger:
        """The same as it is stored."""
        return RunTrigger(**dict(self))


class RunDocument(_Part):
    """The run itself: configuration, inputs, outputs, error, KPIs, cost, lineage."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
    definition_slug: Name
    definition_version: str = Field(min_length=1, max_length=40)
    target: Key
    task: str | None = Field(None, max_length=200)
    status: RunStatus
    trigger: TriggerDocument
    dry_run: bool = False
    attempt: Count = 1
    depth: Annotated[int, Field(ge=0, le=1000)] = 0
    inputs: Map
    config: Map
    config_sha256: Hash
    outputs: Map | None = None
    preview: Words | None = None
    error: ErrorDocument | None = None
    kpis: Map
    warnings: list[Words] = Field([], max_length=1_000)
    cost_micros: Micros
    unpriced_calls: Count = 0
    # What a replay goes by: the time the run took for now, and where its random choices began.
    clock: Moment
    seed: Annotated[int, Field(ge=0, le=_HIGHEST)]
    created_at: Moment
    started_at: Moment | None = None
    finished_at: Moment | None = None
    lineage: LineageDocument = LineageDocument()
    files: list[FileEntry] = Field([], max_length=limits.RUN_FILE_MEMBERS)

    @model_validator(mode="after")
    def _ended(self) -> RunDocument:
        if self.status not in FINISHED:
            raise ValueError("only a run that has ended can be in a file")
        return self


class StepDocument(_Part):
    """One journaled step; a large output lies in the file `output_ref`."""

    step_key: Key
    seq: Count
    kind: str = Field(min_length=1, max_length=30)
    title: str = Field(max_length=300)
    status: StepStatus
    attempt: Count = 1
    inputs: Any = None
    inputs_hash: Hash | None = None
    outputs: Any = None
    output_ref: Hash | None = None
    outputs_hash: Hash | None = None
    source_run_id: str | None = Field(None, max_length=36)
    reported: Map | None = None
    error: ErrorDocument | None = None
    cost_micros: Micros = 0
    started_at: Moment
    finished_at: Moment | None = None

    @model_validator(mode="after")
    def _ended(self) -> StepDocument:
        if self.status not in ENDED_STEPS:
            raise ValueError("a step of an ended run cannot be going on")
        return self


class CallDocument(_Part):
    """One call to a model or over HTTP, with what was asked, answered and paid: the recording a replay answers from."""

    step_key: str | None = Field(None, max_length=300)
    kind: str = Field(min_length=1, max_length=10)
    provider: str = Field(max_length=60)
    model: str | None = Field(None, max_length=120)
    request: Any = None
    response: Any = None
    status: str = Field(min_length=1, max_length=20)
    error: Map | None = None
    tokens_in: Count = 0
    tokens_out: Count = 0
    cached_tokens: Count = 0
    price: Any = None
    cost_micros: Micros | None = None
    request_hash: Hash | None = None
    latency_ms: float = Field(0.0, ge=0, le=1e12, allow_inf_nan=False)
    attempt: Count = 1
    at: Moment


class LogDocument(_Part):
    """One log line."""

    at: Moment
    level: Literal["debug", "info", "warning", "error"]
    message: Words
    step_key: str | None = Field(None, max_length=300)
    fields: Map = {}
