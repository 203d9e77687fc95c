"""The first row of an effect, checked; and what its later states write: errors, events, secrets put in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ionflux_core.domain.effects import OnUncertain
from ionflux_core.domain.runs import Run
from ionflux_core.errors import Forbidden, Invalid, IonfluxError, LimitExceeded
from ionflux_core.ids import new_id, now
from ionflux_core.limits import EFFECT_BYTES
from ionflux_core.redaction import hidden
from ionflux_core.runtime.journal import plain_json
from ionflux_core.storage.engine import dump_json

if TYPE_CHECKING:
    from ionflux_core.redaction import Redactor

KIND_CHARS: Final = 40
SECRET: Final = "secret://"
_TARGET_CHARS: Final = 2000


@dataclass(frozen=True, slots=True)
class Asked:
    """What an agent asked to be sent."""

    kind: str
    target: str
    payload: Mapping[str, Any]
    summary: str
    key: str | None
    on_uncertain: OnUncertain
    estimate: float | None


def first_row(run: Run, redactor: Redactor, step_key: str, origin: Callable[[], str], asked: Asked) -> dict[str, Any]:
    """The effect as it is first noted; `origin` names the run it counts for when it has no key of its own."""
    plain = plain_json(dict(asked.payload), f"The payload for {asked.kind}")
    text = dump_json(plain)
    if not 0 < len(asked.kind) <= KIND_CHARS or not 0 < len(asked.target) <= _TARGET_CHARS or not asked.summary.strip():
        raise Invalid("An effect needs a kind, a target and a summary.", hint='ctx.send("webhook", url, {...}, ...)')
    if len(text) > EFFECT_BYTES:
        raise LimitExceeded("The payload is too large.", hint="Store a file and send its reference.")
    if redactor.holds(f"{asked.target} {asked.payload}"):
        # What a person approves is what goes out: a secret's value has no place in either.
        raise Forbidden("The effect holds the value of a secret.", hint="Refer to it as secret://name.")
    at = now()
    # A dry run must not take the key of the run that will really send.
    key = f"dry:{run.id}:{step_key}" if run.dry_run else asked.key or f"{origin()}:{step_key}"
    return {
        "id": new_id(),
        "workspace_id": run.workspace_id,
        "run_id": run.id,
        "instance_id": run.instance_id,
        "step_key": step_key,
        "kind": asked.kind,
        "target": asked.target,
        "summary": hidden(asked.summary)[:300],
        "payload": plain,
        "status": "draft",
        "dry_run": run.dry_run,
        "policy": "ask",
        "estimate_micros": None if asked.estimate is None else round(asked.estimate * 1_000_000),
        "idempotency_key": key[:300],
        "on_uncertain": asked.on_uncertain,
        "attempts": 0,
        "created_at": at,
        "updated_at": at,
    }


def plain_error(error: IonfluxError) -> dict[str, Any]:
    """An error as the outbox keeps it."""
    return {"code": error.code, "message": error.message, "hint": error.hint}


def revealed(tree: Any, secret: Callable[[str], str]) -> Any:
    """The tree with every text that is a reference to a secret replaced by its value."""
    if isinstance(tree, str) and tree.startswith(SECRET):
        return secret(tree[len(SECRET) :].strip())
    if isinstance(tree, dict):
        return {name: revealed(value, secret) for name, value in tree.items()}
    return [revealed(value, secret) for value in tree] if isinstance(tree, list) else tree
