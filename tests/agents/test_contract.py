"""Every folder under agents/ keeps the contract: a valid manifest, code that loads, a sample that really runs."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from ionflux_core.application import Application
from ionflux_core.catalog.loader import Catalog
from ionflux_core.catalog.scaffold import scaffold
from ionflux_core.errors import Unavailable
from ionflux_core.storage.tables import metadata

AGENTS = Path(__file__).resolve().parents[2] / "agents"
SLUGS = sorted(place.parent.name for place in AGENTS.glob("*/agent.yaml"))
PLANNED = [slug for slug in SLUGS if not (AGENTS / slug / "agent.py").is_file()]
CODED = [slug for slug in SLUGS if slug not in PLANNED]
TEN = {
    "email_wizard", "whatsapp_pulse", "tiktok_stylist", "sales_sentinel", "ugc_matchmaker", "outreach_automaton",
    "brief_butler", "persona_guardian", "badge_motivator", "revenue_tracker",
}  # fmt: skip
# What a run leaves beyond itself; a dry run must not touch any of it.
TRACES = ("events", "kpi_points", "value_entries", "records", "approvals", "billing_ledger")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """All agents as the product sees them."""
    return Catalog([AGENTS])


@pytest.fixture
def app(make_application: Callable[..., Application]) -> Application:
    """A started application over the real agents."""
    return make_application(agents_dir=AGENTS).start()


def _count(app: Application, table: str) -> int:
    with app.db.read() as connection:
        return connection.execute(select(func.count()).select_from(metadata.tables[table])).scalar_one()


def _holds(found: Any, expected: Any) -> bool:
    """True when everything expected is there; maps may hold more."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(key in found and _holds(found[key], expected[key]) for key in expected)
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(_holds, found, expected))
    if isinstance(expected, float):
        return bool(found == pytest.approx(expected))
    return bool(found == expected)


def test_all_ten_definitions_are_there_and_none_is_broken(catalog: Catalog) -> None:
    assert [f"{broken.folder.name}: {broken.message}" for broken in catalog.problems] == []
    assert {definition.slug for definition in catalog.definitions()} >= TEN
    assert {"revenue_tracker", "sales_sentinel"} <= set(CODED)


@pytest.mark.parametrize("slug", SLUGS)
def test_the_folder_is_the_slug_and_the_manifest_says_what_a_person_needs(catalog: Catalog, slug: str) -> None:
    definition = catalog.definition(slug)
    assert definition.slug == slug and catalog.folder(slug) == AGENTS / slug
    assert definition.planned == (slug in PLANNED)
    assert definition.narrative.tagline and definition.narrative.introduction
    assert definition.triggers and definition.outputs
    assert len({trigger.key for trigger in definition.triggers}) == len(definition.triggers)
    for trigger in definition.triggers:
        assert trigger.payload_to is None or definition.input(trigger.payload_to) is not None


@pytest.mark.parametrize("slug", PLANNED)
def test_a_planned_agent_is_shown_and_cannot_be_started(app: Application, slug: str) -> None:
    workspace = app.workspaces.create("Test").id
    with pytest.raises(Unavailable, match="planned"):
        app.runs.start(workspace, f"agent:{slug}")
    with pytest.raises(Unavailable, match="planned"):
        app.agents.create(workspace, slug, "one")


@pytest.mark.parametrize("slug", CODED)
def test_an_agent_imports_the_sdk_and_nothing_else_of_the_house(slug: str) -> None:
    for file in (AGENTS / slug).rglob("*.py"):
        if file.name.startswith("test_") or file.name == "conftest.py":
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            for name in names:
                assert not name.startswith(("ionflux_ui", "streamlit", "tests")), (file.name, name)
                assert not name.startswith("ionflux_core") or name == "ionflux_core.sdk", (file.name, name)


@pytest.mark.parametrize("slug", CODED)
def test_the_sample_passes_a_dry_run_without_a_trace_and_then_a_real_run(app: Application, slug: str) -> None:
    sample = app.catalog.sample(slug)
    assert sample is not None, f"agents/{slug} has no sample.yaml"
    workspace = app.workspaces.create("Test").id
    instance = app.agents.create(workspace, slug, "Sample")
    before = {table: _count(app, table) for table in TRACES}
    outputs: list[Any] = []
    for dry_run in (True, False):
        started = app.runs.start(workspace, instance.id, sample.get("inputs", {}), dry_run=dry_run)
        run = app.runs.wait(workspace, started.run_id, timeout=60)
        expected = sample.get("expect", {})
        assert run.status == expected.get("status", "success"), run.error
        assert run.warnings == []
        for key, value in (expected.get("outputs") or {}).items():
            assert _holds((run.outputs or {}).get(key), value), (key, (run.outputs or {}).get(key), value)
        assert all(step.status == "success" for step in app.runs.steps(workspace, run.id))
        outputs.append(run.outputs)
        if dry_run:
            assert {table: _count(app, table) for table in TRACES} == before
            assert app.agents.get(workspace, instance.id).last_run is None
    assert set(outputs[0]) == set(outputs[1])
    assert _count(app, "events") > before["events"]
    last = app.agents.get(workspace, instance.id).last_run
    assert last is not None


@pytest.mark.parametrize("slug", CODED)
def test_the_prefilled_configuration_is_valid(app: Application, slug: str) -> None:
    workspace = app.workspaces.create("Test").id
    instance = app.agents.create(workspace, slug, "Prefilled")
    assert app.agents.check(workspace, slug, instance.yaml) == []


def test_a_scaffolded_agent_keeps_the_contract(make_application: Callable[..., Application], tmp_path: Path) -> None:
    folder = tmp_path / "fresh"
    scaffold("my agent", folder)
    app = make_application(agents_dir=folder).start()
    workspace = app.workspaces.create("Test").id
    sample = app.catalog.sample("my_agent")
    assert sample is not None
    run = app.runs.wait(workspace, app.runs.start(workspace, "agent:my_agent", sample["inputs"]).run_id, timeout=10)
    assert (run.status, run.warnings) == ("success", [])
    assert _holds(run.outputs, sample["expect"]["outputs"])
    shutil.rmtree(folder)
