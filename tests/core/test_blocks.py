"""Every kind of block: what it takes, what it shows, what it gives, and that data stays data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ionflux_core.blocks import outputs, registry
from ionflux_core.blocks.chart import _ticks
from ionflux_core.blocks.shown import cut_text, number_text, shown
from ionflux_core.domain.agents import InputSpec
from ionflux_core.domain.canvas import CanvasBlock, Place
from ionflux_core.domain.references import Reference, filled, filled_text
from ionflux_core.errors import Invalid, IonfluxError
from ionflux_core.limits import CANVAS_OUTPUT_BYTES, CANVAS_VIEW_BYTES, MIB

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
KINDS = (
    "agent_snippet", "approval", "button", "chart", "embed_panel", "image", "json_display", "kanban_board", "kpi_tile",
    "prompt", "sql", "table_view", "text", "video",
)  # fmt: skip


class Here:
    """Surroundings with what a test puts there."""

    workspace_id = "ws"

    def __init__(self, **given: Any) -> None:
        self.given = given

    def now(self) -> datetime:
        return AT

    def output_of(self, block_name: str) -> Any:
        return self.given["blocks"][block_name]

    def _look(self, reference: Reference) -> Any:
        return self.output_of(reference.block)

    def filled(self, value: Any) -> Any:
        return filled(value, self._look)

    def filled_text(self, text: str) -> str:
        return filled_text(text, self._look)

    def instance(self, instance_id: str) -> dict[str, Any] | None:
        return self.given.get("instance")

    def instances(self) -> list[dict[str, Any]]:
        return [{"id": "i", "name": "Sentinel", "epithet": "Watches"}]

    def newest_run(self, instance_id: str) -> dict[str, Any] | None:
        return self.given.get("run")

    def run(self, run_id: str) -> dict[str, Any] | None:
        return self.given.get("run")

    def latest_outputs(self, instance_id: str) -> dict[str, Any]:
        return self.given.get("outputs", {})

    def kpi(self, name: str, **_: Any) -> list[dict[str, Any]]:
        return self.given.get("kpi", [])

    def kpi_spec(self, name: str, definition: str) -> dict[str, Any] | None:
        return {"title": "Orders", "unit": "count", "direction": "up", "help": ""}

    def sql(self, query: str) -> dict[str, Any]:
        return self.given["sql"]

    def tables(self) -> list[dict[str, Any]]:
        return []

    def prompt(self, prompt_id: str) -> dict[str, Any] | None:
        return None

    def prompts(self) -> list[dict[str, Any]]:
        return []

    def rendered(self, prompt_id: str, values: Mapping[str, Any]) -> str:
        return ""

    def approval(self, approval_id: str) -> dict[str, Any] | None:
        return self.given.get("approval")

    def oldest_question(self, instance_id: str | None) -> tuple[dict[str, Any] | None, int]:
        return self.given.get("approval"), 1

    def file(self, reference: Mapping[str, Any]) -> bytes:
        return b""

    def file_address(self, reference: Mapping[str, Any]) -> str:
        return f"files/ws/{reference['sha256']}"

    def may_show(self, url: str) -> bool:
        return url.startswith("https://media.example.com/")


AGENT = {
    "id": "i", "name": "Sentinel", "slug": "sales_sentinel", "status": "active", "epithet": "Watches", "planned": False,
    "inputs": (InputSpec(key="day", type="string", accepted_values=("mon", "tue"), required=True),),
    "outputs": [
        {"key": "count", "type": "number", "description": ""}, {"key": "report", "type": "markdown", "description": ""},
    ],
    "key": None,
}  # fmt: skip


def block_of(type: str, content: dict[str, Any] | None = None, **more: Any) -> CanvasBlock:
    """A stored block of that kind."""
    stored = registry.checked(type, content or {}).model_dump(mode="json")
    given = {
        "id": "b",
        "workspace_id": "ws",
        "page_id": "p",
        "name": "b",
        "type": type,
        "place": Place(),
        "revision": 1,
    }
    return CanvasBlock.model_validate({**given, "content": stored, "created_at": AT, "updated_at": AT, **more})


def view_of(block: CanvasBlock, here: Here) -> dict[str, Any]:
    """What the browser is sent, which must be plain JSON of a bounded size."""
    view = registry.kind_of(block.type).view(registry.checked(block.type, block.content), block, here)
    assert len(json.dumps(view, allow_nan=False, ensure_ascii=False).encode()) <= CANVAS_VIEW_BYTES
    return view


def test_there_are_all_the_kinds_there_should_be() -> None:
    assert sorted(registry.kinds()) == sorted(KINDS)
    orders = [kind.order for kind in registry.kinds().values()]
    assert orders == sorted(orders)
    assert all(kind.title and kind.hint and kind.icon for kind in registry.kinds().values())


@pytest.mark.parametrize("type", KINDS)
def test_an_empty_block_can_be_stored_shown_and_put_on_paper(type: str) -> None:
    kind = registry.kind_of(type)
    block = block_of(type, kind.empty().model_dump(mode="json"))
    content = registry.checked(type, block.content)
    assert view_of(block, Here()) is not None
    assert isinstance(kind.markdown(content, block, Here()), str)
    assert isinstance(kind.words(content), str)
    assert isinstance(kind.line(content, block, Here()), dict)
    try:
        json.dumps(kind.output(content, block, Here()), allow_nan=False)
    except Invalid as error:
        assert error.hint, "it says what to do to get an output"


@pytest.mark.parametrize("type", KINDS)
def test_an_unknown_field_is_refused_by_name(type: str) -> None:
    with pytest.raises(Invalid, match="onclick"):
        registry.checked(type, {"onclick": "x"})


@pytest.mark.parametrize(
    ("type", "content"),
    [
        ("text", {"title_text": "A", "markdown_text": "B"}),
        ("agent_snippet", {"agent_configuration_id": "i", "agent_last_run_output_key_ref": "report"}),
        ("embed_panel", {"embed_url": "https://media.example.com/x"}),
        ("table_view", {"json_data_to_display": {"columns": ["a"], "rows": [[1], ["x"], [None]]}}),
        ("kanban_board", {"json_data_to_display": {"columns": [{"title": "To do", "cards": [{"title": "x"}]}]}}),
        ("json_display", {"json_data_to_display": {"a": [1, None, {"b": "c"}]}}),
    ],
)
def test_the_contents_of_the_first_records_are_understood(type: str, content: dict[str, Any]) -> None:
    stored = block_of(type, content).content
    for name, value in content.items():
        assert json.dumps(value)[:10] in json.dumps(stored[name])


HOSTILE_URLS = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "java\nscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:image/svg+xml;base64,AAAA",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:https://media.example.com/x",
    "http://media.example.com/x.png",
    "//media.example.com/x.png",
    "ftp://media.example.com/x.png",
    "https://",
    "https:///x.png",
    "https://user:pass@media.example.com/x.png",
    "https://media.example.com@evil.example/x.png",
    "https://media.example.com\\@evil.example/x.png",
    "https://media.example.com/a b.png",
    "https://media.example.com/\x00.png",
    "https://[::1",
    "https://media.example.com:port/x",
    "x.png",
]


@pytest.mark.parametrize("url", HOSTILE_URLS)
@pytest.mark.parametrize(
    ("type", "name"), [("image", "image_url"), ("video", "video_url"), ("embed_panel", "embed_url")]
)
def test_an_address_that_is_not_plain_https_is_never_stored(type: str, name: str, url: str) -> None:
    with pytest.raises(Invalid, match=name):
        registry.checked(type, {name: url})


@pytest.mark.parametrize(
    ("type", "name"), [("image", "image_url"), ("video", "video_url"), ("embed_panel", "embed_url")]
)
def test_only_hosts_on_the_workspaces_list_are_shown(type: str, name: str) -> None:
    shown_one = view_of(block_of(type, {name: "https://media.example.com/x?y=1"}), Here())
    assert (shown_one["state"], shown_one["address"]) == ("ready", "https://media.example.com/x?y=1")
    refused = view_of(block_of(type, {name: "https://evil.example/leak?data=1"}), Here())
    assert (refused["state"], refused["address"]) == ("refused", None)
    assert "evil.example" in refused["note"]


def test_a_stored_file_is_shown_when_it_is_of_the_kind() -> None:
    file = {"sha256": "a" * 64, "name": "x.png", "media_type": "image/png", "size": 3}
    assert view_of(block_of("image", {"file": file}), Here())["address"] == f"files/ws/{'a' * 64}"
    assert view_of(block_of("video", {"file": file}), Here())["state"] == "refused"
    with pytest.raises(Invalid):
        registry.checked("image", {"file": {**file, "sha256": "../../etc/passwd"}})


def test_an_address_reads_no_other_block_so_nothing_leaks_through_it() -> None:
    with pytest.raises(Invalid):
        registry.checked("image", {"image_url": "https://media.example.com/{{ blocks.secret.output }}"})


@pytest.mark.parametrize(
    "payload", ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "![x](https://evil.example/?q=1)"]
)
def test_markup_in_a_field_reaches_the_browser_as_the_same_text(payload: str) -> None:
    text = view_of(block_of("text", {"markdown_text": "{{ blocks.x.output }}"}), Here(blocks={"x": payload}))["text"]
    assert text == payload
    table = view_of(
        block_of("table_view", {"json_data_to_display": {"columns": [payload], "rows": [[payload]]}}), Here()
    )
    assert (table["columns"], table["rows"]) == ([payload], [[payload]])
    board = {"columns": [{"title": payload, "cards": [{"title": payload, "text": payload}]}]}
    card = view_of(block_of("kanban_board", {"json_data_to_display": board}), Here())["columns"][0]["cards"][0]
    assert card == {"title": payload, "text": payload, "done": False}


def test_an_agent_shows_its_output_by_type_and_asks_what_it_is_to_be_asked() -> None:
    run = {"id": "r", "status": "success", "trigger": "manual", "preview": "3", "error": None, "question": None,
           "created_at": AT.isoformat(), "finished_at": AT.isoformat()}  # fmt: skip
    kept = outputs.kept({"count": 3, "report": "# Good"})
    block = block_of("agent_snippet", {"agent_configuration_id": "i", "inputs": {"day": "mon"}}, output=kept)
    view = view_of(block, Here(instance=AGENT, run=run))
    assert view["output"] == {"kind": "markdown", "text": "# Good", "cut": False}, "words before numbers"
    assert view["inputs"][0]["accepted_values"] == ["mon", "tue"] and view["inputs"][0]["value"] == "mon"
    assert view["run"]["word"] == "Success" and view["links"]["run"]["parameters"] == {"run": "r"}
    chosen = block.model_copy(update={"content": {**block.content, "agent_last_run_output_key_ref": "count"}})
    assert view_of(chosen, Here(instance=AGENT, run=run))["output"] == {"kind": "number", "value": 3, "text": "3"}


@pytest.mark.parametrize(
    ("content", "instance", "state"),
    [
        ({}, None, "unset"),
        ({"agent_configuration_id": "i"}, None, "missing"),
        ({"agent_configuration_id": "i"}, {**AGENT, "status": "archived"}, "archived"),
        ({"agent_configuration_id": "i"}, {**AGENT, "planned": True}, "planned"),
    ],
)
@pytest.mark.parametrize("type", ["agent_snippet", "button"])
def test_a_block_without_its_agent_says_so_and_does_not_start(
    type: str, content: dict[str, Any], instance: dict[str, Any] | None, state: str
) -> None:
    block, here = block_of(type, content), Here(instance=instance)
    view = view_of(block, here)
    assert view["state"] == state and view["note"]
    assert bool(view["offers"]) == (state in ("unset", "missing"))
    with pytest.raises(Invalid) as told:
        registry.kind_of(type).start(registry.checked(type, block.content), block, here, {})
    assert told.value.hint


def test_an_output_of_five_megabytes_is_cut_and_cannot_be_read_by_others() -> None:
    kept = outputs.kept({"report": "é" * (5 * MIB // 2), "count": 1, "rows": [{"n": n} for n in range(300_000)]})
    assert len(json.dumps(kept, ensure_ascii=False).encode()) < CANVAS_OUTPUT_BYTES
    block = block_of("agent_snippet", {"agent_configuration_id": "i"}, output=kept)
    view = view_of(block, Here(instance=AGENT))
    assert view["output"]["cut"] and view["output"]["size"] == 5 * MIB
    kind, content = registry.kind_of("agent_snippet"), registry.checked("agent_snippet", block.content)
    with pytest.raises(Invalid, match="too large to be read"):
        kind.output(content, block, Here(instance=AGENT))
    assert kind.parts(content, block, Here(instance=AGENT)) == {"count": 1}


@given(st.lists(st.integers(0, 400_000), max_size=20))
def test_what_is_kept_always_fits_and_loses_no_key(sizes: list[int]) -> None:
    given_outputs = {f"key_{number}": "x" * size for number, size in enumerate(sizes)}
    kept = outputs.kept(given_outputs)
    assert sorted(outputs.keys(kept)) == sorted(given_outputs)
    assert len(json.dumps(kept)) <= CANVAS_OUTPUT_BYTES


@pytest.mark.parametrize(
    ("value", "type", "kind"),
    [
        ("# x", "markdown", "markdown"),
        ("x", "string", "text"),
        ("https://example.com/a", "url", "link"),
        ("javascript:alert(1)", "url", "text"),
        (3.5, "number", "number"),
        (True, "boolean", "text"),
        ([{"a": 1}, {"b": [2]}], "json", "table"),
        ({"columns": ["a"], "rows": [[1]]}, "json", "table"),
        ({"a": 1}, "json", "json"),
        ([1, 2], "json", "json"),
        ({"not_computed": "no key"}, "markdown", "text"),
        ({"sha256": "a" * 64, "name": "x"}, "file", "file"),
    ],
)
def test_an_output_is_shown_by_its_type(value: Any, type: str, kind: str) -> None:
    drawn = shown(value, type)
    assert drawn is not None and drawn["kind"] == kind
    json.dumps(drawn, allow_nan=False)


def test_nothing_is_shown_for_nothing_and_odd_numbers_stay_json() -> None:
    assert shown(None) is None and shown("") is None
    json.dumps([shown(float("nan")), shown([{"a": float("inf")}])], allow_nan=False)


@given(st.text(max_size=200), st.integers(0, 100))
def test_a_cut_text_is_a_begin_that_fits(text: str, room: int) -> None:
    begin, cut = cut_text(text, room)
    assert len(begin.encode("utf-8", "replace")) <= room or not cut
    assert cut or begin == text
    assert text.encode("utf-8", "replace").decode().startswith(begin) or not cut


def test_a_table_reads_lists_of_maps_and_makes_all_rows_equally_long() -> None:
    table = block_of("table_view", {"json_data_to_display": [{"a": 1, "b": {"c": 2}}, {"b": "x"}]}).content
    assert table["json_data_to_display"] == {"columns": ["a", "b"], "rows": [[1, '{"c": 2}'], [None, "x"]]}
    short = block_of("table_view", {"json_data_to_display": {"columns": ["a", "b"], "rows": [[1], [1, 2, 3]]}}).content
    assert short["json_data_to_display"]["rows"] == [[1, None], [1, 2]]


@pytest.mark.parametrize(
    "data", ["x", 5, {"rows": "x"}, {"rows": ["x"]}, {"rows": [["y" * 5_001]]}, {"rows": [[1]] * 5_001}]
)
def test_what_is_no_table_is_refused(data: Any) -> None:
    with pytest.raises(Invalid):
        registry.checked("table_view", {"json_data_to_display": data})


def test_a_long_table_is_cut_and_then_not_edited_in_place() -> None:
    rows = [[str(n) * 20, n] for n in range(3_000)]
    view = view_of(block_of("table_view", {"json_data_to_display": {"columns": ["a", "b"], "rows": rows}}), Here())
    assert view["total"] == 3_000 and view["cut"] and not view["editable"] and len(view["rows"]) <= 200


def test_a_table_and_a_board_read_other_blocks_in_their_cells() -> None:
    here = Here(blocks={"n": 5})
    data = {"columns": ["a"], "rows": [["{{ blocks.n.output }}"]]}
    block = block_of("table_view", {"json_data_to_display": data})
    assert view_of(block, here)["rows"] == [[5]]
    board = {"columns": [{"title": "T", "cards": [{"title": "n: {{ blocks.n.output }}"}]}]}
    assert (
        view_of(block_of("kanban_board", {"json_data_to_display": board}), here)["columns"][0]["cards"][0]["title"]
        == "n: 5"
    )


LINE = {"title": "Orders", "unit": "count", "direction": "up", "help": "", "label": "Sentinel", "value": 12.0,
        "previous": 8.0, "days": ["2026-11-18", "2026-11-20"], "values": [9.0, 12.0]}  # fmt: skip


def test_a_kpi_tile_tells_its_change_and_whether_that_is_good() -> None:
    content = {"definition": "sales_sentinel", "kpi": "orders"}
    view = view_of(block_of("kpi_tile", content), Here(kpi=[LINE]))
    assert (view["text"], view["change"], view["tone"], view["agent"]) == ("12", "+50.0 %", "good", "Sentinel")
    worse = view_of(block_of("kpi_tile", content), Here(kpi=[{**LINE, "direction": "down"}]))
    assert worse["tone"] == "bad"
    both = view_of(block_of("kpi_tile", content), Here(kpi=[LINE, {**LINE, "value": 3.0, "previous": None}]))
    assert (both["value"], both["change"]) == (15.0, None), "a new agent is no growth"
    share = {**LINE, "unit": "ratio", "value": 0.5, "previous": 0.4}
    assert view_of(block_of("kpi_tile", content), Here(kpi=[share, {**share, "value": 0.7}]))["value"] == 0.6


def test_a_figure_nobody_reported_is_not_computed_and_says_why() -> None:
    view = view_of(block_of("kpi_tile", {"definition": "sales_sentinel", "kpi": "orders", "days": 7}), Here())
    assert (view["state"], view["value"], view["text"]) == ("not_computed", None, "")
    assert "last 7 days" in view["note"]


def test_a_chart_of_a_figure_has_a_place_for_every_day_of_every_agent() -> None:
    other = {**LINE, "label": "Other", "days": ["2026-11-19"], "values": [4.0]}
    view = view_of(block_of("chart", {"definition": "sales_sentinel", "kpi": "orders"}), Here(kpi=[LINE, other]))
    assert view["labels"] == ["18 Nov", "19 Nov", "20 Nov"]
    assert [one["values"] for one in view["series"]] == [[9.0, None, 12.0], [None, 4.0, None]]
    assert view["range"][0] <= 0 and view["range"][1] >= 12


def test_a_chart_takes_numbers_and_names_from_a_table() -> None:
    kind = registry.kind_of("chart")
    table = {"columns": ["shop", "orders", "note"], "rows": [["a", "3", "x"], ["b", 4.5, "y"]]}
    content = registry.checked("chart", {"source": "block", "block": "t"})
    drawn = kind.compute(content, block_of("chart"), Here(blocks={"t": table})).output
    assert drawn["labels"] == ["a", "b"] and drawn["series"] == [{"name": "orders", "values": [3.0, 4.5]}]
    wrong = registry.checked("chart", {"source": "block", "block": "t", "value_columns": ["gone"]})
    with pytest.raises(Invalid, match="gone"):
        kind.compute(wrong, block_of("chart"), Here(blocks={"t": table}))
    with pytest.raises(Invalid, match="no table"):
        kind.compute(content, block_of("chart"), Here(blocks={"t": "words"}))
    assert list(kind.references(content)) == ["t"]


@given(st.lists(st.floats(-1e9, 1e9, allow_nan=False), max_size=20), st.sampled_from(["lines", "columns", "rows"]))
def test_the_ticks_of_a_chart_are_round_and_hold_all_values(values: list[float], kind: Any) -> None:
    series = [{"values": values}] if values else []
    ticks = _ticks(values, kind, series)
    assert 2 <= len(ticks) <= 12 and ticks == sorted(set(ticks))
    slack = 1e-6 * max(1.0, *(abs(value) for value in values)) if values else 0
    for value in values:
        assert (value < 0 and kind == "columns") or ticks[0] - slack <= value <= ticks[-1] + slack


def test_a_question_is_shown_with_its_fields_and_how_it_was_answered() -> None:
    asked = {
        "id": "a", "title": "Send?", "body": "**To all**", "urgency": "high", "agent": "Butler", "status": "pending",
        "run_id": "r", "data": {"subject": "Hi", "to": ["x"]}, "created_at": AT.isoformat(), "expires_at": None,
        "decided_by": None, "decided_at": None, "comment": None,
    }  # fmt: skip
    view = view_of(block_of("approval"), Here(approval=asked))
    assert (view["state"], view["waiting"]) == ("open", 1)
    assert view["question"]["fields"] == [{"key": "subject", "text": "Hi"}, {"key": "to", "text": '["x"]'}]
    done = view_of(
        block_of("approval", {"approval_id": "a"}), Here(approval={**asked, "status": "denied", "decided_by": "Ada"})
    )
    assert (done["state"], done["question"]["word"], done["question"]["decided_by"]) == ("decided", "Denied", "Ada")
    assert view_of(block_of("approval"), Here())["state"] == "none"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1234.0, "count", "1,234"),
        (0.0412, "ratio", "4.12 %"),
        (12.5, "USD", "12.50 USD"),
        (None, "", "–"),
        (3.0, "USD", "3.00 USD"),
    ],
)
def test_numbers_are_written_as_people_read_them(value: float | None, unit: str, text: str) -> None:
    assert number_text(value, unit) == text


@pytest.mark.parametrize("type", KINDS)
@pytest.mark.parametrize("output", [None, 5, "x", [], {}, {"outputs": 5}, {"rows": [], "columns": []}])
def test_an_output_kept_by_another_version_of_the_program_breaks_nothing(type: str, output: Any) -> None:
    block = block_of(type, output=output, output_at=AT)
    kind, content = registry.kind_of(type), registry.checked(type, block.content)
    assert view_of(block, Here()) is not None
    try:
        kind.output(content, block, Here())
    except IonfluxError as error:
        assert error.message
