"""Programs of flows: the text in a flow's document, or a stored file, run in the sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ionflux_core.domain.runs import Run
from ionflux_core.errors import NotFound
from ionflux_core.fluxgraph.document import Code
from ionflux_core.sandbox.sandbox import Sandbox
from ionflux_core.storage import artifacts
from ionflux_core.storage.artifacts import ArtifactFiles
from ionflux_core.storage.engine import Database


class Programs:
    """Runs what code nodes hold."""

    def __init__(self, db: Database, files: ArtifactFiles, sandbox: Sandbox) -> None:
        self._db = db
        self._files = files
        self._sandbox = sandbox

    def run(self, run: Run, code: Code, inputs: Mapping[str, Any], seconds: float) -> Any:
        """What a program returns for its inputs, as plain JSON, within so many seconds; see Sandbox.run for errors."""
        source = code.source if code.source is not None else self._file(run.workspace_id, code.file or "")
        # A flow that is kept here is the workspace's own; what came with a file, or is only tried, may be anybody's.
        own = run.instance_id is not None and run.imported is None
        return self._sandbox.run(code.language, source, inputs, seconds=seconds, net=code.permissions.net, own=own)

    def _file(self, workspace_id: str, sha256: str) -> bytes:
        with self._db.read() as connection:
            known = artifacts.get(connection, workspace_id, sha256)
        if known is None:
            raise NotFound(f"The program {sha256[:80]!r} is not stored here.", hint="Upload the file, name its hash.")
        return self._files.read(sha256)
