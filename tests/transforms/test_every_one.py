"""Every transform: its examples come true, its schemas say what it takes, and what does not fit is told by input."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import jsonschema
import pytest

from ionflux_core.errors import Invalid, LimitExceeded, NotFound
from ionflux_core.fluxgraph import checking
from ionflux_core.fluxgraph.surroundings import Known, Offer
from ionflux_core.transforms import registry
from ionflux_core.transforms.base import Example, NotPlain, Transform, plain
from tests.transforms.surroundings import Surroundings, a_picture, made

ALL = list(registry.known().values())
EXPECTED = """
canvas.write_block chat.post data.csv_parse data.dedupe data.filter data.group data.json_format data.json_parse
data.json_path data.map data.merge data.pick data.sort data.validate email.send event.publish http.request image.resize
llm.classify llm.complete llm.extract log math.calc math.stats memory.recall memory.remember noop notify
shopify.action shopify.query slack.post store.get store.put text.clean text.join text.markdown_to_html text.regex
text.reverse text.split text.summarize_extractive text.template time.format time.now time.parse time.shift value.record
"""


def _examples() -> list[Any]:
    return [pytest.param(each, example, id=f"{each.id}: {example.title}") for each in ALL for example in each.examples]


@pytest.mark.parametrize(("transform", "example"), _examples())
def test_examples_come_true(transform: Transform, example: Example) -> None:
    context = Surroundings()
    if transform.name == "store.get":
        context.artifact("note.txt", "Hello")
    if transform.name == "image.resize":
        context.files[example.inputs["file"]["sha256"]] = a_picture()
    outputs = transform.run(context, example.inputs)  # type: ignore[arg-type]
    if transform.name == "image.resize":
        # How tightly a picture is packed is not ours to say.
        outputs["file"] |= {key: example.outputs["file"][key] for key in ("sha256", "size")}
    assert outputs == example.outputs
    assert outputs.keys() == transform.outputs
    jsonschema.validate(outputs, transform.outputs_schema)


def test_all_that_were_promised_are_there() -> None:
    assert {each.name for each in ALL} >= set(EXPECTED.split())


@pytest.mark.parametrize("transform", ALL, ids=lambda each: each.id)
def test_every_one_explains_itself(transform: Transform) -> None:
    assert re.fullmatch(r"[a-z]+(\.[a-z][a-z0-9_]*)?@[1-9]", transform.id)
    assert transform.examples and transform.title and transform.description.endswith(".")
    assert transform.scope is None or re.fullmatch(r"[a-z]+:[a-z]+", transform.scope)
    for schema in (transform.inputs_schema, transform.outputs_schema):
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["additionalProperties"] is False
        for name, field in schema["properties"].items():
            assert field.get("description"), name
            # A flow's check looks at each input alone: nothing may lie elsewhere in the schema.
            assert "$ref" not in str(field)
    defaults = {name: field["default"] for name, field in transform.inputs_schema["properties"].items()
                if "default" in field}  # fmt: skip
    assert set(defaults) | set(transform.inputs_schema["required"]) == set(transform.inputs_schema["properties"])


@pytest.mark.parametrize("transform", [each for each in ALL if each.inputs_schema["properties"]], ids=lambda x: x.id)
def test_every_input_is_checked(transform: Transform) -> None:
    good = dict(transform.examples[0].inputs)
    with pytest.raises(Invalid) as caught:
        transform.run(Surroundings(), {**good, "no_such_input": 1})  # type: ignore[arg-type]
    assert [problem.path for problem in caught.value.problems] == ["no_such_input"]
    for name, field in transform.inputs_schema["properties"].items():
        if wrong := {"string": 7, "array": "x", "object": [1], "integer": "x", "number": "x", "boolean": "x"}.get(
            field.get("type", "")
        ):
            with pytest.raises(Invalid) as caught:
                transform.run(Surroundings(), {**good, name: wrong})  # type: ignore[arg-type]
            assert name in [problem.path.partition(".")[0] for problem in caught.value.problems]


def test_a_flow_is_checked_against_the_schemas() -> None:
    offers = {each.id: Offer(each.inputs_schema, each.outputs, each.scope) for each in ALL}
    text = """
name: lines
graph:
  - {id: parts, transform: text.split@1, inputs: {text: a, separater: ",", trim: perhaps}}
  - {id: ask, transform: http.request, inputs: {url: "https://stock.example", timeout: 3}}
  - {id: mark, transform: data.sort@1, inputs: {items: "{{ nodes.parts.outputs.pieces }}", by: price}}
"""
    told = [problem.message for problem in checking.validate(text, Known(transforms=offers))]
    assert len(told) == 5, told
    assert any("'separater'" in each for each in told)
    assert any("'trim' must be true or false" in each for each in told)
    assert any("needs a scope" in each for each in told)
    assert any("pieces" in each for each in told)
    assert any("'by' must be a list" in each for each in told)


def test_the_newest_version_is_found_by_name() -> None:
    assert registry.named("text.split") is registry.named("text.split@1")
    with pytest.raises(NotFound, match=r"text\.split"):
        registry.named("text.spilt")
    with pytest.raises(NotFound, match=r"There is: text\.split@1"):
        registry.named("text.split@9")


def test_finding_them_loads_nothing_heavy() -> None:
    code = (
        "import sys; from ionflux_core.transforms.registry import known; assert len(known()) > 40;"
        "heavy = {'pandas', 'numpy', 'duckdb', 'chromadb', 'openai', 'anthropic', 'jsonschema', 'markdown_it',"
        " 'regex', 'sqlalchemy', 'streamlit', 'dateparser'} & set(sys.modules);"
        "sys.exit(f'loads {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_is_no_json_is_refused_by_input() -> None:
    deep: Any = "end"
    for _ in range(100):
        deep = [deep]
    circle: list[Any] = []
    circle.append(circle)
    for value, told in [
        (float("nan"), "a number that is none"),
        ({"a": [float("inf")]}, "a number that is none"),
        ("half \ud800 a sign", "half of a character"),
        (deep, "nests deeper"),
        (circle, "nests deeper"),
        (10**5_000, "too many digits"),
        ("x" * 17 * 1024 * 1024, "is larger than 16 MiB"),
    ]:
        with pytest.raises(Invalid, match=told) as caught:
            made("noop", value=value)
        assert [problem.path for problem in caught.value.problems] == ["value"]


def test_a_list_that_shares_its_parts_is_not_written_out() -> None:
    bomb: Any = ["x"]
    for _ in range(30):
        bomb = [bomb] * 20
    with pytest.raises(NotPlain, match="values"):
        plain(bomb)


def test_outputs_have_a_limit() -> None:
    with pytest.raises(LimitExceeded, match="16 MiB"):
        made("data.map", items=[{"a": "x" * 90}] * 90_000, fields={str(at): "a" for at in range(3)})
