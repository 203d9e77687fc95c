"""Playbooks: read in every age's form, kept in versions, compiled to flows that pass the checks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ionflux_core.application import Application
from ionflux_core.domain.playbooks import Audience, PlaybookDraft
from ionflux_core.errors import Conflict, Invalid
from ionflux_core.fluxgraph.checking import validate
from ionflux_core.fluxgraph.conditions import decide
from ionflux_core.services.playbook_flows import flow_text, part_of, span, step_of
from ionflux_core.services.workspaces import validated
from ionflux_core.yaml_text import load

AGENTS = Path(__file__).resolve().parents[2] / "agents"
MakeApplication = Callable[..., Application]
FIRST, SECOND = "3f0c1d1e-1111-4a2b-8888-0123456789ab", "3f0c1d1e-2222-4a2b-8888-0123456789ab"
ORDERED = "ionflux.shopify.order.created"


Comes = set[tuple[str, str]]


def mail(step_id: str, **more: Any) -> dict[str, Any]:
    config = {"subject": "Hello {{ customer.first_name | default('you') }}", "body": "Words."}
    return {"id": step_id, "name": step_id.title(), "action": "send_email", "config": config, **more}


def draft(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "Cart", "trigger": {"event": "shopify.abandoned_cart.created", "filter": {"cart_value_gt": 100}},
            "steps": list(steps), **more}  # fmt: skip


def graph(values: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = load(flow_text(PlaybookDraft.model_validate(values))).data["graph"]
    return found


@pytest.fixture
def app(make_application: MakeApplication, database_url: str) -> Application:
    return make_application(database_url=database_url, agents_dir=AGENTS)


@pytest.fixture
def ws(app: Application) -> str:
    return app.workspaces.create("Playbooks").id


def test_a_document_of_the_older_records_arrives_with_its_steps_and_ways(app: Application, ws: str) -> None:
    made, read = app.playbooks.import_text(ws, f"""
name: Abandoned Cart Recovery - Aggressive
description_text: null
status: active
trigger_event_schema_json:
  {{source_service: Shop, event_type: shopify.abandoned_cart.created, filter_conditions_json: {{cart_value_gt: 100}}}}
target_audience_segment_id: high_value
performance_metrics_json: {{total_triggered: 900}}
steps_json_array:
  - step_id: {FIRST}
    step_name: Write to them
    delay_seconds: 0
    action_type: send_email
    action_config_json: {{message_body_template_text: "Your cart, {{{{ customer.first_name }}}}"}}
    next_step_conditions_json_array:
      - {{condition_on_output_key: sent, operator: equals, value: true, next_step_id: {SECOND}}}
    default_next_step_id: null
  - {{step_id: {SECOND}, step_name: Ask an agent, delay_seconds: 60, action_type: trigger_agent,
     action_config_json: {{target_agent_definition_id: agent_010, input_params_mapping_json: {{}}}}}}
""")  # fmt: skip
    first, second = made.steps
    assert (made.status, made.audience.name, made.trigger.filter) == ("draft", "high_value", {"cart_value_gt": 100})
    assert (first.id, first.branches[0].next, first.branches[0].operator, first.next) == (
        "write_to_them", second.id, "==", "end"
    )  # fmt: skip
    assert first.config == {"body": "Your cart, {{ customer.first_name }}"}
    assert second.config == {"agent": "agent_010"}
    assert any("draft until you activate it" in note for note in read.notes)
    assert app.playbook_figures.performance(ws, made.id).total_triggered == 0


def test_the_oldest_form_is_read_minutes_conditions_and_all(app: Application, ws: str) -> None:
    made, read = app.playbooks.import_text(
        ws,
        """
agent_definition_id: agent_002
name: Old one
trigger_event_type: shopify_abandoned_cart
is_active: true
steps:
  - {type: send_whatsapp_message, template_id: xyz, delay_minutes: 10, condition: cart_value > 50}
  - {type: llm_personalize_message, prompt_template_key: tone}
""",
    )
    first, second = made.steps
    assert made.trigger.event == "shopify.abandoned_cart.created"
    assert (first.delay_seconds, first.config, first.only_if[0].model_dump()) == (
        600, {"template": "xyz"}, {"key": "cart_value", "operator": ">", "value": 50}
    )  # fmt: skip
    assert second.action == "nothing" and any("'llm_personalize_message'" in note for note in read.notes)


def test_delays_become_waits_that_a_purchase_ends() -> None:
    waits = {"signals": [{"name": "bought", "event": ORDERED}]}
    first, pause, second = graph(draft(mail("hello"), mail("again", delay_seconds=90_000), **waits))
    assert first["inputs"]["subject"] == "Hello {{ trigger.input_data.customer.first_name | default('you') }}"
    assert first["inputs"]["to"] == "{{ trigger.input_data.customer.email }}"
    assert pause["wait"]["event"]["timeout"] == "1d1h"
    assert pause["wait"]["event"]["filter"] == {
        "customer.email": "{{ trigger.input_data.customer.email | default('-') }}"
    }
    assert second["if"] == "nodes.again__wait.outputs.timed_out" and second["after"] == ["again__wait"]
    (_, plain, _) = graph(draft(mail("hello"), mail("again", delay_seconds=90_000)))
    assert plain["wait"] == {"for": "1d1h"}


def test_ways_that_meet_again_stand_in_every_branch() -> None:
    way = {"key": "event.total", "operator": ">=", "value": 50, "next": "dear"}
    _, switch = graph(draft(mail("first", branches=[way], next="last"), mail("dear"), mail("last")))
    dear, rest = switch["cases"]
    assert (dear["when"], rest["when"]) == ("double(trigger.input_data.total) >= 50.0", "true")
    assert [node["id"] for node in dear["graph"]] == ["dear", "last"]
    assert [node["id"] for node in rest["graph"]] == ["last__2"]
    assert (step_of("last__2"), step_of("again__wait__2"), part_of("again__wait__2")) == ("last", "again", "wait")
    assert span(90_061) == "1d1h1m1s"


@st.composite
def playbooks(draw: st.DrawFn) -> PlaybookDraft:
    """Steps whose ways lead forward, with delays, signals and conditions on the event, on signals and on outputs."""
    count, signals = draw(st.integers(1, 4)), draw(st.integers(0, 2))
    keys = ["event.a", "event.deep.er", *(f"sig{n}" for n in range(signals))]

    def check(*more: str) -> dict[str, Any]:
        return {"key": draw(st.sampled_from([*keys, *more])), "operator": draw(st.sampled_from(["==", "!="])),
                "value": draw(st.booleans())}  # fmt: skip

    steps = []
    for number in range(count):
        further = st.sampled_from([f"p{n}" for n in range(number + 1, count)] + ["end"])
        branches = [check("value") | {"next": draw(further)} for _ in range(draw(st.integers(0, 2)))]
        steps.append({"id": f"p{number}", "name": "x", "delay_seconds": draw(st.sampled_from([0, 60])),
                      "only_if": [check() for _ in range(draw(st.integers(0, 1)))], "branches": branches,
                      "next": draw(st.none() | further)})  # fmt: skip
    named = [{"name": f"sig{n}", "event": "a.b", "ends": draw(st.booleans())} for n in range(signals)]
    return PlaybookDraft.model_validate(draft(*steps, signals=named))


def acted(
    playbook: PlaybookDraft, event: dict[str, Any], comes: set[tuple[str, str]], out: dict[str, bool]
) -> list[str]:
    """The steps that act, as a person reads the playbook; `comes` says in which delays which signals come."""
    done, heard, step = [], set(), playbook.steps[0].id

    def holds(check: Any, own: Any) -> bool:
        first, _, rest = check.key.partition(".")
        found = first in heard if first.startswith("sig") else event.get(rest) if first == "event" else own
        return bool((found == check.value) == (check.operator == "=="))

    while (each := playbook.step(step)) is not None:
        came = {signal.name for signal in playbook.signals if each.delay_seconds and (each.id, signal.name) in comes}
        heard |= came
        if any(signal.name in came and signal.ends for signal in playbook.signals):
            break
        ran = all(holds(check, None) for check in each.only_if)
        done += [each.id] if ran else []
        own = out[each.id] if ran else None
        step = next((way.next for way in each.branches if holds(way, own)), playbook.following(each))
    return done


def walked(graph: list[Any], around: dict[str, Any], comes: Comes, out: dict[str, bool]) -> list[str]:
    """The steps that act when the flow's graph is gone through, node by node."""
    nodes, done = around["nodes"], []
    for node in graph:
        step, wait = step_of(node["id"]), node.get("wait", node.get("parallel"))
        if "if" in node and not decide(node["if"], around).value:
            nodes[node["id"]] = {"status": "skipped"}
        elif "switch" in node:
            held = [decide(case["when"], around).value for case in node["cases"]].index(True)
            nodes[node["id"]] = {"status": "success", "outputs": {"case": held + 1}}
            done += walked(node["cases"][held].get("graph", []), around, comes, out)
        elif wait is not None:
            signals = sorted(wait) if "parallel" in node else ["sig0"]
            over = {name: (step, name) not in comes for name in signals}
            inner = {name: {f"{step}__{name}": {"timed_out": each}} for name, each in over.items()}
            outputs = inner if "parallel" in node else {"timed_out": over["sig0"]}
            nodes[node["id"]] = {"status": "success", "outputs": outputs}
        else:
            nodes[node["id"]] = {"status": "success", "outputs": {"value": out[step]}}
            done.append(step)
    return done


@settings(max_examples=100, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(playbook=playbooks(), data=st.data())
def test_the_flow_does_what_the_steps_say_whatever_happens(playbook: PlaybookDraft, data: st.DataObject) -> None:
    text = flow_text(playbook)
    assert [problem for problem in validate(text) if "has no output" not in problem.message] == []
    pairs = [(step.id, signal.name) for step in playbook.steps for signal in playbook.signals]
    comes = data.draw(st.sets(st.sampled_from(pairs))) if pairs else set()
    out = {step.id: data.draw(st.booleans()) for step in playbook.steps}
    event = data.draw(st.sampled_from([{}, {"a": True}, {"a": False}]))
    around = {"trigger": {"input_data": event}, "nodes": {}, "run": {"id": "r"}}
    expected = acted(playbook, event, comes, out)
    assert walked(load(text).data["graph"], around, comes, out) == expected


def test_an_audience_narrows_what_starts_it() -> None:
    values = draft(mail("hello"), audience={"name": "Lisbon", "filter": {"city": "Lisbon"}})
    (trigger,) = load(flow_text(PlaybookDraft.model_validate(values))).data["triggers"]
    assert trigger["filter"] == {"cart_value_gt": 100, "city": "Lisbon"}


def test_steps_in_a_circle_and_branches_without_end_are_refused() -> None:
    round_and_round = draft(mail("a"), mail("b", next="a"))
    with pytest.raises(Invalid, match="A -> B -> A"):
        flow_text(PlaybookDraft.model_validate(round_and_round))
    way = {"key": "event.x", "operator": "is_set"}
    steps = [mail(f"s{n}", branches=[{**way, "next": f"s{n + 2}"}]) for n in range(20)]
    with pytest.raises(Invalid, match="deep in each other"):
        flow_text(PlaybookDraft.model_validate(draft(*steps, mail("s20"), mail("s21"))))
    with pytest.raises(Invalid, match="cannot have run by then"):
        flow_text(
            PlaybookDraft.model_validate(draft(mail("a", only_if=[{"key": "steps.b.sent", "value": True}]), mail("b")))
        )


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"steps": [mail("a", next="nowhere")]}, "leads to 'nowhere'"),
        ({"steps": [mail("a"), mail("a")]}, "the step 'a' is there twice"),
        ({"steps": [mail("a", delay_seconds=-1)]}, "greater than or equal to 0"),
        ({"steps": [mail("a", only_if=[{"key": "x", "operator": ">", "value": "much"}])]}, "compares with a number"),
        ({"steps": [mail("a", only_if=[{"key": "x || true", "value": 1}])]}, "names joined by dots"),
        ({"steps": [{**mail("a"), "config": {"subjekt": "x"}}]}, "Extra inputs"),
        ({"trigger": {"event": "not an event"}}, "is not a pattern"),
        ({"conversion": {"event": "any.*"}}, "is not an event type"),
    ],
)
def test_what_cannot_be_is_told_by_its_place(more: dict[str, Any], told: str) -> None:
    with pytest.raises(Invalid) as caught:
        validated(PlaybookDraft, draft(mail("hello")) | more, "playbook")
    assert told in " ".join(problem.message for problem in caught.value.problems)


def test_every_shipped_playbook_can_run_as_it_is(app: Application, ws: str) -> None:
    shipped = app.playbooks.shipped()
    assert [each.name for each in shipped] == ["Abandoned cart", "VIP upsell", "Win-back"]
    for each in shipped:
        assert app.playbooks.problems(ws, each) == []


def test_two_who_save_and_a_clone_for_others(app: Application, ws: str) -> None:
    made = app.playbooks.create(ws, draft(mail("hello")))
    with pytest.raises(Conflict):
        app.playbooks.create(ws, draft(mail("hello")))
    saved = app.playbooks.save(ws, made.id, draft(mail("hello"), mail("again")), expected=1, message="Twice.")
    assert saved.version == 2 and app.playbooks.save(ws, made.id, saved, expected=2).version == 2
    with pytest.raises(Conflict) as caught:
        app.playbooks.save(ws, made.id, draft(mail("other")), expected=1)
    assert caught.value.code == "edited_elsewhere"
    clone = app.playbooks.clone(ws, made.id, "Cart, Porto", audience=Audience(name="Porto", filter={"city": "Porto"}))
    assert (clone.slug, clone.audience.name, clone.derived_from) == (
        "cart_porto", "Porto", {"playbook_id": made.id, "version": 2}
    )  # fmt: skip
    assert [each.version for each in app.playbooks.versions(ws, made.id)] == [2, 1]
    again, _ = app.playbooks.import_text(ws, app.playbooks.text(ws, made.id).replace("name: Cart", "name: Other"))
    assert again.steps == saved.steps
