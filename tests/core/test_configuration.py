"""Merge and validation of configurations, with the test vectors of the requirements."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ionflux_core.catalog.configuration import Configuration, EffectiveConfiguration, effective, parse_configuration
from ionflux_core.catalog.instance_text import CanvasTarget
from ionflux_core.catalog.loader import Catalog
from ionflux_core.domain.agents import AgentDefinition
from ionflux_core.errors import Invalid
from tests.core.test_manifest import AGENTS

IDS = {"workspace_id": "w1", "agent_id": "a1", "instance_id": "i1"}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog([AGENTS])


def merged(definition: AgentDefinition, text: str = "", **layers: Any) -> EffectiveConfiguration:
    given: dict[str, Any] = {"workspace": {}, "brand": {}, "runtime": {}, "variables": IDS, **layers}
    return effective(definition, configuration=parse_configuration(text, definition), **given)


def problems_of(text: str, definition: AgentDefinition) -> list[Any]:
    with pytest.raises(Invalid) as caught:
        parse_configuration(text, definition)
    assert all(problem.line and problem.column and problem.hint for problem in caught.value.problems)
    return list(caught.value.problems)


START = {"campaign_brief_id": "b", "workspace_id": "w1"}


def test_vector_a_run_time_wins_over_yaml_over_default(catalog: Catalog) -> None:
    definition = catalog.definition("ugc_matchmaker")
    text = "inputs: {max_results: 5}"
    assert merged(definition, runtime=START).inputs["max_results"] == 10
    assert merged(definition, text, runtime=START).inputs["max_results"] == 5
    run = merged(definition, text, runtime={**START, "max_results": 7})
    assert run.inputs["max_results"] == 7
    assert run.origins["inputs.max_results"] == "run"


def test_vector_b_run_time_may_set_inputs_only(catalog: Catalog) -> None:
    with pytest.raises(Invalid, match="no input 'cron'"):
        merged(catalog.definition("email_wizard"), runtime={"cron": "0 1 * * *"})


def test_vector_c_only_overridable_triggers_change(catalog: Catalog) -> None:
    definition = catalog.definition("agent_001")
    text = "triggers: [{type: schedule, config_override: {cron_expression: 0 8 * * *}}]"
    run = merged(definition, text)
    assert next(spec for spec in run.triggers if spec.type == "schedule").config.model_dump()["cron"] == "0 8 * * *"
    assert run.origins["triggers.pending_queue.config.cron"] == "instance"
    assert run.origins["triggers.pending_queue.config.task"] == "definition"
    found = problems_of("triggers: [{key: run_webhook, config_override: {path: /mine}}]", definition)
    assert "'run_webhook' cannot be changed" in found[0].message


def test_vector_c_any_trigger_can_be_switched_off(catalog: Catalog) -> None:
    run = merged(catalog.definition("agent_001"), "triggers: [{key: run_webhook, enabled: false}]")
    assert [spec.enabled for spec in run.triggers if spec.key == "run_webhook"] == [False]
    assert run.origins["triggers.run_webhook.enabled"] == "instance"


def test_vector_d_namespace_part_comes_with_the_run(catalog: Catalog) -> None:
    definition = catalog.definition("agent_008")
    run = merged(definition, runtime={"creator_id_or_brand_id": "c9", "content_to_analyze_text": "hi"})
    assert run.namespace == "persona_fingerprints_ws_w1_id_c9"
    assert run.origins["memory.namespace"] == "run"
    assert merged(definition, complete=False).namespace is None
    with pytest.raises(Invalid) as caught:
        merged(definition)
    assert [problem.path for problem in caught.value.problems] == ["inputs.creator_id_or_brand_id", "memory.namespace"]


SEEDED = (
    "inputs:\n  min_order_value_alert_threshold: 100.00\ntriggers:\n"
    '  - trigger_definition_key: "shopify_events_consumer" # This key needs to map to a defined trigger\n'
    "    enabled: true\n"
)


def test_vector_e_seeded_yaml_loads(catalog: Catalog) -> None:
    definition = catalog.definition("agent_004_refactored")
    run = merged(definition, SEEDED)
    assert run.inputs["min_order_value_alert_threshold"] == 100.0
    assert run.namespace == "sentinel_rc_embeddings_ws_w1"


def test_vector_e_needs_both_additions(catalog: Catalog) -> None:
    sentinel = catalog.definition("sales_sentinel")
    bare = sentinel.model_copy(
        update={
            "inputs": tuple(spec for spec in sentinel.inputs if spec.key != "min_order_value_alert_threshold"),
            "triggers": tuple(
                spec.model_copy(update={"key": f"event_{n}"}) for n, spec in enumerate(sentinel.triggers)
            ),
        }
    )
    found = problems_of(SEEDED, bare)
    assert [(problem.path, problem.line) for problem in found] == [
        ("inputs.min_order_value_alert_threshold", 2),
        ("triggers.0.trigger_definition_key", 4),
    ]


def test_every_problem_at_once_with_place_and_nearest_word(catalog: Catalog) -> None:
    text = """\
input: {}
inputs:
  min_order_value_alert_treshold: 5
  min_order_value_alert_threshold: "5"
triggers:
  - key: shopify_events_consumer
    config_override: {topic: x}
  - type: schedule
    enabled: yes
    config_override: {cron: "61 * * * *", timezone: Mars/Base, cronn: 5}
  - type: event
  - key: nope
stack_preferences: {model: gpt-5}
memory: {x: 1}
snippet_preview_output_key: incident
"""
    found = problems_of(text, catalog.definition("sales_sentinel"))
    assert [(problem.line, problem.column) for problem in found] == [
        (1, 1), (3, 3), (4, 36), (7, 5), (9, 14), (10, 29), (10, 53), (10, 64), (11, 5), (12, 10), (13, 28), (14, 10),
        (15, 29),
    ]  # fmt: skip
    hints = [problem.hint for problem in found]
    assert hints[0] == "Did you mean 'inputs'?"
    assert hints[1] == "Did you mean 'min_order_value_alert_threshold'?"
    assert hints[7] == "Did you mean 'cron'?"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("[1]", ""),
        ("inputs: 5", "inputs"),
        ("triggers: {}", "triggers"),
        ("triggers: [5]", "triggers.0"),
        ("triggers: [{key: daily_digest}, {type: schedule}]", "triggers.1"),
        ("inputs: {fee_base: chargd}", "inputs.fee_base"),
        ("inputs: {fee_base: 5}", "inputs.fee_base"),
        ("output_to_canvas_block: 5", "output_to_canvas_block"),
        ("output_to_canvas_block: {}", "output_to_canvas_block"),
        ("output_to_canvas_block: {target_block_id: 5}", "output_to_canvas_block.target_block_id"),
        ("output_to_canvas_block: {target_block: b}", "output_to_canvas_block"),
        (
            "output_to_canvas_block: {target_block_id: b, output_key_to_map: gone}",
            "output_to_canvas_block.output_key_to_map",
        ),
        ("stack_preferences: local", "stack_preferences"),
        ("advanced_features: [x]", "advanced_features"),
        ("triggers: [{key: daily_digest, config_override: {cron: 0 0 30 2 *}}]", "triggers.0.config_override.cron"),
        ("triggers: [{key: daily_digest, config_override: {missed: often}}]", "triggers.0.config_override.missed"),
    ],
)
def test_wrong_form_is_refused(catalog: Catalog, text: str, path: str) -> None:
    assert problems_of(text, catalog.definition("revenue_tracker"))[0].path == path


def test_an_output_is_mapped_to_a_block_by_its_id_or_by_a_map(catalog: Catalog) -> None:
    definition = catalog.definition("revenue_tracker")
    key = definition.outputs[0].key
    short = parse_configuration("output_to_canvas_block: b1", definition)
    assert short.output_to_canvas_block == CanvasTarget("b1")
    text = f"output_to_canvas_block:\n  target_block_id: b1\n  output_key_to_map: {key}\n"
    assert parse_configuration(text, definition).output_to_canvas_block == CanvasTarget("b1", key)
    assert parse_configuration("output_to_canvas_block: ''", definition).output_to_canvas_block is None


def test_a_wrong_output_of_a_mapping_is_found_where_it_stands(catalog: Catalog) -> None:
    text = "output_to_canvas_block:\n  target_block_id: b1\n  output_key_to_map: incident\n  extra: 1\n"
    found = problems_of(text, catalog.definition("revenue_tracker"))
    assert [(problem.line, problem.column) for problem in found][:2] == [(3, 22), (4, 3)]


def typed(kind: str, **more: Any) -> AgentDefinition:
    return AgentDefinition.model_validate(
        {
            "slug": "s",
            "id": "s",
            "name": "S",
            "version": "1.0",
            "inputs": [{"key": "x", "type": kind, **more}],
            "outputs": [{"key": "o", "type": "json"}],
        }
    )


@pytest.mark.parametrize(
    ("kind", "written", "value"),
    [
        ("number", "19.90", 19.9),
        ("number", "1e3", 1000.0),
        ("integer", "10.0", 10),
        ("string", "1.10", "1.10"),
        ("string", "no", "no"),
        ("boolean", "true", True),
        ("url", "https://example.com/a?b=c", "https://example.com/a?b=c"),
        ("json", "{price: 19.90, sku: '1.10'}", {"price": 19.9, "sku": "1.10"}),
        ("file", "orders.json", "orders.json"),
    ],
)
def test_value_is_read_as_the_type_of_its_input(kind: str, written: str, value: object) -> None:
    read = parse_configuration(f"inputs: {{x: {written}}}", typed(kind)).inputs["x"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("number", "'5'"),
        ("number", "true"),
        ("number", "five"),
        ("integer", "1.5"),
        ("boolean", "yes"),
        ("boolean", "1"),
        ("string", "5"),
        ("string", "true"),
        ("string", "[a]"),
        ("url", "ftp://example.com"),
        ("url", "https://"),
        ("url", "'http://[bad'"),
        ("file", "[a]"),
    ],
)
def test_value_of_the_wrong_type_is_refused(kind: str, written: str) -> None:
    assert problems_of(f"inputs: {{x: {written}}}", typed(kind))[0].path == "inputs.x"


@pytest.mark.parametrize(("kind", "value"), [("number", float("nan")), ("integer", float("inf")), ("number", True)])
def test_number_of_a_run_must_be_finite(kind: str, value: object) -> None:
    with pytest.raises(Invalid, match="number"):
        merged(typed(kind), runtime={"x": value})
    assert merged(typed("integer"), runtime={"x": 10**400}).inputs["x"] == 10**400


def test_required_input_may_come_later_or_from_another_layer() -> None:
    strict = typed("string", required=True)
    assert "required and missing" in problems_of("", strict)[0].message
    assert problems_of("inputs:\n  x: null\n", strict)[0].path == "inputs"
    assert parse_configuration("", strict, given={"x"}).inputs == {}
    assert parse_configuration("", typed("string", required=True, runtime_promptable=True)).inputs == {}
    assert parse_configuration("", typed("string", required=True, from_trigger=True)).inputs == {}
    assert parse_configuration("", typed("string", required=True, default="d")).inputs == {}


def test_null_means_not_given(catalog: Catalog) -> None:
    definition = catalog.definition("ugc_matchmaker")
    run = merged(definition, "inputs: {max_results: }", runtime={**START, "max_results": None})
    assert run.inputs["max_results"] == 10
    assert run.origins["inputs.max_results"] == "definition"


def test_maps_are_replaced_whole() -> None:
    definition = typed("json", default={"a": 1, "b": 2})
    assert merged(definition, "inputs: {x: {b: 3}}").inputs["x"] == {"b": 3}


def test_origin_of_every_layer_is_kept() -> None:
    definition = typed("string", default="d")
    layers: dict[str, Any] = {}
    text = ""
    for origin in ("definition", "workspace", "brand", "instance", "trigger", "run"):
        if origin == "instance":
            text = "inputs: {x: instance}"
        elif origin != "definition":
            layers["runtime" if origin == "run" else origin] = {"x": origin}
        run = merged(definition, text, **layers)
        assert run.origins["inputs.x"] == origin
        assert run.inputs["x"] == ("d" if origin == "definition" else origin)


def test_bad_value_of_a_layer_names_the_layer() -> None:
    with pytest.raises(Invalid) as caught:
        merged(typed("number"), workspace={"x": "five"}, brand={"y": 1}, runtime={"x": "six"})
    assert [problem.path for problem in caught.value.problems] == ["workspace.inputs.x", "brand.inputs.y", "inputs.x"]


def test_model_is_chosen_from_the_offered_ones(catalog: Catalog) -> None:
    definition = catalog.definition("email_wizard")
    assert merged(definition).model == "local:local-1"
    assert merged(definition, default_model="openai:gpt-4o").origins["model"] == "workspace"
    assert merged(definition, default_model="other:model").model == "local:local-1"
    run = merged(definition, "stack_preferences: {model: claude-3-haiku}", default_model="openai:gpt-4o")
    assert (run.model, run.origins["model"]) == ("anthropic:claude-3-haiku", "instance")


def test_memory_suffix_fills_the_template() -> None:
    generic = typed("string").model_copy(
        update={"memory": typed("string").memory.model_copy(update={"namespace": "a_{{agent_id}}_{{instance_suffix}}"})}
    )
    assert merged(generic).namespace == "a_a1_"
    run = merged(generic, "memory: {instance_suffix: test}")
    assert (run.namespace, run.origins["memory.namespace"]) == ("a_a1_test", "instance")


def test_snapshot_is_plain_sorted_and_hashed(catalog: Catalog) -> None:
    definition = catalog.definition("sales_sentinel")
    first = merged(definition, "inputs: {min_order_value_alert_threshold: 5}\nadvanced_features: {b: 1, a: 2}")
    second = merged(definition, "advanced_features: {a: 2, b: 1}\ninputs: {min_order_value_alert_threshold: 5}")
    assert first.sha256 == second.sha256
    assert len(first.sha256) == 64
    assert list(first.snapshot()) == sorted(first.snapshot())
    assert merged(definition).sha256 != first.sha256
    assert first.snapshot()["definition"] == "agent_004_refactored/0.2"


def test_value_that_is_no_json_is_refused() -> None:
    with pytest.raises(Invalid, match="plain JSON"):
        merged(typed("json"), runtime={"x": {1j}}).snapshot()


@given(
    st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers()),
    st.dictionaries(st.sampled_from("abc"), st.integers()),
)
def test_later_layer_always_wins(brand: dict[str, int], runtime: dict[str, int]) -> None:
    definition = typed("integer").model_copy(
        update={"inputs": tuple(typed("integer").inputs[0].model_copy(update={"key": key}) for key in "abc")}
    )
    run = effective(
        definition, workspace={}, brand=brand, configuration=Configuration(), runtime=runtime, variables=IDS
    )
    assert run.inputs == {**brand, **runtime}
