"""The runs page without a browser: the list and its filters, one run with all it holds, and what a person can do."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some
from streamlit.testing.v1 import AppTest

from ionflux_core.application import Application, set_current
from ionflux_core.domain.runs import RunSummary, RunTrigger
from ionflux_core.ids import now
from ionflux_ui.run_list import money, row_of
from ionflux_ui.run_outputs import engine_label, file_in
from ionflux_ui.run_text import escaped, flat_rows, number, plain, safe_markdown, table
from tests.pages.shown import ROOT, labelled, open_page, words

MakeAgent = Callable[..., Path]
MANIFEST = """
inputs:
  - {key: value, type: json, runtime_promptable: true, from_trigger: true}
outputs:
  - {key: report, type: markdown}
  - {key: rows, type: json}
  - {key: margin, type: number}
  - {key: address, type: url}
  - {key: big, type: json}
kpis:
  - {name: parcels, title: Parcels, unit: boxes, direction: up, description: Boxes that left.}
"""
CODE = '''
"""Packs."""

from ionflux_core.sdk import AgentFailed, not_computed


def run(ctx, inputs):
    """Everything the page can draw."""
    wish = inputs.get("value") or {}
    ctx.log("packing begins", level="info")
    ctx.log("tape is low", level="warning")
    ctx.step("Pack", lambda: {"boxes": 3})
    if wish.get("ask"):
        ctx.approve("Ship it?", body="It costs $5.", data={"note": "fragile", "weight": 2}, editable=["note"])
    if wish.get("fail"):
        raise AgentFailed("There is no cardboard.", hint="Order some.")
    ctx.llm.complete("Say something.")
    ctx.kpi("parcels", 3, unit="boxes")
    return {
        "report": "Cost $5 and $6 ![spy](https://spy.example/p.png)",
        "rows": [{"box": 1, "kg": 2.5}, {"box": 2, "kg": 1250}],
        "margin": not_computed("no costs were given"),
        "address": "https://example.org/a_b",
        "big": ["x" * 100] * 1000,
    }
'''


@pytest.fixture
def packed(make_agent: MakeAgent, application: Application) -> Application:
    make_agent("packer", CODE, manifest=MANIFEST)
    application.catalog.reload()
    application.marketplace.register()
    set_current(application)
    return application


def workspace_of(application: Application) -> str:
    return application.workspaces.all()[0].id


def ran(application: Application, value: Any = None, **options: Any) -> str:
    """The id of a run that has ended or been parked."""
    ws = workspace_of(application)
    started = application.runs.start(ws, "agent:packer", {"value": value or {}}, **options)
    return application.runs.wait(ws, started.run_id, timeout=20).id


def page(**parameters: str) -> AppTest:
    return open_page("runs", **parameters)


def button(test: AppTest, label: str) -> Any:
    return labelled(test.button, label)


def in_address(test: AppTest, name: str) -> str | None:
    value = test.query_params.get(name)
    return value[0] if isinstance(value, list) else value


def labels(test: AppTest) -> set[str]:
    return {button.label for button in test.button}


def test_without_runs_the_page_says_what_it_is_for(packed: Application) -> None:
    test = page()
    assert "Nothing has run yet." in words(test)
    assert "Choose an agent from the marketplace" in labels(test)
    assert not test.multiselect


def test_filters_come_from_the_address_and_go_into_it(packed: Application) -> None:
    ran(packed)
    ran(packed, {"fail": True})
    test = page(status="error", trigger="manual", text="cardboard")
    assert test.multiselect[0].value == ["error"]
    assert test.text_input[0].value == "cardboard"
    assert "1 run" in words(test)
    test.multiselect[0].set_value(["success", "error"]).run()
    assert in_address(test, "status") == "success,error"
    test.text_input[0].set_value("").run()
    assert "text" not in test.query_params
    assert "2 runs" in words(test)


def test_a_filter_that_leaves_nothing_can_be_cleared(packed: Application) -> None:
    ran(packed)
    test = page(text="nothing has these words")
    assert "No run fits these filters." in words(test)
    button(test, "Show all runs").click().run()
    assert "1 run" in words(test)
    assert "text" not in test.query_params


def test_nonsense_in_the_address_is_left_out_and_said(packed: Application) -> None:
    ran(packed)
    test = page(status="exploded,success", trigger="<b>", since="yesterday", until="2026-99-99")
    assert "status, since, until, trigger" in words(test)
    assert "1 run" in words(test)


def test_a_day_counts_to_its_end_in_the_workspaces_zone(packed: Application) -> None:
    ran(packed)
    zone = packed.workspaces.get(workspace_of(packed)).settings.timezone
    today = now().astimezone(ZoneInfo(zone)).date()
    assert "1 run" in words(page(since=today.isoformat(), until=today.isoformat()))
    tomorrow = (today + timedelta(days=1)).isoformat()
    assert "No run fits" in words(page(since=tomorrow))


def test_pages_of_fifty_go_back_and_forth(packed: Application) -> None:
    ws = workspace_of(packed)
    packed.worker.stop()  # type: ignore[union-attr]
    ids = [packed.runs.start(ws, "agent:packer", {"value": {}}).run_id for _ in range(60)]
    for run_id in ids:
        packed.runs.cancel(ws, run_id)
    test = page()
    assert "60 runs" in words(test)
    button(test, "Next").click().run()
    assert in_address(test, "before") == ids[10]
    assert "Next" not in labels(test)
    button(test, "Newer").click().run()
    assert "before" not in test.query_params
    assert "Newest" in labels(page(before=ids[10]))


def test_a_run_shows_results_by_type(packed: Application) -> None:
    test = page(run=ran(packed))
    shown = words(test)
    assert test.title[0].value == "packer"
    assert "Cost \\$5 and \\$6 [spy](https://spy.example/p.png)" in shown
    assert "| box | kg |\n| ---: | ---: |\n| 1 | 2\\.5 |\n| 2 | 1\\,250 |" in shown
    assert "Not computed: no costs were given" in shown
    assert "[https\\:\\/\\/example\\.org\\/a\\_b](<https://example.org/a_b>)" in shown
    assert "![" not in shown
    assert shown.count("local engine") == 5
    assert (test.metric[0].label, test.metric[0].value) == ("Parcels", "3 boxes")
    assert "Run again" in labels(test)
    assert not {"Cancel", "Pause", "Resume"} & labels(test)


def test_a_large_output_is_a_file_to_download(packed: Application) -> None:
    run = packed.runs.get(workspace_of(packed), ran(packed))
    assert run.outputs is not None
    file = file_in(run.outputs["big"])
    assert file is not None
    assert packed.runs.file(run.workspace_id, file["sha256"]).startswith(b'["xxx')
    assert any(each.proto.label.startswith("Download big") for each in page(run=run.id).get("download_button"))


def test_a_failed_run_gives_the_sentence_and_folds_the_trace(packed: Application) -> None:
    test = page(run=ran(packed, {"fail": True}))
    shown = "\n".join(text.value for text in test.text)
    assert "There is no cardboard." in shown
    assert "What to do: Order some." in shown
    assert "Traceback" not in shown


def test_steps_unfold_and_the_open_one_is_in_the_address(packed: Application) -> None:
    run_id = ran(packed)
    assert "boxes" not in str([each.value for each in page(run=run_id).json])
    assert any("boxes" in str(each.value) for each in page(run=run_id, step="Pack").json)


def test_logs_are_filtered_by_level(packed: Application) -> None:
    run_id = ran(packed)
    everything = page(run=run_id, part="logs").code[0].value
    assert "packing begins" in everything
    serious = page(run=run_id, part="logs", level="warning").code[0].value
    assert "tape is low" in serious
    assert "packing begins" not in serious


def test_calls_and_inputs_say_where_they_come_from(packed: Application) -> None:
    run_id = ran(packed, {"colour": "red"})
    assert "given at the start" in words(page(run=run_id, part="inputs"))
    assert any("local engine" in fold.label for fold in page(run=run_id, part="calls").expander)
    assert "no file" not in words(page(run=run_id, part="files"))


def test_run_again_starts_the_same_inputs(packed: Application) -> None:
    first = ran(packed, {"colour": "red"}, dry_run=True)
    test = page(run=first)
    button(test, "Run again").click().run()
    again = in_address(test, "run")
    assert again and again != first
    run = packed.runs.wait(workspace_of(packed), again, timeout=20)
    assert run.inputs == {"value": {"colour": "red"}}
    assert run.dry_run
    assert run.trigger.by == "Local owner"


def test_an_approval_takes_edits_and_the_run_goes_on(packed: Application) -> None:
    ws, run_id = workspace_of(packed), ran(packed, {"ask": True})
    test = page(run=run_id)
    assert "It costs \\$5." in words(test)
    assert [field.label for field in test.text_input] == ["Note", "Comment"]
    test.text_input[0].set_value("very fragile")
    test.text_input[1].set_value("careful")
    button(test, "Approve").click().run()
    run = packed.runs.wait(ws, run_id, timeout=20)
    assert run.status == "success"
    answer = next(step.outputs for step in packed.runs.steps(ws, run_id) if step.kind == "approval")
    assert answer["edits"] == {"note": "very fragile"}
    assert answer["comment"] == "careful"


def test_denying_sends_no_edits(packed: Application) -> None:
    ws, run_id = workspace_of(packed), ran(packed, {"ask": True})
    test = page(run=run_id)
    test.text_input[0].set_value("changed")
    button(test, "Deny").click().run()
    packed.runs.wait(ws, run_id, timeout=20)
    answer = next(step.outputs for step in packed.runs.steps(ws, run_id) if step.kind == "approval")
    assert (answer["approved"], answer["edits"]) == (False, {})


def test_a_waiting_run_can_be_cancelled_once(packed: Application) -> None:
    ws, run_id = workspace_of(packed), ran(packed, {"ask": True})
    test = page(run=run_id)
    packed.runs.cancel(ws, run_id)
    button(test, "Cancel").click().run()
    assert not test.exception
    assert "cannot become cancelled" in words(test) or "Cancelled" in words(test)
    assert packed.runs.get(ws, run_id).status == "cancelled_by_user"


def test_an_unknown_run_is_met_kindly(packed: Application) -> None:
    test = page(run="<script>alert(1)</script>")
    assert test.title[0].value == "No such run"
    button(test, "Show all runs").click().run()
    assert "run" not in test.query_params


def test_a_run_whose_agent_is_gone_is_still_shown(packed: Application, agents_dir: Path) -> None:
    run_id = ran(packed)
    (agents_dir / "packer" / "agent.yaml").unlink()
    packed.catalog.reload()
    test = page(run=run_id)
    assert "not here any more" in words(test)
    assert "Run again" not in labels(test)


def test_a_row_says_what_a_run_is() -> None:
    at = now()
    run = RunSummary(
        id="r", workspace_id="w", instance_id=None, definition_slug="packer", definition_version="1",
        status="error", trigger_kind=RunTrigger().kind, preview="p", error_message="No cardboard.",
        cost_micros=1_234_567, created_at=at, started_at=at, finished_at=at + timedelta(seconds=75),
    )  # fmt: skip
    row = row_of(run, "UTC", {"packer": "Packer"})
    assert (row["status"], row["tone"], row["icon"]) == ("Error", "red", "error")
    assert (row["agent"], row["preview"], row["duration"], row["cost"]) == (
        "Packer", "No cardboard.", "1 min 15 s", "$1.23",
    )  # fmt: skip


def test_no_price_is_not_nothing() -> None:
    assert (money(None), money(0), money(1_200), money(2_500_000)) == ("no price", "$0.00", "$0.0012", "$2.50")


@pytest.mark.parametrize(
    ("value", "outputs", "calls", "label"),
    [
        ("x", {}, [], "no model"),
        ({"engine": {"kind": "local"}}, {"engine": {"kind": "llm", "name": "a:b"}}, [], "local engine"),
        ("x", {"engine": {"kind": "llm", "name": "openai:gpt"}}, [], "openai:gpt"),
        ("x", {}, [{"kind": "llm", "status": "success", "provider": "local", "model": "1"}], "local engine"),
        ("x", {}, [{"kind": "http", "status": "success", "provider": "http", "model": None}], "no model"),
    ],
)
def test_every_output_names_its_engine(value: Any, outputs: Any, calls: Any, label: str) -> None:
    assert engine_label(value, outputs, calls) == label


@given(some.text(alphabet="!![]()`~$ \n\\ab", max_size=60))
def test_no_image_survives(text: str) -> None:
    assert "![" not in safe_markdown(text)


def test_code_keeps_its_dollars() -> None:
    assert safe_markdown("`$a` costs $5\n```\n$b ![x]\n```\n$6") == "`$a` costs \\$5\n```\n$b !\u200b[x]\n```\n\\$6"


@given(some.text(max_size=80))
def test_escaped_text_stays_on_its_line_and_keeps_its_words(text: str) -> None:
    shown = escaped(text)
    assert "\n" not in shown
    assert re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", shown) == " ".join(text.split())


def test_only_flat_rows_become_a_table() -> None:
    assert flat_rows([{"a": 1}, {"b": None}]) is not None
    for other in ([], [1], [{}], [{"a": []}], {"a": 1}, "text"):
        assert flat_rows(other) is None
    assert table([{"a|b": "x\ny"}, {"a|b": True}]).splitlines()[2:] == ["| x y |", "| yes |"]


def test_figures_are_readable() -> None:
    assert [plain(value) for value in (1234567, 0.1, 2.50, None, True, "a")] == [
        "1,234,567", "0.1", "2.5", "–", "yes", "a",
    ]  # fmt: skip
    assert number(1e20) == "1e+20"


LIGHT = """
import sys
from pathlib import Path
from streamlit.testing.v1 import AppTest
from ionflux_core.application import Application, set_current
from ionflux_core.settings import load_settings

data, agents, root, run = map(str, sys.argv[1:])
settings = load_settings(_env_file=None, data_dir=data, agents_dir=agents, key_file=data + "/../key", workers=0)
set_current(Application(settings).open())
for parameters in ({}, {"run": run}, {"run": run, "step": "Pack", "part": "logs"}, {"status": "error"}):
    test = AppTest.from_file(root + "/ionflux_ui/shell.py", default_timeout=60)
    test.switch_page(root + "/pages/runs.py")
    for name, value in parameters.items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
heavy = {"pandas", "pyarrow", "duckdb", "chromadb"} & set(sys.modules)
sys.exit(f"loaded: {sorted(heavy)}" if heavy else 0)
"""


def test_the_page_loads_nothing_heavy(packed: Application) -> None:
    run_id, settings = ran(packed), packed.settings
    command = [sys.executable, "-c", LIGHT, str(settings.data_dir), str(settings.agents_dir), str(ROOT), run_id]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr[-1000:]
