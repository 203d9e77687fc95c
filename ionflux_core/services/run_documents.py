"""The documents of an `.ionrun` file made of the rows of a run, without secrets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json, to_json

from ionflux_core import limits
from ionflux_core.domain import run_files as form
from ionflux_core.errors import Invalid, LimitExceeded
from ionflux_core.redaction import Redactor
from ionflux_core.runtime.context import clock_of, seed_of
from ionflux_core.storage import runs as run_rows
from ionflux_core.storage.engine import AnyRow

Document = TypeVar("Document", bound=BaseModel)

# What is cleaned of secrets before it leaves, and after how many characters (or items) it is cut; 0 never cuts.
_RUN_TEXTS: Final = {
    "target": 300, "task": 200, "inputs": 0, "config": 0, "outputs": 0, "preview": limits.TEXT_CHARS, "kpis": 0,
    "warnings": 1_000,
}  # fmt: skip
_TRIGGER_TEXTS: Final = {"key": 300, "task": 200, "by": 200, "payload": 0}
_STEP_TEXTS: Final = {"step_key": 300, "title": 300, "inputs": 0, "outputs": 0, "reported": 0}
_CALL_TEXTS: Final = {"step_key": 300, "model": 120, "request": 0, "response": 0, "error": 0}
_LOG_TEXTS: Final = {"message": limits.TEXT_CHARS, "step_key": 300, "fields": 0}


class Cleaned:
    """Values as they may leave: without secrets, without what no JSON reader takes, files under their new hashes.

    Only what people, agents and servers wrote is cleaned; times and hashes stay, whatever a short secret looks like.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._renamed: dict[str, str] = {}
        self._left = limits.RUN_FILE_TEXT_BYTES

    def rename(self, sha256: str, written: str) -> None:
        """A file is in the archive under another hash, because a secret was masked in it."""
        if sha256 != written:
            self._renamed[sha256] = written

    def renamed(self, sha256: str | None) -> str | None:
        """The hash under which a file is in the archive."""
        return self._renamed.get(sha256, sha256) if sha256 else None

    def text(self, text: str, most: int) -> str:
        """A text without secrets, cut to so many characters."""
        return self._redactor.text(text).replace("\0", "")[:most]

    def file(self, data: bytes, media_type: str) -> bytes | None:
        """The bytes of a file without secrets; None for bytes that are no text and hold one."""
        try:
            text = data.decode("utf-8")
            value = from_json(data) if media_type == "application/json" else text
        except UnicodeDecodeError:
            return None if self._redactor.holds(data.decode("latin-1")) else data
        except ValueError:
            value = text
        clean = self._redactor.tree(value)
        if clean == value:
            return data
        return clean.encode() if isinstance(clean, str) and value is text else to_json(clean, inf_nan_mode="null")

    def values(self, row: Mapping[str, Any], names: Iterable[str], cut: Mapping[str, int]) -> dict[str, Any]:
        """The columns of a row a document has room for, those in `cut` cleaned and as texts no longer than it says."""
        found = {name: row[name] for name in names if name in row}
        for name, most in cut.items():
            value = self._tree(self._redactor.tree(found.get(name)))
            found[name] = value[:most] if isinstance(value, (str, list)) and most else value
        return found

    def error(self, error: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """An error with its texts cleaned and cut."""
        if not error:
            return None
        texts = {name: error.get(name) or "" for name in ("code", "message", "hint", "trace")}
        clean = {name: self.text(str(text), limits.TEXT_CHARS) for name, text in texts.items()}
        return clean | {"code": clean["code"][:100] or "error", "trace": clean["trace"] or None}

    def line(self, document: BaseModel) -> bytes:
        """A document as one line of JSON."""
        line = to_json(document, inf_nan_mode="null")
        self._left -= len(line)
        if self._left < 0:
            raise LimitExceeded(
                f"The run's text is larger than {limits.RUN_FILE_TEXT_BYTES // limits.MIB} MiB.",
                hint="A run of this size cannot be exported.",
            )
        return line

    def lines(self, documents: Iterable[BaseModel]) -> bytes:
        """Documents, one a line."""
        return b"".join(self.line(document) + b"\n" for document in documents)

    def _tree(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._renamed.get(value, value).replace("\0", "")
        if isinstance(value, dict):
            return {key.replace("\0", ""): self._tree(item) for key, item in value.items()}
        return [self._tree(item) for item in value] if isinstance(value, list) else value


def run_document(run: AnyRow, files: list[form.FileEntry], cleaned: Cleaned) -> form.RunDocument:
    """The run itself."""
    names = set(form.RunDocument.model_fields) - {"trigger", "lineage", "error", "files"}
    values = cleaned.values(run._asdict(), names, _RUN_TEXTS)
    values["preview"] = values["preview"] or None
    recorded = run_rows.run_of(run)
    values |= {"clock": clock_of(recorded), "seed": seed_of(recorded)}
    values["warnings"] = [str(warning)[: limits.TEXT_CHARS] for warning in values["warnings"] or []]
    trigger = cleaned.values(run.trigger, form.TriggerDocument.model_fields, _TRIGGER_TEXTS)
    lineage = {
        "parent_run_id": run.parent_run_id,
        "kind": run.lineage,
        "replay_of": run.replay_of,
        **cleaned.values({"forked_at": run.forked_at, "changes": run.changes}, (), {"forked_at": 300, "changes": 0}),
    }
    more = {"trigger": trigger, "lineage": lineage, "error": cleaned.error(run.error), "files": files}
    return _built(form.RunDocument, values | more)


def step_document(row: Mapping[str, Any], cleaned: Cleaned) -> form.StepDocument:
    """One step."""
    values = cleaned.values(row, form.StepDocument.model_fields, _STEP_TEXTS)
    values |= {"error": cleaned.error(row["error"]), "output_ref": cleaned.renamed(row["output_ref"])}
    if row["outputs_hash"] and values["output_ref"] != row["output_ref"]:
        values["outputs_hash"] = values["output_ref"]
    elif row["outputs_hash"] and values["outputs"] != row["outputs"]:
        # The hash is that of what is recorded here now, which is what a replay hands back.
        values["outputs_hash"] = hashlib.sha256(to_json(values["outputs"])).hexdigest()
    if row["status"] not in form.ENDED_STEPS:
        values["status"] = "cancelled"
    return _built(form.StepDocument, values)


def call_document(row: Mapping[str, Any], cleaned: Cleaned) -> form.CallDocument:
    """One call to a model or over HTTP."""
    return _built(form.CallDocument, cleaned.values(row, form.CallDocument.model_fields, _CALL_TEXTS))


def log_document(row: Mapping[str, Any], cleaned: Cleaned) -> form.LogDocument:
    """One log line."""
    return _built(form.LogDocument, cleaned.values(row, form.LogDocument.model_fields, _LOG_TEXTS))


def _built(kind: type[Document], values: dict[str, Any]) -> Document:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise Invalid(
            f"This run cannot be put into a file: {place}: {first['msg']}.", hint="Report this with the run's id."
        ) from error


def hashes_in(tree: Any) -> Iterator[str]:
    """The hash of every stored file that is referred to in a JSON tree."""
    waiting = [tree]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if isinstance(item.get("sha256"), str) and len(item["sha256"]) == 64:
                yield item["sha256"]
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
