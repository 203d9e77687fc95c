"""Transforms in a flow: what the flow puts in by {{ }}, what a transform puts in by {path}."""

from __future__ import annotations

from tests.flows.kit import Flows, small_flows, small_world, transforms_of_the_test

__all__ = ["small_flows", "small_world", "transforms_of_the_test"]

_ORDERS = """
input_schema: {type: object, properties: {table: {type: string}}}
graph:
  - id: read
    transform: data.csv_parse@1
    inputs: {text: "{{ trigger.input_data.table }}", numbers: true}
  - id: dear
    transform: data.filter
    inputs: {items: "{{ nodes.read.outputs.rows }}", where: item.price > least, values: {least: 6}}
  - id: lines
    transform: data.map
    inputs: {items: "{{ nodes.dear.outputs.items }}", template: "{sku} at {price}"}
  - id: words
    transform: text.join
    inputs: {items: "{{ nodes.lines.outputs.items }}"}
  - id: told
    transform: notify
    inputs: {title: "{{ nodes.dear.outputs.total }} dear", text: "{{ nodes.words.outputs.text }}", channel: alerts}
output:
  text: "{{ nodes.words.outputs.text }}"
"""


_CUT = """
input_schema: {type: object, properties: {n: {type: array}}}
graph: [{id: cut, transform: text.split, inputs: {text: "{{ trigger.input_data.n }}"}}]
"""


def test_a_table_becomes_a_message(small_flows: Flows) -> None:
    table = "sku;price\n{{ trigger.type }};9\nB2;5\n{x};7\n"
    run = small_flows.run(_ORDERS, {"table": table})
    assert run.status == "success", run.error
    # What came in is data: neither kind of braces in it is filled.
    assert run.outputs == {"text": "{{ trigger.type }} at 9\n{x} at 7"}
    said = [row.content["text_body"] for row in small_flows.world.rows("chat_messages", run_id=run.id)]
    assert said == ["ℹ️ **2 dear**\n\n{{ trigger.type }} at 9\n{x} at 7"]
    assert small_flows.steps(run)["told"] == ("transform", "success")


def test_a_wrong_input_is_told_with_its_name(small_flows: Flows) -> None:
    run = small_flows.run(_CUT, {"n": ["a"]})
    assert run.error is not None
    assert (run.status, run.error.code) == ("error", "invalid")
    assert "Input 'text' must be text" in run.error.message
