"""What a block gives, whole: also what is too large for a page, read from the run and the file it lies in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ionflux_core.domain.canvas import CanvasBlock
from ionflux_core.errors import Invalid, NotFound
from ionflux_core.services.canvas import Canvas
from ionflux_core.services.refreshing import Refreshing
from ionflux_core.services.runs import Runs
from ionflux_core.services.surroundings import PageSurroundings


@dataclass(frozen=True, slots=True)
class BlockOutput:
    """One output of a block: its key (empty when it has just one), the type its agent states, and the value."""

    key: str
    type: str
    value: Any


class BlockOutputs:
    """Use-cases around whole outputs of blocks."""

    def __init__(self, canvas: Canvas, refreshing: Refreshing, runs: Runs) -> None:
        self._canvas = canvas
        self._refreshing = refreshing
        self._runs = runs

    def whole(self, workspace_id: str, block_id: str) -> list[BlockOutput]:
        """The outputs of a block as they are, of an agent's block each by its key, the chosen one first.

        Invalid says why there is none; NotFound that the run is not kept any more.
        """
        block = self._canvas.block(workspace_id, block_id)
        page = self._canvas.page(workspace_id, block.page_id)
        here = self._refreshing.surroundings(workspace_id, page)
        kept = self._of_run(workspace_id, block, here)
        if kept is None:
            return [BlockOutput("", "", here.output_of(block.name))]
        chosen = block.content.get("agent_last_run_output_key_ref")
        types = self._types(block, here)
        ordered = sorted(kept.items(), key=lambda item: (item[0] != chosen, item[0] == "engine"))
        return [BlockOutput(key, types.get(key, ""), self._read(workspace_id, value)) for key, value in ordered]

    def _of_run(self, workspace_id: str, block: CanvasBlock, here: PageSurroundings) -> dict[str, Any] | None:
        """The outputs by key of the run that computed a block; None for a block that no run computes."""
        stored, instance_id = block.output, block.content.get("agent_configuration_id")
        if not _is_of_run(stored):
            found = here.latest_outputs(instance_id) if isinstance(instance_id, str) else {}
            return dict(found) if found and block.type == "agent_snippet" else None
        outputs = dict(stored["outputs"])
        if stored.get("cut"):
            if block.run_id is None:
                raise NotFound("The run of this block is not kept any more.", hint="Run the block again.")
            whole = self._runs.get(workspace_id, block.run_id).outputs or {}
            outputs |= {key: whole.get(key, part.get("begin")) for key, part in stored["cut"].items()}
        if not outputs:
            raise Invalid("The block has no output yet.", hint="Run it first.", code="no_output")
        return outputs

    @staticmethod
    def _types(block: CanvasBlock, here: PageSurroundings) -> dict[str, str]:
        instance_id = block.content.get("agent_configuration_id")
        agent = here.instance(instance_id) if isinstance(instance_id, str) else None
        return {one["key"]: one["type"] for one in (agent["outputs"] if agent else ())}

    def _read(self, workspace_id: str, value: Any) -> Any:
        """A value that lies in a file as itself."""
        reference = value.get("storage_ref") if isinstance(value, Mapping) else None
        if not isinstance(reference, Mapping):
            return value
        data = self._runs.file(workspace_id, str(reference.get("sha256", "")))
        try:
            return json.loads(data)
        except ValueError:
            return data.decode("utf-8", "replace")


def _is_of_run(stored: Any) -> bool:
    return isinstance(stored, Mapping) and isinstance(stored.get("outputs"), Mapping)
