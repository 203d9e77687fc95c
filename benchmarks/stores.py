"""Data folders of the bench: a workspace with the bench's agents, and one with 10,000 runs stored."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from ionflux_core.application import Application
from ionflux_core.domain.agents import AgentInstance
from ionflux_core.domain.canvas import BlockDraft, Place
from ionflux_core.ids import new_id
from ionflux_core.settings import load_settings
from ionflux_core.storage import kpis, runs, steps
from ionflux_core.storage.engine import Connection
from ionflux_core.storage.tables import chat_messages, triggers

HERE = Path(__file__).resolve().parent
BENCH_AGENTS = HERE / "agents"
SHIPPED_AGENTS = HERE.parent / "agents"
STORED_RUNS = 10_000
_BATCH = 500
_DAYS = 60
_UNLIMITED = 1_000_000_000
_FIGURES = (("net_revenue", "currency", 9000), ("orders", "count", 80), ("net_margin_pct", "%", 30))


@dataclass(frozen=True)
class HookPaths:
    """Where the two webhook agents listen."""

    answer: str
    accept: str


def application(folder: Path, *, agents: Path, workers: int) -> Application:
    """The product in this process, over a data folder of the bench."""
    settings = load_settings(
        _env_file=None, data_dir=folder, key_file=folder.parent / "key", agents_dir=agents, workers=workers,
        scheduler=False, demo=False,
    )  # fmt: skip
    return Application(settings)


def webhook_store(folder: Path) -> HookPaths:
    """A data folder whose two webhook agents take as much as is sent; their paths.

    The product refuses more than a few hundred deliveries a minute per webhook; the bench lifts that for its own two.
    """
    opened = application(folder, agents=BENCH_AGENTS, workers=0).open()
    workspace = opened.workspaces.create("Bench")
    opened.workspaces.save_settings(workspace.id, {"max_parallel_runs": 64})
    paths = {kind: _hook(opened, workspace.id, kind) for kind in ("answer", "accept")}
    opened.stop()
    return HookPaths(f"/hooks/{paths['answer']}", f"/hooks/{paths['accept']}")


def _hook(opened: Application, workspace_id: str, kind: str) -> str:
    instance = opened.agents.create(workspace_id, f"hook_{kind}", f"Hook {kind}")

    def lift(connection: Connection) -> str:
        chosen = triggers.c.instance_id == instance.id
        row = connection.execute(select(triggers.c.config, triggers.c.hook_path).where(chosen)).one()
        connection.execute(update(triggers).where(chosen).values(config={**row.config, "per_minute": _UNLIMITED}))
        return str(row.hook_path)

    return opened.db.write(lift)


def counted(folder: Path) -> tuple[int, int, int]:
    """Runs that succeeded, runs that have not ended, and journaled steps in a data folder a server is using."""
    import sqlite3

    with sqlite3.connect(f"file:{folder / 'ionflux.sqlite'}?mode=ro", uri=True, timeout=15) as connection:
        done, left, journaled = connection.execute(
            "SELECT count(*) FILTER (WHERE status = 'success'),"
            " count(*) FILTER (WHERE status IN ('pending', 'running')), (SELECT count(*) FROM run_steps) FROM runs"
        ).fetchone()
    return done, left, journaled


def full_store(folder: Path) -> Path:
    """A data folder with 10,000 finished runs of two shipped agents over 60 days, their steps and some figures.

    It is made once beside the folders of the sections that ask for it.
    """
    place = folder.parent / "stored"
    data = place / "data"
    if not data.exists():
        place.mkdir()
        _fill(data)
    return data


def _fill(folder: Path) -> None:
    opened = application(folder, agents=SHIPPED_AGENTS, workers=0).open()
    workspace = opened.workspaces.create("Bench")
    instances = [
        opened.agents.create(workspace.id, slug, name)
        for slug, name in (("revenue_tracker", "Margins"), ("sales_sentinel", "Watch"))
    ]
    chance = random.Random(10_000)
    first = datetime.now(UTC) - timedelta(days=_DAYS)
    gap = timedelta(days=_DAYS) / STORED_RUNS
    for start in range(0, STORED_RUNS, _BATCH):
        batch = [
            _finished_run(chance.choice(instances), first + index * gap, chance)
            for index in range(start, start + _BATCH)
        ]

        def work(connection: Connection, batch: list[dict[str, Any]] = batch) -> None:
            for row in batch:
                runs.insert(connection, row)
            steps.record(connection, [step for row in batch for step in _steps_of(row)])

        opened.db.write(work)
    opened.db.write(lambda connection: kpis.put(connection, _figures(instances[0], first, chance)))
    opened.stop()


def page_of_blocks(data: Path, count: int) -> str:
    """The id of a new page in a stored workspace, with so many blocks of six kinds."""
    opened = application(data, agents=SHIPPED_AGENTS, workers=0).open()
    workspace = opened.workspaces.all()[0]
    margins = opened.agents.find(workspace.id, definition_slug="revenue_tracker")[0]
    figure = {"definition": "revenue_tracker", "kpi": "net_revenue", "agent_configuration_id": margins.id}
    rows = [[f"row {number}", number] for number in range(20)]
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("text", {"markdown_text": "**Words** of a plan, and a list:\n\n- one\n- two\n- three"}),
        ("kpi_tile", figure),
        ("chart", {"source": "kpi", "kind": "lines", **figure}),
        ("agent_snippet", {"agent_configuration_id": margins.id}),
        ("table_view", {"json_data_to_display": {"columns": ["Name", "Value"], "rows": rows}}),
        ("json_display", {"json_data_to_display": {"rows": rows}}),
    ]
    blocks = [
        BlockDraft(type=type, content=content, place=Place(x=number % 3 * 4, y=number // 3 * 5, width=4, height=5))
        for number, (type, content) in ((number, kinds[number % len(kinds)]) for number in range(count))
    ]
    page = opened.canvas.create(workspace.id, f"{count} blocks", blocks=blocks)
    opened.stop()
    return page.id


def _finished_run(instance: AgentInstance, at: datetime, chance: random.Random) -> dict[str, Any]:
    failed = chance.random() < 0.05
    error = {"code": "agent_failed", "message": "The shop did not answer.", "hint": "Try again."} if failed else None
    run_id = new_id()
    return {
        "id": run_id,
        "workspace_id": instance.workspace_id,
        "instance_id": instance.id,
        "definition_slug": instance.definition_slug,
        "definition_version": instance.definition_version,
        "target": instance.name,
        "trigger_kind": chance.choice(("manual", "schedule", "webhook", "event")),
        "trigger": {"kind": "manual"},
        "correlation_id": run_id,
        "status": "error" if failed else "success",
        "dry_run": False,
        "priority": 0,
        "concurrency": 1,
        "depth": 0,
        "attempt": 1,
        "claims": 0,
        "inputs": {},
        "config": {},
        "config_sha256": "0" * 64,
        "warnings": [],
        "outputs": None if failed else {"report": "What came out, in a sentence or two. " * 4},
        "preview": "The shop did not answer." if failed else "What came out, in a sentence or two.",
        "error": error,
        "kpis": {},
        "cost_micros": chance.randrange(0, 5000),
        "created_at": at,
        "started_at": at + timedelta(milliseconds=5),
        "finished_at": at + timedelta(milliseconds=chance.randrange(50, 4000)),
    }


def _steps_of(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "run_id": row["id"],
            "step_key": key,
            "seq": seq,
            "kind": "step",
            "title": key,
            "status": row["status"] if seq == 3 else "success",
            "attempt": 1,
            "inputs": {"n": seq},
            "inputs_hash": None,
            "outputs": {"rows": seq},
            "output_ref": None,
            "error": None,
            "cost_micros": 0,
            "started_at": row["started_at"],
            "finished_at": row["finished_at"],
        }
        for seq, key in enumerate(("read", "work", "report"), start=1)
    ]


def _figures(instance: AgentInstance, first: datetime, chance: random.Random) -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = []
    for day in range(_DAYS):
        at = first + timedelta(days=day)
        for name, unit, most in _FIGURES:
            points.append(
                {
                    "id": kpis.point_id(instance.id, name, at, {}),
                    "workspace_id": instance.workspace_id,
                    "instance_id": instance.id,
                    "brand_id": None,
                    "definition_slug": instance.definition_slug,
                    "run_id": new_id(),
                    "name": name,
                    "unit": unit,
                    "value": float(chance.randrange(most // 2, most)),
                    "at": at,
                    "dims": {},
                }
            )
    return points


def full_channel(data: Path, count: int) -> tuple[str, str, str]:
    """A channel with so many messages and one without any, in a stored workspace; their ids and the newest words."""
    opened = application(data, agents=SHIPPED_AGENTS, workers=0).open()
    workspace, owner = opened.workspaces.all()[0].id, opened.workspaces.owner()
    loud, quiet = (opened.chat.create_channel(workspace, {"name": name}, by=owner.id) for name in ("Loud", "Quiet"))
    at = datetime.now(UTC) - timedelta(days=30)
    for start in range(0, count, _BATCH):
        batch = [
            _message(workspace, loud.id, index, at + timedelta(seconds=index)) for index in range(start, start + _BATCH)
        ]
        opened.db.write(lambda connection, batch=batch: connection.execute(chat_messages.insert(), batch).rowcount)  # type: ignore[misc]
    last = opened.chat.post(workspace, loud.id, text="the very newest", sender_id=owner.id, sender_name=owner.name)
    opened.chat.mark_read(workspace, loud.id, owner.id, last.id)
    opened.stop()
    return loud.id, quiet.id, "the very newest"


def _message(workspace_id: str, channel_id: str, index: int, at: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "workspace_id": workspace_id,
        "channel_id": channel_id,
        "sender_type": "user",
        "sender_id": "somebody",
        "sender_name": "Somebody",
        "content_type": "markdown",
        "content": {"text_body": f"message {index} of a long talk about the shop"},
        "reactions": [],
        "mentions": [],
        "created_at": at,
        "changed_at": at,
    }


def page_with_agent(data: Path) -> tuple[str, str]:
    """The id of a page with one agent's block on it, in a new workspace, and the agent's name."""
    opened = application(data, agents=BENCH_AGENTS, workers=0).open()
    workspace = opened.workspaces.create("Bench")
    agent = opened.agents.create(workspace.id, "three_steps", "Three steps")
    page = opened.canvas.create(workspace.id, "Runs")
    opened.canvas.add_block(workspace.id, page.id, "agent_snippet", {"agent_configuration_id": agent.id})
    opened.stop()
    return page.id, agent.name
