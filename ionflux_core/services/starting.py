"""A run before it begins: checked, with the columns of its first row, not yet stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ionflux_core.catalog.configuration import EffectiveConfiguration
from ionflux_core.catalog.flow_definition import read_flow
from ionflux_core.domain.agents import FLOW, AgentDefinition
from ionflux_core.domain.money import MICROS, MOST_MICROS, dollar_micros
from ionflux_core.errors import Invalid, LimitExceeded
from ionflux_core.ids import now
from ionflux_core.limits import OUTPUT_BYTES
from ionflux_core.services.targets import Target
from ionflux_core.storage.engine import dump_json


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run that has been checked and may be inserted, alone or together with what caused it."""

    id: str
    row: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Started:
    """A run's id, and whether it was there already under the same idempotency key."""

    run_id: str
    repeated: bool = False


def brought_inputs(definition: AgentDefinition, payload: Any, payload_to: str | None) -> dict[str, Any]:
    """The inputs a trigger's payload fills: the one it is meant for, or those its keys name.

    Only inputs that the manifest opens to triggers: what an owner has set is not for a sender to change.
    """
    if payload_to:
        return {} if payload is None else {payload_to: payload}
    if not isinstance(payload, dict):
        return {}
    opened = {spec.key for spec in definition.inputs if spec.from_trigger}
    return {key: value for key, value in payload.items() if key in opened}


def check_size(inputs: dict[str, Any]) -> None:
    """LimitExceeded for inputs that are too large, Invalid for those no database can keep."""
    try:
        size = len(dump_json(inputs))
    except ValueError as error:
        raise Invalid(
            "An input holds half a character (a lone surrogate).", hint="Send the text again as UTF-8.", code="not_text"
        ) from error
    if size > OUTPUT_BYTES:
        raise LimitExceeded("The inputs are too large.", hint="Give large data as a file.")


def own_budget(definition: AgentDefinition, merged: EffectiveConfiguration) -> int | None:
    """What a run may cost by its flow's own `limits.budget_c_ion`, in millionths of a US dollar; None: no limit."""
    text = merged.advanced_features.get(FLOW) if definition.slug == FLOW else None
    most = read_flow(text).limits.budget_c_ion if isinstance(text, str) else None
    return None if most is None else min(dollar_micros(int(most * MICROS)), MOST_MICROS)


def first_row(
    workspace_id: str, resolved: Target, merged: EffectiveConfiguration, brand_id: str | None
) -> dict[str, Any]:
    """The columns of a run that has not begun: what is to run, with which inputs."""
    definition, instance = resolved.definition, resolved.instance
    snapshot, sha256 = merged.sealed()
    inputs = snapshot.pop("inputs")
    config = snapshot | {
        "origins": merged.origins,
        "snippet_preview_output_key": resolved.configuration.snippet_preview_output_key,
        "instance_version": instance.version if instance else None,
    }
    if resolved.configuration.value:
        config["value"] = resolved.configuration.value
    return {
        "workspace_id": workspace_id,
        "instance_id": instance.id if instance else None,
        "definition_slug": definition.slug,
        "definition_version": definition.version,
        "target": instance.name if instance else f"agent:{definition.slug}",
        "brand_id": brand_id or (instance.brand_id if instance else None),
        "triggered_by_user_id": None,
        "parent_run_id": None,
        "status": "pending",
        "concurrency": definition.limits.concurrency,
        "attempt": 1,
        "claims": 0,
        "inputs": inputs,
        "config": config,
        "config_sha256": sha256,
        "warnings": [],
        "kpis": {},
        "cost_micros": 0,
        "created_at": now(),
    }
