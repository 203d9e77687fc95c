"""The Grafana dashboard and the Prometheus rules ask only for figures that /metrics gives, by labels they have."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ionflux_core.application import Application
from ionflux_core.services.metrics import Family, Metrics
from ionflux_core.telemetry import Traces
from ionflux_core.web.metrics import Requests
from ionflux_core.yaml_text import load

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "grafana"
PARTS = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
# What the process collector of prometheus_client gives on Linux.
PROCESS = {"process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"}
SCRAPE = {"job", "instance", "le"}
NAME = re.compile(r"\b(?:ionflux|process)_[a-z0-9_]+\b")
SELECTOR = re.compile(r"\b((?:ionflux|process)_[a-z0-9_]+)\{([^}]*)\}")
BY = re.compile(r"\bby\s*\(([^)]*)\)")
ROWS = ["Alerts", "Traffic", "Speed", "Errors", "Queue", "Cost", "Resources"]


@pytest.fixture
def given(application: Application) -> dict[str, set[str]]:
    """Every name that a scrape may give, with its labels."""
    application.traces = Traces("http://127.0.0.1:1")
    application.cache.refresh()
    families: list[Family] = [*Metrics(application).families(), *Requests().families()]
    names = {f"ionflux_{each.name}{part}": {*each.labels} for each in families for part in PARTS[each.kind]}
    return names | {name: set() for name in PROCESS}


def dashboard() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((FOLDER / "ionflux.json").read_text("utf-8"))
    return read


def expressions() -> Iterator[tuple[str, str]]:
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]
    for rule in rules():
        yield rule["alert"], rule["expr"]


def rules() -> list[dict[str, Any]]:
    read = load((FOLDER / "alerts.yml").read_text("utf-8")).data
    return [rule for group in read["groups"] for rule in group["rules"]]


def test_every_expression_asks_for_figures_that_are_given(given: dict[str, set[str]]) -> None:
    unknown = [(where, name) for where, expr in expressions() for name in NAME.findall(expr) if name not in given]
    assert unknown == []


def test_every_label_that_is_asked_for_is_one_of_the_figure(given: dict[str, set[str]]) -> None:
    for where, expr in expressions():
        for name, inside in SELECTOR.findall(expr):
            asked = {label for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", inside)}
            assert asked <= given[name] | SCRAPE, (where, name)
        labels = {label for name in NAME.findall(expr) for label in given[name]} | SCRAPE
        grouped = {label.strip() for found in BY.findall(expr) for label in found.split(",")}
        assert grouped <= labels, where


def test_no_figure_is_left_out_of_the_dashboard(given: dict[str, set[str]]) -> None:
    asked = {name for _, expr in expressions() for name in NAME.findall(expr)}
    families = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in asked}
    shown = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in given}
    assert shown - families <= {
        "ionflux_scheduler_here", "ionflux_cache_complete", "ionflux_approvals_oldest_seconds",
        "ionflux_trace_spans_waiting",
    }  # fmt: skip


def test_the_dashboard_has_what_grafana_needs() -> None:
    board = dashboard()
    assert board["schemaVersion"] >= 39 and board["title"] == "IONFLUX" and board["uid"] == "ionflux"
    assert board["id"] is None and {"from", "to"} <= {*board["time"]}
    source, *more = board["templating"]["list"]
    assert (source["type"], source["query"], source["name"]) == ("datasource", "prometheus", "datasource")
    assert {each["name"] for each in more} == {"job", "instance"}
    assert [panel["title"] for panel in board["panels"] if panel["type"] == "row"] == ROWS
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids)) and all(isinstance(each, int) and each > 0 for each in ids)
    for panel in board["panels"]:
        assert {*panel["gridPos"]} == {"h", "w", "x", "y"} and panel["title"], panel["id"]
        if panel["type"] == "row":
            continue
        assert panel["type"] in ("timeseries", "stat") and panel["description"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["fieldConfig"]["defaults"]["unit"] and panel["fieldConfig"]["overrides"] == []
        refs = [target["refId"] for target in panel["targets"]]
        assert refs and len(refs) == len(set(refs))
        assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])


def test_no_panel_lies_on_another() -> None:
    taken: dict[tuple[int, int], int] = {}
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        for place in ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])):
            assert place not in taken, (panel["title"], taken.get(place))
            taken[place] = panel["id"]


def test_the_rules_cover_failures_queue_and_errors_and_say_what_to_do() -> None:
    found = {rule["alert"]: rule for rule in rules()}
    assert {"IonfluxFailureRate", "IonfluxQueueLong", "IonfluxCriticalErrors"} <= {*found}
    for name, rule in found.items():
        assert name.startswith("Ionflux") and rule["labels"]["severity"] in ("info", "warning", "critical")
        assert rule["annotations"]["summary"] and rule["annotations"]["description"], name


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool here: apt-get install prometheus")
def test_prometheus_itself_reads_every_expression(tmp_path: Path) -> None:
    assert _checked(FOLDER / "alerts.yml") == 0
    asked = [expr.replace("$__rate_interval", "5m") for _, expr in expressions()]
    lines = "".join(f"      - record: x:{n}\n        expr: {json.dumps(expr)}\n" for n, expr in enumerate(asked))
    (tmp_path / "all.yml").write_text(f"groups:\n  - name: all\n    rules:\n{lines}", encoding="utf-8")
    assert _checked(tmp_path / "all.yml") == 0


def _checked(path: Path) -> int:
    return subprocess.run(["promtool", "check", "rules", str(path)], capture_output=True, check=False).returncode
