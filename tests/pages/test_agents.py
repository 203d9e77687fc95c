"""The agents page without a browser: what is listed, what the form and the text do to each other, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from streamlit.testing.v1 import AppTest

from ionflux_core import yaml_text
from ionflux_core.application import Application, set_current
from ionflux_core.domain.agents import AgentDefinition, InputSpec
from ionflux_core.settings import load_settings
from ionflux_ui import forms
from ionflux_ui.agent_diff import difference
from ionflux_ui.agent_draft import Draft
from ionflux_ui.agent_explain import explained
from ionflux_ui.agent_fields import input_fields, trigger_fields, written_path
from ionflux_ui.agent_rows import row_of
from ionflux_ui.agent_triggers import webhook_address
from tests.pages.shown import drawn, open_page, words

MANIFEST = """
slug: parcel_counter
id: agent_901
name: Parcel Counter
version: "0.1"
triggers:
  - {key: nightly, type: schedule, config: {cron: 0 3 * * *}, is_user_overridable: true}
  - {key: shop, type: webhook, config: {path: /parcels, auth: shopify}, payload_to: order}
inputs:
  - {key: parcels, type: integer, description: How many., default: 4, runtime_promptable: true}
  - {key: mode, type: string, default: slow, accepted_values: [slow, fast]}
  - {key: order, type: json, from_trigger: true, runtime_promptable: true, example: {id: 7}}
outputs:
  - {key: report, type: markdown}
tasks:
  - {key: count, title: Count}
"""
PLANNED = """
slug: later_one
id: agent_902
name: Later One
version: "0.1"
outputs:
  - {key: report, type: markdown}
"""
CODE = '"""Counts."""\n\n\ndef run(ctx, inputs):\n    """The count."""\n    return {"report": str(inputs["parcels"])}\n'
_numbers = count()
FAKE_KEY = "sk-" + "a1b2c3d4" * 5


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    tmp_path = tmp_path_factory.mktemp("agents-page")
    for slug, manifest, code in (("parcel_counter", MANIFEST, CODE), ("later_one", PLANNED, "")):
        folder = tmp_path / "agents" / slug
        folder.mkdir(parents=True)
        (folder / "agent.yaml").write_text(manifest)
        if code:
            (folder / "agent.py").write_text(code)
            (folder / "sample.yaml").write_text("inputs: {parcels: 11}\n")
    settings = load_settings(
        data_dir=tmp_path / "data", key_file=tmp_path / "key", agents_dir=tmp_path / "agents", demo=False
    )
    application = Application(settings).open()
    yield application
    application.stop()


@pytest.fixture
def app(opened: Application) -> Iterator[Application]:
    set_current(opened)
    yield opened
    set_current(None)


@pytest.fixture
def ws(app: Application) -> str:
    made = app.workspaces.create(f"Parcels {next(_numbers)}")
    return made.id


def page(ws: str, **parameters: str) -> AppTest:
    return open_page("agents", workspace=ws, **parameters)


def _key(elements: Any, start: str) -> str:
    return next(element.key for element in elements if element.key and element.key.startswith(start))


def rows(test: AppTest) -> list[dict[str, Any]]:
    """The rows of the list."""
    (board,) = drawn(test)
    return list(board["rows"])


def test_a_row_tells_how_an_agent_is_what_it_did_last_and_when_it_starts_next(app: Application, ws: str) -> None:
    made = app.agents.create(ws, "parcel_counter", "Day *counter*")
    (row,) = rows(page(ws))
    assert (row["id"], row["name"], row["kind"]) == (made.id, "Day *counter*", "Parcel Counter")
    assert [badge["text"] for badge in row["badges"]] == ["Active"]
    assert row["last"] is None and row["next"]["help"].startswith("Next scheduled run: ")
    last = {"timestamp": "2026-03-03T14:05:09+00:00", "status": "error", "output_preview_text": "It broke."}
    ended = made.model_copy(update={"last_run": last, "status_reason": "3 failed runs in a row"})
    row = row_of(ended, kind="Parcel Counter", overdue=True, following=None, zone="UTC")
    assert row["last"]["badge"] == {"tone": "red", "icon": "error", "text": "Error"}
    assert row["last"]["help"] == "Last run, Tue 3 Mar 2026, 14:05:09 UTC\n\nIt broke."
    assert [badge["text"] for badge in row["badges"]] == ["Active", "Overdue"]
    assert row["reason"] == "3 failed runs in a row" and row["next"] is None


def test_the_list_is_narrowed_by_words_and_leaves_archived_agents_out(app: Application, ws: str) -> None:
    for name in ("Day counter", "Night counter", "Old counter"):
        made = app.agents.create(ws, "parcel_counter", name)
    app.agents.set_status(ws, made.id, "archived")
    assert {row["name"] for row in rows(page(ws))} == {"Day counter", "Night counter"}
    assert [row["name"] for row in rows(page(ws, q="NIGHT parcel"))] == ["Night counter"]
    assert len(rows(page(ws, archived="1"))) == 3
    assert "No agent matches" in words(page(ws, q="nobody"))


def test_a_form_edit_changes_the_text_and_leaves_comments(app: Application, ws: str) -> None:
    text = "# mine\ninputs:\n  parcels: 6  # six\n"
    made = app.agents.create(ws, "parcel_counter", "Day counter", yaml=text)
    test = page(ws, instance=made.id)
    field = test.number_input(key=f"field-{made.id}-inputs.parcels")
    assert field.value == 6
    field.set_value(9).run()
    draft: Draft = test.session_state[f"draft-{made.id}"]
    assert draft.text == text.replace("6 ", "9 ")
    assert draft.is_changed and not test.button(key="agent-review").disabled
    test.selectbox(key=f"field-{made.id}-inputs.mode").set_value("fast").run()
    assert yaml_text.load(draft.text).data == {"inputs": {"parcels": 9, "mode": "fast"}}
    test.button(key="agent-discard").click().run()
    assert draft.text == text
    assert app.agents.get(ws, made.id).version == 1


def test_json_that_cannot_be_read_stays_in_its_field_and_blocks_saving(app: Application, ws: str) -> None:
    made = app.agents.create(ws, "parcel_counter", "Day counter", yaml="inputs:\n  parcels: 6\n")
    test = page(ws, instance=made.id)
    key = f"field-{made.id}-inputs.order"
    test.text_area(key=key).set_value('{"id": ').run()
    assert test.text_area(key=key).value == '{"id": '
    assert "This is not JSON" in words(test).replace("\\", "")
    assert test.button(key="agent-review").disabled
    test.text_area(key=key).set_value('{"id": 5}').run()
    assert yaml_text.load(test.session_state[f"draft-{made.id}"].text).data["inputs"]["order"] == {"id": 5}


def test_a_secret_in_the_text_cannot_be_saved(app: Application, ws: str) -> None:
    made = app.agents.create(ws, "parcel_counter", "Day counter", yaml="inputs:\n  parcels: 6\n")
    test = page(ws, instance=made.id)
    test.session_state[f"draft-{made.id}"].replace(f"inputs:\n  parcels: 6\n# {FAKE_KEY}\n")
    test.run()
    assert test.button(key="agent-review").disabled and "1 problem" in words(test)


def test_why_names_the_layer_of_every_value(app: Application, ws: str) -> None:
    app.workspaces.save_settings(ws, {"inputs": {"parcel_counter": {"mode": "fast"}}})
    made = app.agents.create(ws, "parcel_counter", "Day counter", yaml="inputs:\n  parcels: 6\n")
    merged = app.agents.explain(ws, made.id)
    rows = {row["Key"]: row for row in explained(app.marketplace.definition("parcel_counter"), merged)}
    assert rows["inputs.parcels"] == {"Key": "inputs.parcels", "Value": "6", "From": "This agent"}
    assert rows["inputs.mode"]["From"] == "Workspace"
    assert rows["inputs.order"]["From"] == "Not given"
    assert rows["triggers.nightly.config.cron"] == {
        "Key": "triggers.nightly.config.cron", "Value": "0 3 * * *", "From": "Definition"
    }  # fmt: skip
    assert len(page(ws, instance=made.id, tab="why").dataframe[0].value) == len(rows)


def test_triggers_show_times_address_and_the_missing_secret(app: Application, ws: str) -> None:
    made = app.agents.create(ws, "parcel_counter", "Day counter")
    shown = words(page(ws, instance=made.id, tab="triggers"))
    assert shown.count("03:00:00".replace(":", "\\:")) == 5
    hook = next(trigger for trigger in app.triggers.of_instance(ws, made.id) if trigger.kind == "webhook")
    assert f"/hooks/{hook.hook_path}" in shown
    assert "Secret missing" in shown and "shopify_webhook_secret" in shown
    app.secrets.put(ws, "shopify_webhook_secret", "a-long-enough-signing-value")
    assert "Secret missing" not in words(page(ws, instance=made.id, tab="triggers"))


def test_a_trigger_is_tested_as_a_dry_run(app: Application, ws: str) -> None:
    made = app.agents.create(ws, "parcel_counter", "Day counter")
    hook = next(trigger for trigger in app.triggers.of_instance(ws, made.id) if trigger.kind == "webhook")
    test = page(ws, instance=made.id, tab="triggers")
    test.text_area(key=f"payload-{hook.id}").set_value("{").run()
    assert test.button(key=f"test-{hook.id}").disabled
    test.text_area(key=f"payload-{hook.id}").set_value('{"id": 3}').run()
    test.button(key=f"test-{hook.id}").click().run()
    runs = app.runs.find(ws).runs
    assert [(run.dry_run, run.trigger_kind) for run in runs] == [(True, "webhook")]
    assert app.runs.get(ws, runs[0].id).inputs["order"] == {"id": 3}


def test_a_run_is_started_from_the_form_with_the_sample(app: Application, ws: str) -> None:
    made = app.agents.create(ws, "parcel_counter", "Day counter")
    test = page(ws, instance=made.id, start="run")
    order = f"start-{made.id}-order"
    test.text_area(key=order).set_value("nonsense").run()
    test.button(key="agent-start").click().run()
    assert "This is not JSON" in words(test) and app.runs.find(ws).runs == []
    test.button(key="agent-sample").click().run()
    assert test.number_input(key=f"start-{made.id}-parcels").value == 11
    test.selectbox(key=f"start-{made.id}-task").set_value("count").run()
    test.button(key="agent-start").click().run()
    [run] = app.runs.find(ws).runs
    started = app.runs.get(ws, run.id)
    assert (started.inputs["parcels"], started.task, started.dry_run) == (11, "count", False)
    assert "order" not in started.inputs


def test_an_earlier_version_comes_back(app: Application, ws: str) -> None:
    made = app.agents.create(ws, "parcel_counter", "Day counter", yaml="inputs:\n  parcels: 6\n")
    app.agents.save(ws, made.id, "inputs:\n  parcels: 7\n", message="seven")
    test = page(ws, instance=made.id, tab="versions")
    assert "1 value changed" in words(test) and "from version 1 to version 2" in words(test) and "seven" in words(test)
    test.button(key="restore-1").click().run()
    assert app.agents.get(ws, made.id).yaml == "inputs:\n  parcels: 6\n"
    assert app.agents.get(ws, made.id).version == 3


def test_deactivating_stops_the_triggers(app: Application, ws: str) -> None:
    made = app.agents.create(ws, "parcel_counter", "Day counter")
    test = page(ws, instance=made.id, tab="triggers")
    test.button(key="agent-pause").click().run()
    assert app.agents.get(ws, made.id).status == "inactive"
    assert "None of these fires" in words(test)
    test.button(key="agent-activate").click().run()
    assert app.agents.get(ws, made.id).status == "active"


WORDS = some.text(alphabet='aé"\\{: \n1', max_size=12)
JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inside: some.lists(inside, max_size=3) | some.dictionaries(WORDS, inside, max_size=3),
    max_leaves=8,
)
VALUES: dict[str, some.SearchStrategy[Any]] = {
    "json": JSON.filter(lambda value: value is not None),
    "string": WORDS.map(str.strip).filter(bool),
    "integer": some.integers(-(2**53) + 1, 2**53 - 1),
    "number": some.floats(-1e15, 1e15),
    "boolean": some.booleans(),
    "url": some.just("https://shop.example/a"),
}


@given(data=some.data(), kind=some.sampled_from(sorted(VALUES)))
def test_what_a_widget_shows_is_read_back_unchanged(data: Any, kind: Any) -> None:
    value, spec = data.draw(VALUES[kind]), InputSpec(key="x", type=kind)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forms.st, "session_state", {})
        forms.put(spec, "k", value)
        reading = forms.read(spec, "k")
    assert reading.problem == ""
    assert reading.value == value and isinstance(reading.value, bool) == isinstance(value, bool)


@pytest.mark.parametrize("text", ["{", "[1,]", "NaN", '{"a": Infinity}', "[" * 100_000, "nope"])
def test_text_that_is_no_json_is_a_sentence(text: str) -> None:
    reading = forms.parse_json(text)
    assert reading.value is None and reading.problem.startswith("This ") and reading.problem.endswith(".")


def test_a_number_too_large_for_a_browser_is_left_to_the_text() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forms.st, "session_state", {})
        forms.put(InputSpec(key="x", type="integer"), "k", 10**17)
        assert forms.st.session_state["k"] is None


@given(some.lists(some.sampled_from("abc"), max_size=8), some.lists(some.sampled_from("abc"), max_size=8))
def test_a_difference_counts_what_changed(old: list[str], new: list[str]) -> None:
    found = difference("\n".join(old), "\n".join(new))
    assert found.added - found.removed == len(new) - len(old)
    assert (found.text == "") == (old == new)


def definition() -> AgentDefinition:
    return AgentDefinition.model_validate(yaml_text.load(MANIFEST).data)


def edited(text: str, path: tuple[str | int, ...], value: Any) -> str:
    draft = Draft("x", text, 1, text)
    where, what = written_path(path, value, draft.loaded()[0].data, definition())
    draft.put(where, what)
    assert not draft.refused
    return draft.text


def test_trigger_fields_write_into_the_entry_of_their_trigger() -> None:
    cron = ("triggers", "nightly", "config_override", "cron")
    text = edited("# note\n", ("triggers", "shop", "enabled"), False)
    text = edited(text, cron, "every monday at 9")
    text = edited(text, ("triggers", "nightly", "enabled"), False)
    assert text.startswith("# note\n")
    assert yaml_text.load(text).data["triggers"] == [
        {"key": "shop", "enabled": False},
        {"key": "nightly", "config_override": {"cron": "every monday at 9"}, "enabled": False},
    ]
    spec = definition().trigger("nightly")
    assert spec is not None
    fields = {field.path[-1]: field for field in trigger_fields(spec, yaml_text.load(text), definition())}
    assert fields["cron"].value == "every monday at 9" and fields["cron"].inherited == "0 3 * * *"
    assert edited("", ("triggers", "shop", "enabled"), None) == ""


def test_a_trigger_named_by_its_type_is_found() -> None:
    text = edited("triggers:\n  - type: webhook\n    enabled: true\n", ("triggers", "shop", "enabled"), False)
    assert text == "triggers:\n  - type: webhook\n    enabled: false\n"


def test_inputs_know_what_lies_below_them() -> None:
    settled, brought = input_fields(definition(), yaml_text.load("inputs:\n  mode: fast\n"), {"parcels": 12})
    assert [(field.spec.key, field.value, field.inherited) for field in settled] == [
        ("parcels", None, 12),
        ("mode", "fast", "slow"),
    ]
    assert [field.spec.key for field in brought] == ["order"]


def test_a_broken_text_keeps_the_form_at_the_last_whole_one() -> None:
    draft = Draft("x", "inputs:\n  parcels: 6\n", 1, "inputs:\n  parcels: 6\n")
    draft.loaded()
    draft.text = "inputs:\n  parcels: [\n"
    loaded, readable = draft.loaded()
    assert not readable and loaded.data == {"inputs": {"parcels": 6}}
    draft.put(("inputs", "parcels"), 7)
    assert draft.text == "inputs:\n  parcels: [\n" and draft.refused


def test_a_webhook_address_is_on_the_host_of_the_page() -> None:
    assert webhook_address("https://flux.example:8443/agents?x=1", "a/b") == "https://flux.example:8443/hooks/a/b"
    assert webhook_address("", "a/b") == "/hooks/a/b"


def test_the_memory_tab_says_what_lies_there_and_forgets_it(
    app: Application, ws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("chromadb", reason="vector memory is optional; pip install chromadb")
    made = app.agents.create(ws, "parcel_counter", "Counter")
    assert "keeps nothing in a vector memory" in words(page(ws, instance=made.id, tab="memory"))
    known = app.marketplace.definition("parcel_counter")
    memory = known.memory.model_copy(update={"namespace": "parcels_{{workspace_id}}"})
    monkeypatch.setattr(app.marketplace, "definition", lambda _: known.model_copy(update={"memory": memory}))
    app.memory().remember(ws, f"parcels_{ws}", "the *third* parcel was late", {"day": "Monday"})
    shown = page(ws, instance=made.id, tab="memory")
    assert "the *third* parcel was late" in [text.value for text in shown.text]
    next(button for button in shown.button if button.label == "Forget").click().run()
    assert app.memory().count(ws, f"parcels_{ws}") == 0
