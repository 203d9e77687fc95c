"""A workspace in which things happen at random, and every figure of it counted by hand, straight from the tables."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import fmean
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, update

from ionflux_core.ids import new_id
from ionflux_core.storage import agents, approvals, audit, events, ledger, steps, tables
from ionflux_core.storage import kpis as kpi_rows
from ionflux_core.storage import runs as run_rows
from ionflux_core.storage.engine import Connection, Database

BEGIN = datetime(2026, 10, 20, tzinfo=UTC)
ZONE = "Europe/Berlin"
DAYS = 12
UNTIL = BEGIN + timedelta(days=DAYS)
MEMBERS = ("local owner", "Ada", "demo", None)


class World:
    """Makes rows as the program does; every method is one thing that may happen at any time."""

    def __init__(self, database: Database, workspace: str, seed: int) -> None:
        self.database, self.workspace, self.random = database, workspace, random.Random(seed)
        self.instances = [self._instance(number) for number in range(3)]
        self.runs: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.messages: list[str] = []

    def step(self) -> None:
        """One thing happens."""
        happen: list[Callable[[], None]] = [
            self.start, self.start, self.start, self.end, self.end, self.ask, self.decide, self.spend, self.publish,
            self.act, self.say, self.unsay, self.save,
        ]  # fmt: skip
        self.random.choice(happen)()

    def moment(self) -> datetime:
        return BEGIN + timedelta(seconds=self.random.randrange(DAYS * 86_400 + 7_200) - 3_600)

    def write(self, work: Callable[[Connection], Any]) -> None:
        self.database.write(work)

    def _instance(self, number: int) -> dict[str, Any]:
        at = BEGIN + timedelta(days=number)
        row = {
            "id": new_id(), "workspace_id": self.workspace, "agent_definition_id": "agent_one",
            "definition_slug": "one", "definition_version": "1", "name": f"One {number}",
            "yaml_config_text": "", "created_at": at, "updated_at": at,
        }  # fmt: skip
        self.database.write(lambda c: agents.insert_instance(c, row))
        return row

    def start(self) -> None:
        """A run is accepted, perhaps begun, perhaps ended."""
        instance, at = self.random.choice([*self.instances, None]), self.moment()
        status = self.random.choice(["pending", "running", "success", "success", "error", "cancelled_by_user"])
        begun = at + timedelta(seconds=self.random.choice([-1, 0, 2, 30])) if status != "pending" else None
        ended = status not in ("pending", "running")
        finished = begun + timedelta(seconds=self.random.randrange(1, 200_000)) if begun and ended else None
        run = {
            "id": new_id(), "workspace_id": self.workspace, "instance_id": instance and instance["id"],
            "definition_slug": "one", "definition_version": "1", "target": "agent:one",
            "brand_id": self.random.choice(["b1", "b2", None]),
            "trigger_kind": self.random.choice(["manual", "webhook"]),
            "trigger": {"by": self.random.choice(MEMBERS)}, "correlation_id": new_id(), "status": status,
            "dry_run": self.random.random() < 0.1, "priority": 0, "concurrency": 1, "depth": 0, "attempt": 1,
            "claims": 1, "inputs": {}, "config": {"instance_version": 2}, "config_sha256": "0", "warnings": [],
            "kpis": {}, "cost_micros": self.random.randrange(3) * 1000, "created_at": at, "started_at": begun,
            "finished_at": finished, "error": {"code": self.random.choice("xy")} if status == "error" else None,
        }  # fmt: skip
        self.write(lambda c: self._run(c, run))
        self.runs.append(run)

    def _run(self, connection: Connection, run: dict[str, Any]) -> None:
        run_rows.insert(connection, run)
        at = run["started_at"] or run["created_at"]
        steps.record(connection, [self._step(run, number, at) for number in range(self.random.randrange(3))])
        if self.random.random() < 0.5:
            steps.write_calls(connection, [self._call(run["id"], at)])
        if run["status"] == "success":
            kpi_rows.put_values(connection, [self._value(run, number) for number in range(self.random.randrange(3))])

    def _step(self, run: dict[str, Any], number: int, at: datetime) -> dict[str, Any]:
        status = self.random.choice(["success", "error"])
        return {
            "run_id": run["id"], "step_key": f"s{number}", "seq": number, "kind": "step", "title": "Sum",
            "status": status, "attempt": self.random.choice([1, 1, 2, 3]), "inputs": None, "inputs_hash": None,
            "outputs": None, "output_ref": None, "error": None, "cost_micros": 0, "started_at": at,
            "finished_at": at + timedelta(seconds=1),
        }  # fmt: skip

    def _call(self, run_id: str, at: datetime) -> dict[str, Any]:
        model = self.random.choice(["small", "large"])
        cost = None if model == "large" else self.random.randrange(100)
        return {
            "id": new_id(), "run_id": run_id, "step_key": None, "kind": "chat", "provider": "p", "model": model,
            "request": None, "response": None, "status": "success", "error": None,
            "tokens_in": self.random.randrange(500), "tokens_out": self.random.randrange(500), "cached_tokens": 1,
            "price": None, "cost_micros": cost, "request_hash": None, "latency_ms": 1.0, "attempt": 1, "at": at,
        }  # fmt: skip

    def _value(self, run: dict[str, Any], number: int) -> dict[str, Any]:
        kind = self.random.choice(["money_made", "money_saved", "minutes_returned"])
        unit = "min" if kind == "minutes_returned" else self.random.choice(["USD", "EUR"])
        return {
            "id": f"{run['id'][:30]}-{number}", "workspace_id": self.workspace, "run_id": run["id"], "kind": kind,
            "amount": float(self.random.randrange(100)), "unit": unit, "note": "", "at": run["created_at"],
            "method": self.random.choice(["measured", "estimate"]),
            "confidence": self.random.choice([None, 0.25, 0.75]),
        }  # fmt: skip

    def end(self) -> None:
        """A run that is under way ends, and books what it was worth."""
        open_runs = [run for run in self.runs if run["status"] in ("pending", "running")]
        if not open_runs:
            return
        run = self.random.choice(open_runs)
        begun = run["started_at"] or run["created_at"]
        run |= {"status": self.random.choice(["success", "error"]), "started_at": begun}
        run["finished_at"] = begun + timedelta(seconds=self.random.randrange(1, 5_000))
        values = {name: run[name] for name in ("started_at", "finished_at")}

        def work(connection: Connection) -> None:
            changed = update(tables.runs).where(tables.runs.c.id == run["id"])
            connection.execute(changed.values(status="running"))
            run_rows.move(connection, run["id"], run["status"], **values)
            kpi_rows.put_values(connection, [self._value(run, 7)])

        self.write(work)

    def ask(self) -> None:
        """A run asks a person."""
        if not self.runs:
            return
        run, at = self.random.choice(self.runs), self.moment()
        row = {
            "id": new_id(), "workspace_id": self.workspace, "run_id": run["id"], "step_key": new_id(), "title": "?",
            "body": "", "data": {}, "editable": [], "kind": self.random.choice(["question", "effect", "uncertain"]),
            "urgency": "low", "status": "pending", "on_timeout": "deny", "expires_at": None, "edits": {},
            "created_at": at,
        }  # fmt: skip
        self.write(lambda c: (approvals.insert(c, row), self._touch(c, run["id"])))
        self.asked.append(row["id"])

    def _touch(self, connection: Connection, run_id: str) -> None:
        from ionflux_core.storage.engine import change_stamp

        statement = update(tables.runs).where(tables.runs.c.id == run_id)
        connection.execute(statement.values(change_seq=change_stamp()))

    def decide(self) -> None:
        """A person answers, or time runs out."""
        if not self.asked:
            return
        asked = self.asked.pop(self.random.randrange(len(self.asked)))
        status = self.random.choice(["approved", "approved", "denied", "timed_out"])
        edits = self.random.choice([{}, {"text": "better"}]) if status == "approved" else {}

        def work(connection: Connection) -> None:
            approvals.decide(connection, asked, status, at=self.moment(), edits=edits)
            row = connection.execute(select(tables.approvals.c.run_id).where(tables.approvals.c.id == asked)).one()
            self._touch(connection, row.run_id)

        self.write(work)

    def spend(self) -> None:
        """The ledger gets an entry."""
        kind = self.random.choice(["credit_grant", "debit_reserve", "credit_release", "debit_flow_execution"])
        micros = self.random.randrange(1, 9) * 1_000_000 * (1 if kind.startswith("credit") else -1)
        run = self.random.choice(self.runs) if self.runs else None
        about = {"run_id": run["id"], "instance_id": run["instance_id"]} if run else None
        self.write(lambda c: ledger.book(c, self.workspace, kind, micros, at=self.moment(), about=about))  # type: ignore[arg-type]

    def publish(self) -> None:
        """A fact is published."""
        run = self.random.choice([*self.runs, None])
        row = {
            "id": new_id(), "workspace_id": self.workspace, "type": self.random.choice(["a.b", "a.c"]),
            "at": self.moment(), "source": "test", "user_id": None, "brand_id": None, "correlation_id": new_id(),
            "causation_run_id": run and run["id"], "dedup_key": None, "schema_version": "v1.0", "payload": {},
            "status": "delivered",
        }  # fmt: skip
        self.write(lambda c: events.insert(c, row))

    def act(self) -> None:
        """Somebody changes something."""
        entity = self.random.choice(["instance", "prompt", "message"])
        who = self.random.choice(MEMBERS)
        self.write(
            lambda c: audit.note(
                c, self.workspace, at=self.moment(), who=who, action="saved", entity=entity, entity_id="x"
            )
        )

    def say(self) -> None:
        """A message is written."""
        at = self.moment()
        row = {
            "id": new_id(), "workspace_id": self.workspace, "channel_id": self._channel(), "sender_type": "user",
            "sender_id": self.random.choice(["u1", "u2"]), "sender_name": "U", "content_type": "markdown",
            "content": {}, "reactions": [], "mentions": [], "created_at": at, "changed_at": at,
        }  # fmt: skip
        self.write(lambda c: c.execute(tables.chat_messages.insert(), row))
        self.messages.append(row["id"])

    def unsay(self) -> None:
        """A message is deleted, as the chat does it."""
        if not self.messages:
            return
        gone, at = self.messages.pop(), self.moment()

        def work(connection: Connection) -> None:
            own = tables.chat_messages
            connection.execute(update(own).where(own.c.id == gone).values(deleted_at=at))
            audit.note(connection, self.workspace, at=at, who="u1", action="deleted", entity="message", entity_id=gone)

        self.write(work)

    def _channel(self) -> str:
        channel = f"channel-{self.workspace[:20]}"
        row = {
            "id": channel, "workspace_id": self.workspace, "name": "general", "type": "public", "description": "",
            "members": [], "status": "active", "created_at": BEGIN, "updated_at": BEGIN,
        }  # fmt: skip

        def work(connection: Connection) -> None:
            own = tables.chat_channels
            if connection.execute(select(own.c.id).where(own.c.id == channel)).first() is None:
                connection.execute(own.insert(), row)

        self.write(work)
        return channel

    def save(self) -> None:
        """A version of an agent is saved."""
        instance = self.random.choice(self.instances)
        instance["versions"] = instance.get("versions", 0) + 1
        row = {
            "instance_id": instance["id"], "version": instance["versions"], "yaml_config_text": "",
            "author": self.random.choice(MEMBERS), "message": "", "created_at": self.moment(),
        }  # fmt: skip
        self.write(lambda c: agents.add_version(c, row))


def by_hand(database: Database, workspace: str, owner: str) -> dict[str, Any]:
    """The figures of BEGIN..UNTIL, from the tables, in plain Python."""
    with database.read() as connection:
        of = {name: _rows(connection, name, workspace) for name in _TABLES}
        mine, agents_here = {row["id"] for row in of["runs"]}, {row["id"] for row in of["agent_configurations"]}
        of["run_steps"] = [row._asdict() for row in connection.execute(select(tables.run_steps)) if row.run_id in mine]
        of["calls"] = [row._asdict() for row in connection.execute(select(tables.calls))]
        saved = connection.execute(select(tables.agent_configuration_versions))
        of["versions"] = [row._asdict() for row in saved if row.instance_id in agents_here]
    runs = [row for row in of["runs"] if _within(row["created_at"])]
    ids = {row["id"] for row in runs}
    ended = [row for row in runs if row["status"] in ("success", "error")]
    took = sorted(_seconds(row["started_at"], row["finished_at"]) for row in ended)
    decided = [row for row in of["approvals"] if row["status"] in ("approved", "denied") and _within(row["decided_at"])]
    asked = [row for row in decided if row["kind"] != "uncertain"]
    people = _People(owner)
    built = {
        (_day(row["at"]), people(row["who"]))
        for row in of["audit_log"]
        if row["entity"] != "message" and _within(row["at"])
    }
    built |= {(_day(row["created_at"]), people(row["author"])) for row in of["versions"] if _within(row["created_at"])}
    built = {pair for pair in built if pair[1]}
    days = {day for day, _ in built}
    ran = {(_day(row["created_at"]), row["instance_id"]) for row in runs if row["instance_id"] and not row["dry_run"]}
    values: dict[tuple[str, str, str], float] = defaultdict(float)
    for row in of["value_entries"]:
        if _within(row["at"]):
            values[row["kind"], row["method"], row["unit"]] += row["amount"]
    calls = [row for row in of["calls"] if row["run_id"] in ids]
    return {
        "runs": len(runs),
        "success_rate": _share(sum(row["status"] == "success" for row in ended), len(ended)),
        "failures": sum(row["status"] == "error" for row in runs),
        "duration": _quantile(took, 0.5),
        "duration_p95": _quantile(took, 0.95),
        "queue_delay": _quantile(
            sorted(max(_seconds(row["created_at"], row["started_at"]), 0) for row in runs if row["started_at"]), 0.5
        ),
        "cost": sum(row["cost_micros"] for row in runs) / 1e6,
        "tokens": sum(row["tokens_in"] + row["tokens_out"] for row in calls) if calls else None,
        "unpriced_calls": sum(row["cost_micros"] is None for row in calls) if calls else None,
        "retries": sum(row["attempt"] - 1 for row in of["run_steps"] if _within(row["started_at"])),
        "acceptance_rate": _share(sum(row["status"] == "approved" and not row["edits"] for row in asked), len(asked)),
        "cion_burn": _burn([row for row in of["billing_ledger"] if _within(row["at"])]),
        "events": sum(_within(row["at"]) for row in of["events"]),
        "messages": sum(_within(row["created_at"]) and row["deleted_at"] is None for row in of["chat_messages"]),
        "versions": sum(_within(row["created_at"]) for row in of["versions"]),
        "automations": len({instance for _, instance in ran}),
        "builders": len(built) / len(days) if days else None,
        "flows_per_builder": sum(day in days for day, _ in ran) / len(built) if built else None,
        "time_to_automation": _first_successes(of["runs"], of["agent_configurations"]),
        "time_to_recover": _recoveries(of["runs"]),
        "values": dict(values),
    }


_TABLES = ("runs", "approvals", "billing_ledger", "events", "audit_log", "chat_messages", "value_entries",
           "agent_configurations")  # fmt: skip


class _People:
    def __init__(self, owner: str) -> None:
        self._owner = owner

    def __call__(self, name: str | None) -> str | None:
        return None if name in (None, "demo") else self._owner if name == "local owner" else name


def _rows(connection: Connection, name: str, workspace: str) -> list[dict[str, Any]]:
    table = getattr(tables, name)
    return [row._asdict() for row in connection.execute(select(table).where(table.c.workspace_id == workspace))]


def _within(at: datetime | None) -> bool:
    return at is not None and BEGIN <= at < UNTIL


def _day(at: datetime) -> Any:
    return at.astimezone(ZoneInfo(ZONE)).date()


def _seconds(begin: datetime, end: datetime) -> float:
    return (end - begin).total_seconds()


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _quantile(ordered: list[float], share: float) -> float | None:
    if not ordered:
        return None
    place = (len(ordered) - 1) * share
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _burn(rows: list[dict[str, Any]]) -> float | None:
    spent = [row["amount_micros"] for row in rows if row["kind"] != "credit_grant"]
    return -sum(spent) / 1e6 if spent else None


def _first_successes(runs: list[dict[str, Any]], instances: list[dict[str, Any]]) -> float | None:
    took = []
    for instance in instances:
        made = instance["created_at"]
        ends = [
            row["finished_at"]
            for row in runs
            if row["instance_id"] == instance["id"] and row["status"] == "success" and not row["dry_run"]
            and row["created_at"] >= made and row["finished_at"] >= made
        ]  # fmt: skip
        if ends and _within(min(ends)):
            took.append(_seconds(made, min(ends)))
    return fmean(took) if took else None


def _recoveries(runs: list[dict[str, Any]]) -> float | None:
    """Failures are walked through one by one: the next success ends a streak, its first failure begins it."""
    real = [row for row in runs if row["instance_id"] and not row["dry_run"] and row["finished_at"]]
    streaks: dict[tuple[str, datetime], datetime] = {}
    for row in real:
        if row["status"] != "error" or not _within(row["created_at"]):
            continue
        later = [
            other["finished_at"]
            for other in real
            if other["instance_id"] == row["instance_id"] and other["status"] == "success"
            and other["finished_at"] >= row["finished_at"] and other["created_at"] >= BEGIN
        ]  # fmt: skip
        if later:
            key = (row["instance_id"], min(later))
            streaks[key] = min(streaks.get(key, row["finished_at"]), row["finished_at"])
    return fmean(_seconds(begin, end) for (_, end), begin in streaks.items()) if streaks else None
