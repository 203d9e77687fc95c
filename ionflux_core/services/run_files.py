"""A run as one file: export without secrets, and import that takes all of it or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from ionflux_core import __version__, limits
from ionflux_core.domain import run_files as form
from ionflux_core.domain.runs import FINISHED
from ionflux_core.errors import Conflict, Invalid, LimitExceeded, NotFound
from ionflux_core.ids import new_id, now
from ionflux_core.services.run_archive import ArchiveReader, ArchiveWriter, opened
from ionflux_core.services.run_documents import (
    Cleaned,
    call_document,
    hashes_in,
    log_document,
    run_document,
    step_document,
)
from ionflux_core.services.secrets import Secrets
from ionflux_core.services.workspaces import Workspaces
from ionflux_core.storage import artifacts, audit, run_files
from ionflux_core.storage import runs as run_rows
from ionflux_core.storage.artifacts import ArtifactFiles
from ionflux_core.storage.engine import AnyRow, Connection, Database, change_stamp

_CALLS: Final = 2 * limits.RUN_STEPS


@dataclass(frozen=True, slots=True)
class Imported:
    """The run a file became; `repeated` when this very file had been imported before."""

    run_id: str
    repeated: bool


@dataclass(frozen=True, slots=True)
class _Content:
    """Everything in a run's file but the bytes of its files."""

    manifest: form.Manifest
    run: form.RunDocument
    steps: list[form.StepDocument]
    calls: list[form.CallDocument]
    logs: list[form.LogDocument]


class RunFiles:
    """Use-cases around moving one run between workspaces and machines."""

    def __init__(self, db: Database, files: ArtifactFiles, workspaces: Workspaces, secrets: Secrets) -> None:
        self._db = db
        self._files = files
        self._workspaces = workspaces
        self._secrets = secrets

    def export(self, workspace_id: str, run_id: str, target: IO[bytes]) -> form.Manifest:
        """Write the file of a run that has ended; every known or suspected secret in it is masked once more."""
        origin = self._workspaces.get(workspace_id).name
        with self._db.read() as connection:
            run, hashes = _to_export(connection, workspace_id, run_id)
            known = run_files.known_files(connection, workspace_id, hashes)
            writer = ArchiveWriter(target)
            cleaned = Cleaned(self._secrets.redactor(workspace_id))
            entries, left_out = self._add_files(writer, known, cleaned)
            writer.add(form.RUN, cleaned.line(run_document(run, entries, cleaned)))
            steps, calls = run_files.steps(connection, run_id), run_files.calls_of(connection, run_id)
            writer.add(form.STEPS, cleaned.lines(step_document(row, cleaned) for row in steps))
            writer.add(form.CALLS, cleaned.lines(call_document(row, cleaned) for row in calls))
            logs = run_files.logs(connection, run_id)
            writer.add(form.LOGS, cleaned.lines(log_document(row, cleaned) for row in logs))
        manifest = form.Manifest(
            format=form.FORMAT,
            version=__version__,
            run_id=run_id,
            exported_at=now(),
            origin=cleaned.text(origin, 200),
            members=writer.members,
            left_out=left_out,
        )
        writer.close(manifest)
        return manifest

    def _add_files(
        self, writer: ArchiveWriter, known: Mapping[str, AnyRow], cleaned: Cleaned
    ) -> tuple[list[form.FileEntry], list[form.LeftOut]]:
        """The files that could be taken in, under the hash of what was written, and those that could not."""
        entries: dict[str, form.FileEntry] = {}
        left_out: list[form.LeftOut] = []
        for sha256, row in known.items():
            name = cleaned.text(row.name, 300)
            try:
                room = writer.has_room(row.size)
                data = cleaned.file(self._files.read(sha256), row.media_type) if room else None
                reason = "" if data is not None else "There was no room for it, or it holds a secret."
            except NotFound:
                data, reason = None, "It is not stored any more."
            if data is None:
                left_out.append(form.LeftOut(sha256=sha256, name=name, reason=reason))
                continue
            written = hashlib.sha256(data).hexdigest()
            cleaned.rename(sha256, written)
            if written not in entries:
                writer.add(form.FILES + written, data)
            entries[written] = form.FileEntry(
                sha256=written, name=name, media_type=row.media_type[:100], size=len(data)
            )
        return list(entries.values()), left_out[: limits.RUN_FILE_MEMBERS]

    def bring_in(self, workspace_id: str, source: Path, *, by: str | None = None) -> Imported:
        """Make a read-only run of a file; the same file gives the same run. A file with anything wrong changes nothing.

        Everything is checked first, then the files are stored, then all rows are written in one transaction. Should
        that fail, stored files that no row names are left: the next clean-up of the store removes them.
        """
        self._workspaces.get(workspace_id)
        sha256 = _sha256_of(source)

        def work(reader: ArchiveReader) -> Imported:
            reader.check()
            content = _read(reader)
            earlier = self._earlier(workspace_id, sha256)
            if earlier:
                return Imported(earlier, True)
            for entry in content.run.files:
                self._files.write(reader.file(entry.sha256))
            return self._db.write(lambda c: _insert(c, workspace_id, sha256, content, by), durable=True)

        imported: Imported = opened(source, work)
        return imported

    def _earlier(self, workspace_id: str, sha256: str) -> str | None:
        with self._db.read() as connection:
            return run_rows.id_for_key(connection, workspace_id, _key(sha256))


def _to_export(connection: Connection, workspace_id: str, run_id: str) -> tuple[AnyRow, set[str]]:
    """The row of a run that may be exported, and the hash of every file it speaks of."""
    run = run_files.run_row(connection, workspace_id, run_id)
    if run is None:
        raise NotFound("There is no such run.", hint="Choose one from the list.")
    if run.status not in FINISHED:
        raise Conflict("The run has not ended.", hint="Export it when it has, or cancel it first.", code="not_ended")
    hashes = {row.sha256 for row in artifacts.of_run(connection, run_id)}
    hashes |= set(hashes_in([run.inputs, run.outputs, run.trigger]))
    for step in run_files.steps(connection, run_id):
        hashes |= set(hashes_in([step["outputs"], step["inputs"], {"sha256": step["output_ref"]}]))
    return run, hashes


def _read(reader: ArchiveReader) -> _Content:
    """Everything a file holds, checked for itself and against each other."""
    run = reader.document(form.RUN, form.RunDocument)
    content = _Content(
        reader.manifest,
        run,
        reader.lines(form.STEPS, form.StepDocument, limits.RUN_STEPS),
        reader.lines(form.CALLS, form.CallDocument, _CALLS),
        reader.lines(form.LOGS, form.LogDocument, limits.LOGS_PER_RUN + 100),
    )
    keys = {step.step_key for step in content.steps}
    if len(keys) < len(content.steps):
        raise Invalid("Two steps of the run have the same key.", hint="Export the run again.", code="bad_run")
    held = {name.removeprefix(form.FILES) for name in reader.manifest.members if name.startswith(form.FILES)}
    listed = {entry.sha256: entry.size for entry in run.files}
    sizes = {name: reader.manifest.members[form.FILES + name].size for name in held}
    gone = {left.sha256 for left in reader.manifest.left_out}
    astray = {step.output_ref for step in content.steps if step.output_ref} - held - gone
    if listed != sizes or len(listed) < len(run.files) or astray:
        raise Invalid("The run speaks of other files than there are.", hint="Export the run again.", code="bad_run")
    return content


def _key(sha256: str) -> str:
    return f"ionrun:{sha256}"


def _insert(connection: Connection, workspace_id: str, sha256: str, content: _Content, by: str | None) -> Imported:
    run_id, at = new_id(), now()
    row = _run_row(workspace_id, run_id, sha256, content, by)
    if not run_files.insert_run(connection, row):
        return Imported(run_rows.id_for_key(connection, workspace_id, _key(sha256)) or run_id, True)
    run_files.insert_parts(
        connection,
        [_step_row(run_id, step) for step in content.steps],
        [{"id": new_id(), "run_id": run_id, **dict(call)} for call in content.calls],
        [{"run_id": run_id, **dict(log)} for log in content.logs],
    )
    for entry in content.run.files:
        artifacts.note(connection, workspace_id, **entry.model_dump(), at=at, run_id=run_id)
    details = {"from": content.manifest.origin, "run_id": content.run.id, "sha256": sha256}
    audit.note(
        connection, workspace_id, at=at, who=by, action="imported", entity="run", entity_id=run_id, details=details
    )
    return Imported(run_id, False)


def _run_row(workspace_id: str, run_id: str, sha256: str, content: _Content, by: str | None) -> dict[str, Any]:
    run, manifest = content.run, content.manifest
    trigger = run.trigger.as_trigger()
    same = (
        "definition_slug", "definition_version", "target", "task", "status", "dry_run", "attempt", "depth", "inputs",
        "config", "config_sha256", "outputs", "preview", "kpis", "warnings", "cost_micros", "unpriced_calls", "clock",
        "seed", "created_at", "started_at", "finished_at",
    )  # fmt: skip
    imported = {
        "run_id": run.id,
        "exported_at": manifest.exported_at.isoformat(),
        "sha256": sha256,
        "from": manifest.origin,
        "version": manifest.version,
        "by": by,
        "lineage": run.lineage.model_dump(),
        "left_out": [left.model_dump() for left in manifest.left_out],
    }
    return {
        **{name: getattr(run, name) for name in same},
        "id": run_id,
        "workspace_id": workspace_id,
        "trigger_kind": trigger.kind,
        "trigger": trigger.model_dump(mode="json"),
        # A chain of runs of its own: what caused it is not here.
        "correlation_id": run_id,
        "imported": imported,
        "idempotency_key": _key(sha256),
        "priority": 0,
        "concurrency": 1,
        "claims": 0,
        "error": run.error.as_error().model_dump() if run.error else None,
        "change_seq": change_stamp(),
    }


def _step_row(run_id: str, step: form.StepDocument) -> dict[str, Any]:
    # The run that a reused step was taken from is not here.
    error = step.error.as_error().model_dump() if step.error else None
    return {**dict(step), "run_id": run_id, "error": error, "source_run_id": None}


def _sha256_of(source: Path) -> str:
    try:
        with source.open("rb") as file:
            if source.stat().st_size > limits.RUN_FILE_BYTES:
                raise LimitExceeded(
                    f"The file is larger than {limits.RUN_FILE_BYTES // limits.MIB} MiB.", hint="Choose another file."
                )
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise NotFound(f"{source.name[:100]} cannot be read: {error.strerror}.", hint="Check the path.") from error
