"""Manifests: the ten shipped ones, the older spellings, every mistake with its place, and the schemas for editors."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from ionflux_core.catalog.configuration import parse_configuration, prefill
from ionflux_core.catalog.manifest import configuration_schema, json_schema, read_manifest
from ionflux_core.domain.agents import AgentDefinition
from ionflux_core.domain.events import canonical_subject
from ionflux_core.domain.triggers import TRIGGER_TYPES, EventConfig
from ionflux_core.errors import Invalid, NotFound
from ionflux_core.yaml_text import load

AGENTS = Path(__file__).parents[2] / "agents"
IDS = {
    "email_wizard": "agent_001",
    "whatsapp_pulse": "agent_002",
    "tiktok_stylist": "agent_003",
    "sales_sentinel": "agent_004_refactored",
    "ugc_matchmaker": "agent_005_refactored",
    "outreach_automaton": "agent_006_refactored",
    "brief_butler": "agent_007_refactored",
    "persona_guardian": "agent_008_refactored",
    "badge_motivator": "agent_009_refactored",
    "revenue_tracker": "agent_010_refactored",
}
SMALL = """\
slug: small
id: agent_small
name: Small
aliases: []
version: "0.1"
triggers:
  - type: schedule
    default_config_json: {cron_expression: every monday at 9}
inputs:
  - {key_name: price, data_type: number, is_required: false, default_value: 19.90}
outputs:
  - {key: out, type: md}
"""


def write(tmp_path: Path, text: str, folder: str = "small") -> Path:
    place = tmp_path / folder
    place.mkdir(exist_ok=True)
    (place / "agent.yaml").write_text(text, encoding="utf-8")
    return place / "agent.yaml"


@pytest.mark.parametrize("slug", IDS)
def test_shipped_manifest_is_complete(slug: str) -> None:
    definition = read_manifest(AGENTS / slug / "agent.yaml")
    assert definition.id == IDS[slug]
    story = definition.narrative
    prose = [story.introduction, story.flow, story.integrations, story.scheduling, story.kpis, story.fallback]
    assert all(part and len(part) > 60 for part in [*prose, story.scenario])
    assert story.epithet and story.tagline and story.archetype and len(story.capabilities) >= 4
    assert definition.stack.models[0].provider == "local"
    assert all(kpi.title and kpi.description for kpi in definition.kpis)
    assert len(definition.kpis) >= 4
    assert all(spec.description for spec in definition.inputs + definition.outputs)
    assert definition.tags and definition.services and definition.permissions
    known = {task.key for task in definition.tasks}
    assert {trigger.task for trigger in definition.triggers if trigger.task} <= known


@pytest.mark.parametrize("slug", IDS)
def test_shipped_manifest_says_nothing_untrue_or_unnamed(slug: str) -> None:
    text = (AGENTS / slug / "agent.yaml").read_text(encoding="utf-8")
    assert not re.search(r"Full intro|TODO|lorem|Kafka|Flink|Temporal|Pinecone|LangChain|LangGraph", text)
    definition = read_manifest(AGENTS / slug / "agent.yaml")
    for topic in definition.events_out:
        assert topic.startswith("ionflux.agent.") and canonical_subject(topic) == topic


def test_seed_wording_stands_as_written() -> None:
    sentinel = read_manifest(AGENTS / "sales_sentinel" / "agent.yaml").narrative
    assert sentinel.tagline == "ANTECIPA A FALHA, PROTEGE O LUCRO, MAXIMIZA O GMV — EM TEMPO REAL"
    assert sentinel.punch == "Checkout que trava é faca no fluxo — o Sentinel a arranca."
    wizard = read_manifest(AGENTS / "email_wizard" / "agent.yaml").narrative
    assert wizard.epithet == "O Xamã que Conjura Receita no Silêncio do E-mail"
    assert wizard.dna_phrase == "Faz o invisível falar e vender"


def test_older_spellings_become_the_short_ones(tmp_path: Path) -> None:
    definition = read_manifest(write(tmp_path, SMALL))
    assert definition.planned
    assert definition.triggers[0].key == "schedule_1"
    assert definition.triggers[0].config.model_dump()["cron"] == "0 9 * * 1"
    assert definition.inputs[0].default == 19.9
    assert definition.outputs[0].type == "markdown"


@pytest.mark.parametrize("word", sorted(TRIGGER_TYPES))
def test_every_trigger_word_is_understood(word: str) -> None:
    configs: dict[str, dict[str, Any]] = {
        "schedule": {"cron": "@daily"},
        "event": {"kafka_topic_name": "ionflux.shopify.>", "kafka_consumer_group_suffix": "g"},
        "webhook": {"webhook_path_suffix": "/x", "auth": "hmac"},
        "flow": {"from_flow": "f"},
    }
    kind = TRIGGER_TYPES[word]
    trigger = {"type": word, "config": configs.get(kind, {})}
    definition = AgentDefinition.model_validate(
        {"slug": "s", "id": "s", "name": "S", "version": "1.0", "triggers": [trigger, trigger], "outputs": OUT}
    )
    assert [spec.type for spec in definition.triggers] == [kind, kind]
    assert [spec.key for spec in definition.triggers] == [f"{kind}_1", f"{kind}_2"]


@pytest.mark.parametrize(
    ("written", "topic"),
    [
        ("ionflux.shopify.workspace_{{workspace_id}}.events_raw", "ionflux.shopify.>"),
        ("ionflux.performance.workspace_{{workspace_id}}.metrics_processed", "ionflux.performance.metrics_processed"),
        ("ionflux.shopify.ws_{{ workspace_id }}.orders.created", "ionflux.shopify.order.created"),
        ("orders_raw", "ionflux.shopify.order.created"),
        ("ionflux.emailwizard.email_sent", "ionflux.agent.emailwizard.email_sent"),
    ],
)
def test_older_topics_are_read_as_the_canonical_ones(written: str, topic: str) -> None:
    assert EventConfig.model_validate({"kafka_topic_name": written}).topic == topic


@pytest.mark.parametrize("topic", ["", "a..b", "a b", "{{x}}.>.a", "a.>.b"])
def test_bad_topic_is_refused(topic: str) -> None:
    with pytest.raises(ValidationError, match="not a topic"):
        EventConfig(topic=topic)


OUT = [{"key": "o", "type": "json"}]


@pytest.mark.parametrize(
    ("change", "line", "words", "hint"),
    [
        (("aliases: []", "alias: []"), 4, "'alias' is not a known key", "'aliases'"),
        (("name: Small\n", ""), 1, "'name' is missing", "Add"),
        (("type: md", "type: picture"), 12, "picture|'type'", ""),
        (("every monday at 9", "61 * * * *"), 8, "is not a schedule", ""),
        (("type: schedule", "type: sometimes"), 7, "type", ""),
        (("default_value: 19.90", "default_value: cheap"), 10, "must be a number", ""),
        (("slug: small", "slug: other"), 1, "not the folder's name", "same name"),
        (('version: "0.1"', "version: soon"), 5, "version", ""),
        (("outputs:", "planned: false\noutputs:"), 11, "not set by hand", "Remove"),
        (("  - {key: out", "  - {key: out, type: md}\n  - {key: out"), 1, "'out' is there twice", ""),
    ],
)
def test_mistake_is_named_with_its_line(
    tmp_path: Path, change: tuple[str, str], line: int, words: str, hint: str
) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        read_manifest(write(tmp_path, SMALL.replace(*change)))
    problem = caught.value.problems[0]
    assert problem.line == line
    assert hint in problem.hint


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    text = SMALL.replace("id: agent_small", "idd: x").replace("type: md", "type: picture")
    with pytest.raises(Invalid, match="3 problems") as caught:
        read_manifest(write(tmp_path, text))
    assert {problem.line for problem in caught.value.problems} == {1, 2, 12}


def test_payload_must_go_to_an_input(tmp_path: Path) -> None:
    text = SMALL.replace("  - type: schedule", "  - type: schedule\n    payload_to: nowhere")
    with pytest.raises(Invalid, match="'nowhere', which is no input"):
        read_manifest(write(tmp_path, text))


def test_missing_file_and_a_list_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_manifest(tmp_path / "none" / "agent.yaml")
    with pytest.raises(Invalid, match="a map"):
        read_manifest(write(tmp_path, "- a\n"))


def test_schema_of_manifests_accepts_the_shipped_ones() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert "planned" not in schema["properties"]
    json.dumps(schema)


@pytest.mark.parametrize("slug", IDS)
def test_prefilled_configuration_is_valid_as_it_stands(slug: str) -> None:
    definition = read_manifest(AGENTS / slug / "agent.yaml")
    text = prefill(definition)
    configuration = parse_configuration(text, definition)
    assert configuration.inputs == {spec.key: spec.default for spec in definition.inputs if spec.default is not None}
    assert all(f"{spec.key} (" in text for spec in definition.inputs)
    schema = configuration_schema(definition)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(load(text).numbers(), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"inputs": {"unknown": 1}}, schema)


def test_prefill_fills_required_inputs_with_placeholders_that_validate() -> None:
    kinds = ("json", "string", "number", "integer", "float", "boolean", "url", "file")
    definition = AgentDefinition.model_validate(
        {
            "slug": "s",
            "id": "s",
            "name": "S",
            "version": "1.0",
            "inputs": [{"key": f"in_{kind}", "type": kind, "required": True} for kind in kinds]
            + [{"key": "choice", "type": "string", "required": True, "accepted_values": ["no", "yes"]}],
            "outputs": OUT,
        }
    )
    read = parse_configuration(prefill(definition), definition).inputs
    assert set(read) == {f"in_{kind}" for kind in kinds} | {"choice"}
    assert read["choice"] == "no"
