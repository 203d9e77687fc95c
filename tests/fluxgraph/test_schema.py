"""The JSON Schema for editors: it takes what the reader takes, and marks what it refuses."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from ionflux_core.fluxgraph.document import NODES
from ionflux_core.fluxgraph.schema import json_schema
from ionflux_core.yaml_text import load
from tests.fluxgraph.test_reading import OLDER, WHOLE

SCHEMA = json_schema()


def wrong(text: str) -> list[Any]:
    return list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(load(text).data))


def test_it_is_a_schema_and_knows_every_kind_of_node() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for node in NODES.values():
        part = SCHEMA["$defs"][node.__name__]
        assert node.kind in part["required"]
        assert part["description"]
        assert {"if", "after", "on_error", "position"} <= part["properties"].keys()


def test_the_whole_document_of_the_design_fits() -> None:
    assert wrong(WHOLE) == []


def test_older_keys_fit_and_are_deprecated() -> None:
    fields = SCHEMA["$defs"]["TransformNode"]["properties"]
    assert fields["dependencies"]["deprecated"] and fields["ionwall_approval_scope"]["deprecated"]
    # Settings inside `config:` and `fallback` are read, and not offered.
    places = {tuple(error.absolute_path)[:2] for error in wrong(OLDER)}
    assert places <= {("triggers", 0), ("graph", 2)}


@pytest.mark.parametrize(
    "text",
    [
        "name: X y\ngraph: []\n",
        "name: x\n",
        "name: x\ngraph: [{id: a, transfrom: log@1}]\n",
        "name: x\ngraph: [{id: a, transform: log@1, typo: 1}]\n",
        "name: x\ngraph: [{id: a, retry: {max: x}, flow: b}]\n",
        "name: x\ntriggers: [{type: schedule}]\ngraph: []\n",
        "name: x\ntriggers: [{type: webhook, path: 5}]\ngraph: []\n",
    ],
)
def test_mistakes_do_not_fit(text: str) -> None:
    assert wrong(text)


def test_every_field_says_what_it_means() -> None:
    silent = [
        f"{name}.{field}"
        for name, part in SCHEMA["$defs"].items()
        for field, told in part.get("properties", {}).items()
        if not told.get("description")
    ]
    silent += [field for field, told in SCHEMA["properties"].items() if not told.get("description")]
    silent += [
        f"{kind['title']}.{field}"
        for kind in SCHEMA["$defs"]["Trigger"]["oneOf"]
        for field, told in kind["properties"].items()
        if not told.get("description")
    ]
    assert silent == []
