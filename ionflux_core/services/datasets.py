"""Files that questions read: uploaded, named, renamed, deleted; kept as Parquet among the stored files."""

from __future__ import annotations

from collections.abc import Mapping

from ionflux_core import limits
from ionflux_core.analytics import datasets
from ionflux_core.analytics.datasets import Converted, table_name
from ionflux_core.analytics.duck import AnalyticsCache
from ionflux_core.analytics.questions import Stored
from ionflux_core.domain.questions import Dataset
from ionflux_core.errors import Conflict, Invalid, LimitExceeded, NotFound
from ionflux_core.ids import new_id, now
from ionflux_core.storage import artifacts, audit
from ionflux_core.storage import datasets as rows
from ionflux_core.storage.artifacts import ArtifactFiles
from ionflux_core.storage.engine import Connection, Database

_PARQUET = "application/vnd.apache.parquet"
_NAME_CHARS = 60


class Datasets:
    """Use-cases around the files that questions read."""

    def __init__(self, db: Database, files: ArtifactFiles, cache: AnalyticsCache) -> None:
        self._db = db
        self._files = files
        self._cache = cache

    def find(self, workspace_id: str) -> list[Dataset]:
        """The files of a workspace by name."""
        with self._db.glance() as connection:
            return rows.find(connection, workspace_id)

    def get(self, workspace_id: str, dataset_id: str) -> Dataset:
        """One file; NotFound when it is not there."""
        with self._db.glance() as connection:
            found = rows.get(connection, workspace_id, dataset_id)
        if found is None:
            raise NotFound("There is no such file.", hint="Choose one from the list, or upload one.")
        return found

    def stored(self, workspace_id: str) -> Mapping[str, Stored]:
        """Where the files of a workspace lie, by the name that SQL knows."""
        return {each.name: Stored(each.sha256, self._files.path(each.sha256)) for each in self.find(workspace_id)}

    def upload(
        self, workspace_id: str, filename: str, data: bytes, *, name: str = "", by: str | None = None
    ) -> Dataset:
        """Take in a CSV, TSV, Parquet or Excel file; Invalid says what is wrong with it, and where.

        Without a name it is called after the file; a name that is taken gets a number.
        """
        plain = filename.replace("\\", "/").rsplit("/", 1)[-1][:200] or "file"
        existing = self.find(workspace_id)
        if len(existing) >= limits.DATASETS:
            raise LimitExceeded(f"A workspace has at most {limits.DATASETS} files to ask.", hint="Delete one first.")
        wanted = _checked(name) if name else _free(plain.rsplit(".", 1)[0], {each.name for each in existing})
        found = datasets.converted(plain, data)
        sha256 = self._files.write(found.parquet)
        return self._keep(workspace_id, plain, wanted, sha256, found, by)

    def _keep(
        self, workspace_id: str, filename: str, name: str, sha256: str, found: Converted, by: str | None
    ) -> Dataset:
        at, size = now(), len(found.parquet)
        row = {
            "id": new_id(),
            "workspace_id": workspace_id,
            "name": name,
            "filename": filename,
            "sha256": sha256,
            "size_bytes": size,
            "row_count": found.rows,
            "columns": found.columns,
            "created_by": by,
            "created_at": at,
            "updated_at": at,
        }

        def work(connection: Connection) -> None:
            if not rows.insert(connection, row):
                raise _taken(name)
            artifacts.note(
                connection, workspace_id, sha256=sha256, name=f"{name}.parquet", media_type=_PARQUET, size=size,
                at=at, run_id=None,
            )  # fmt: skip
            audit.note(
                connection, workspace_id, at=at, who=by, action="uploaded", entity="dataset", entity_id=str(row["id"]),
                details={"name": name, "filename": filename, "rows": found.rows},
            )  # fmt: skip

        self._db.write(work)
        return self.get(workspace_id, str(row["id"]))

    def rename(self, workspace_id: str, dataset_id: str, name: str, *, by: str | None = None) -> Dataset:
        """Give a file another name in SQL; Conflict when it is taken. Questions that name it are not changed."""
        wanted, old = _checked(name), self.get(workspace_id, dataset_id)
        at = now()

        def work(connection: Connection) -> None:
            if any(each.name == wanted and each.id != dataset_id for each in rows.find(connection, workspace_id)):
                raise _taken(wanted)
            if not rows.save(connection, workspace_id, dataset_id, name=wanted, updated_at=at):
                raise NotFound("There is no such file.", hint="Reload the page: somebody has deleted it.")
            audit.note(
                connection, workspace_id, at=at, who=by, action="renamed", entity="dataset", entity_id=dataset_id,
                details={"from": old.name, "to": wanted},
            )  # fmt: skip

        if wanted != old.name:
            self._db.write(work)
        return self.get(workspace_id, dataset_id)

    def delete(self, workspace_id: str, dataset_id: str, *, by: str | None = None) -> None:
        """Take a file away from questions; its bytes go when nothing has referred to them for a while."""
        old, at = self.get(workspace_id, dataset_id), now()

        def work(connection: Connection) -> bool:
            rows.remove(connection, workspace_id, dataset_id)
            audit.note(
                connection, workspace_id, at=at, who=by, action="deleted", entity="dataset", entity_id=dataset_id,
                details={"name": old.name},
            )  # fmt: skip
            return rows.is_used(connection, old.sha256)

        if not self._db.write(work):
            datasets.forget(self._cache, old.sha256)


def _checked(name: str) -> str:
    """A name that SQL takes as it is."""
    name = name.strip().lower()
    if not name or len(name) > _NAME_CHARS or table_name(name) != name:
        suggested = table_name(name)[:_NAME_CHARS]
        raise Invalid(
            f"{name[:_NAME_CHARS]!r} cannot be a table's name.",
            hint=f"Small letters, digits and _, a letter first, and no word that SQL or we use: {suggested}.",
        )
    return name


def _free(text: str, taken: set[str]) -> str:
    base = table_name(text)
    name, number = base, 2
    while name in taken:
        end = f"_{number}"
        name, number = base[: _NAME_CHARS - len(end)] + end, number + 1
    return name


def _taken(name: str) -> Conflict:
    return Conflict(f"There is a file {name!r} already.", hint="Choose another name.", code="name_taken")
