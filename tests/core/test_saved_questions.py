"""Questions under a name, what was asked lately, pivots, files to keep, and questions on pages."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ionflux_core import limits
from ionflux_core.analytics.question_views import VIEWS
from ionflux_core.analytics.questions import ask
from ionflux_core.application import Application
from ionflux_core.domain.canvas import CanvasBlock
from ionflux_core.domain.questions import Drawing
from ionflux_core.errors import Conflict, Invalid, LimitExceeded, NotFound
from ionflux_core.limits import QUESTIONS_KEPT
from ionflux_core.services.ready_questions import READY, slug
from ionflux_core.web.metrics import Requests
from ionflux_core.web.routes import middleware, routes
from tests.conftest import MakeApplication

SALES = b"day,country,amount,note\n2026-01-01,PT,10,=1+1\n2026-01-01,ES,5,b\n2026-01-02,PT,7,c\n2026-01-02,,1,d\n"


@pytest.fixture
def app(make_application: MakeApplication, database_url: str) -> Application:
    """An open application on either database, with a workspace and a file of sales."""
    made: Application = make_application(database_url=database_url)
    made.datasets.upload(made.workspaces.create("Ours").id, "sales.csv", SALES)
    return made


@pytest.fixture
def ws(app: Application) -> str:
    return app.workspaces.all()[0].id


def draft(name: str = "Mine", sql: str = "SELECT 1", **drawing: Any) -> dict[str, Any]:
    return {"name": name, "sql_text": sql, "chart": drawing}


def test_a_question_is_kept_with_its_drawing_changed_and_deleted(app: Application, ws: str) -> None:
    service = app.saved_questions
    made = service.create(ws, draft(kind="bar", x="day", y="amount"), by="Ann")
    assert (made.name, made.sql_text, made.chart.kind, made.chart.x, made.created_by) == (
        "Mine", "SELECT 1", "bar", "day", "Ann",
    )  # fmt: skip
    with pytest.raises(Conflict):
        service.create(ws, draft())
    other = service.create(ws, draft("Another"))
    assert [each.name for each in service.find(ws)] == ["Another", "Mine"]
    with pytest.raises(Conflict):
        service.rename(ws, other.id, "Mine")
    assert service.save(ws, made.id, draft("Ours", "SELECT 2")).sql_text == "SELECT 2"
    assert service.rename(ws, made.id, "Yours").chart == Drawing()
    service.delete(ws, made.id)
    with pytest.raises(NotFound):
        service.get(ws, made.id)
    assert [each.name for each in service.find(ws)] == ["Another"]


def test_a_question_is_of_one_workspace(app: Application, ws: str) -> None:
    made, theirs = app.saved_questions.create(ws, draft()), app.workspaces.create("Theirs").id
    assert app.saved_questions.find(theirs) == []
    for call in (
        lambda: app.saved_questions.get(theirs, made.id),
        lambda: app.saved_questions.rename(theirs, made.id, "x"),
        lambda: app.saved_questions.delete(theirs, made.id),
    ):
        with pytest.raises(NotFound):
            call()
    assert app.saved_questions.create(theirs, draft()).name == "Mine"


@pytest.mark.parametrize(
    "wrong", [draft(""), draft("x" * 121), draft(sql=""), draft(sql="x" * 20_001), draft(kind="pie"), draft(z="a")]
)
def test_a_bad_question_is_not_kept(app: Application, ws: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        app.saved_questions.create(ws, wrong)
    assert app.saved_questions.find(ws) == []


def test_a_secret_is_neither_kept_nor_remembered(app: Application, ws: str) -> None:
    app.secrets.put(ws, "shop_key", "tops3cret-value-123")
    text = "SELECT 'tops3cret-value-123'"
    with pytest.raises(Invalid, match="secret"):
        app.saved_questions.create(ws, draft(sql=text))
    app.questions.ask(ws, text, by="Ann")
    assert "tops3cret" not in app.questions.history(ws)[0].sql_text


def test_the_history_says_who_asked_what_and_how_it_went(app: Application, ws: str) -> None:
    app.questions.ask(ws, "SELECT * FROM sales", by="Ann")
    with pytest.raises(Invalid):
        app.questions.ask(ws, "SELECT nothing FROM sales", by="Ben")
    app.questions.ask(ws, "SELECT 3")
    newest, first = app.questions.history(ws)
    assert (newest.who, newest.row_count, "nothing" in (newest.error or "")) == ("Ben", None, True)
    assert (first.who, first.row_count, first.error) == ("Ann", 4, None)
    assert first.seconds is not None and first.seconds >= 0
    assert [each.seq for each in app.questions.history(ws, before=newest.seq)] == [first.seq]
    assert app.questions.history(app.workspaces.create("Theirs").id) == []


def test_the_history_forgets_what_is_old(app: Application, ws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert QUESTIONS_KEPT >= 100
    monkeypatch.setattr("ionflux_core.services.questions.QUESTIONS_KEPT", 3)
    theirs = app.workspaces.create("Theirs").id
    app.questions.ask(theirs, "SELECT 0", by="Ann")
    for number in range(5):
        app.questions.ask(ws, f"SELECT {number}", by="Ann")
    assert [each.sql_text for each in app.questions.history(ws)] == ["SELECT 4", "SELECT 3", "SELECT 2"]
    assert len(app.questions.history(theirs)) == 1


def pivot(app: Application, ws: str, sql: str = "SELECT * FROM sales", **wanted: Any) -> tuple[list[str], list[Any]]:
    answer = app.questions.pivot(ws, sql, Drawing(kind="pivot", **wanted))
    return [column["name"] for column in answer["columns"]], answer["rows"]


def test_a_pivot_is_computed_by_the_database(app: Application, ws: str) -> None:
    names, rows = pivot(app, ws, rows=["day"], column="country", value="amount", aggregate="sum")
    assert names == ["day", "ES", "PT", "(none)", "All"]
    assert rows == [["2026-01-01", 5, 10, None, 15], ["2026-01-02", None, 7, 1, 8]]
    assert pivot(app, ws, rows=["country"])[1] == [["ES", 1], ["PT", 2], [None, 1]]
    assert pivot(app, ws, column="country")[1] == [[1, 2, 1, 4]]
    assert pivot(app, ws, "SELECT * FROM sales ORDER BY 1; ", rows=["day"], value="amount", aggregate="max")[1] == [
        ["2026-01-01", 10], ["2026-01-02", 7],
    ]  # fmt: skip
    assert pivot(app, ws, "WITH a AS (SELECT * FROM sales) SELECT * FROM a -- the end", rows=["day"])[1][0][1] == 2


def test_a_pivot_of_hostile_names_and_values_is_a_pivot(app: Application, ws: str) -> None:
    sql = """SELECT 'x" FROM main.runs --' AS "a ""b", $$'; DROP TABLE runs; --$$ AS c, 1 AS n, 'n' AS all_"""
    names, rows = pivot(app, ws, sql, rows=['a "b'], column="c", value="n", aggregate="sum")
    assert names == ['a "b', "'; DROP TABLE runs; --", "All"] and rows == [['x" FROM main.runs --', 1, 1]]
    written = app.questions.pivot_sql(
        ws, sql, Drawing(kind="pivot", rows=['a "b'], column="c", value="n", aggregate="sum")
    )
    assert app.questions.ask(ws, written)["rows"] == rows


def test_a_pivot_of_many_columns_shows_the_first_and_counts_all(app: Application, ws: str) -> None:
    answer = app.questions.pivot(ws, "SELECT range AS n FROM range(100)", Drawing(kind="pivot", column="n"))
    assert answer["more_columns"] is True
    assert len(answer["columns"]) == 41 and answer["rows"][0][-1] == 100
    for wrong in ({}, {"rows": ["n"], "aggregate": "sum"}, {"rows": ["nowhere"]}):
        with pytest.raises(Invalid):
            app.questions.pivot(ws, "SELECT range AS n FROM range(100)", Drawing(kind="pivot", **wrong))


def test_an_answer_is_a_file_to_keep(app: Application, ws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sql = "SELECT day, amount, note FROM sales ORDER BY amount DESC;"
    rows = list(csv.reader(io.StringIO(app.questions.as_file(ws, sql, "csv").decode())))
    # A cell that a table calculator would compute is text.
    assert rows[:2] == [["day", "amount", "note"], ["2026-01-01", "10", "'=1+1"]]
    table = parquet.read_table(io.BytesIO(app.questions.as_file(ws, sql, "parquet")))
    assert table.column_names == ["day", "amount", "note"] and table["amount"].to_pylist() == [10, 7, 5, 1]
    many = "SELECT range AS n FROM range(50000)"
    assert app.questions.as_file(ws, many, "csv").count(b"\r\n") == 50_001, "more than a screen shows"
    monkeypatch.setattr("ionflux_core.analytics.question_files.SQL_EXPORT_ROWS", 7)
    assert parquet.read_table(io.BytesIO(app.questions.as_file(ws, many, "parquet"))).num_rows == 7
    with pytest.raises(Invalid):
        app.questions.as_file(ws, "COPY sales TO '/tmp/x.csv'", "csv")
    assert app.questions.as_file(ws, "SELECT [1, 2] AS l, 3 AS n", "csv") == b'l,n\r\n"[1, 2]",3\r\n'
    with pytest.raises(LimitExceeded):
        app.questions.as_file(ws, "SELECT list(range) FROM range(1000000)", "csv")


@pytest.mark.parametrize("ready", READY, ids=slug)
def test_every_ready_question_is_answered(app: Application, ws: str, ready: Any) -> None:
    names = [column["name"] for column in app.questions.ask(ws, ready.sql)["columns"]]
    drawing = ready.drawing
    assert {drawing.x, drawing.y, drawing.series} - {""} <= set(names)
    assert ready.about.endswith(".") and slug(ready).replace("-", "").isalnum()


def test_brands_and_agents_are_known_by_name(app: Application, ws: str) -> None:
    brand = app.workspaces.add_brand(ws, {"name": "EcoThreads"})
    app.agents.create(ws, "word_counter", "Counter", brand_id=brand.id)
    sql = "SELECT i.name, b.name FROM instances i JOIN brands b ON b.id = i.brand_id"
    assert app.questions.ask(ws, sql)["rows"] == [["Counter", "EcoThreads"]]
    assert app.questions.ask(app.workspaces.create("Theirs").id, "SELECT * FROM brands")["rows"] == []


def _computed(app: Application, ws: str, page_id: str) -> list[CanvasBlock]:
    """The blocks of a page, once each has an answer: one that takes longer than a moment is computed behind."""
    end = time.monotonic() + 30
    while True:
        blocks = app.canvas.page(ws, page_id).blocks
        if all(each.output or each.error for each in blocks) or time.monotonic() > end:
            return list(blocks)
        time.sleep(0.05)


SALES_BY_DAY = "SELECT day, country, amount FROM sales ORDER BY day"


@pytest.mark.parametrize(
    ("drawing", "type", "kind"),
    [
        (Drawing(), "sql", None),
        (Drawing(kind="bar", x="day", y="amount", series="country"), "chart", "columns"),
        (Drawing(kind="line", x="day", y="amount"), "chart", "lines"),
        (Drawing(kind="pivot", rows=["day"], column="country", value="amount", aggregate="sum"), "sql", None),
    ],
)
def test_a_question_becomes_a_block_that_is_drawn_as_it_was(
    app: Application, ws: str, drawing: Drawing, type: str, kind: str | None
) -> None:
    page_id = app.question_blocks.add(ws, None, "Sales", SALES_BY_DAY, drawing)
    [block] = _computed(app, ws, page_id)
    assert (block.type, block.content["title_text"], block.content.get("kind")) == (type, "Sales", kind)
    assert block.error is None and block.output
    app.question_blocks.add(ws, page_id, "", SALES_BY_DAY, drawing)
    assert len(app.canvas.page(ws, page_id).blocks) == 2
    if drawing.series:
        assert block.output["labels"] == ["2026-01-01", "2026-01-02"]
        assert {one["name"]: one["values"] for one in block.output["series"]} == {
            "(none)": [None, 1.0], "ES": [5.0, None], "PT": [10.0, 7.0],
        }  # fmt: skip


def test_a_block_asks_again_when_it_is_refreshed(app: Application, ws: str) -> None:
    page_id = app.question_blocks.add(ws, None, "Brands", "SELECT count(*) AS n FROM brands", Drawing())
    [block] = app.canvas.page(ws, page_id).blocks
    assert block.output["rows"] == [[0]]
    app.workspaces.add_brand(ws, {"name": "New"})
    app.refreshing.run_block(ws, block.id)
    assert app.canvas.page(ws, page_id).blocks[0].output["rows"] == [[1]]


@pytest.fixture
def client(app: Application) -> Iterator[TestClient]:
    """The API as its own machine calls it."""
    served = Starlette(routes=routes(), middleware=middleware(app, Requests()))
    with TestClient(served, base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as opened:
        opened.base_url = "http://127.0.0.1/api/v1/"
        yield opened


def test_the_api_asks_under_the_same_rules(app: Application, ws: str, client: TestClient) -> None:
    answer = client.post("sql", json={"query": "SELECT * FROM sales WHERE amount > $least", "parameters": {"least": 6}})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert [row[2] for row in body["rows"]] == [10, 7] and body["truncated"] is False and body["as_of"]
    short = client.post("sql", json={"query": "SELECT * FROM range(100)", "limit": 2}).json()
    assert (short["rows"], short["truncated"]) == ([[0], [1]], True)
    assert app.questions.history(ws)[0].who
    names = [table["name"] for table in client.get("sql/tables").json()["tables"]]
    assert names[0] == "runs" and names[-1] == "sales"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"query": "SELECT * FROM read_text('/etc/passwd')"}, 422, "sql_refused"),
        ({"query": "DROP TABLE runs"}, 422, "sql_refused"),
        ({"query": "SELECT nothing FROM runs"}, 422, "sql_failed"),
        ({"query": ""}, 422, "invalid"),
        ({"query": "SELECT 1", "limit": 100_000_000}, 422, "invalid"),
        ({"query": "SELECT 1", "files": "x"}, 422, "invalid"),
        ({}, 422, "invalid"),
    ],
)
def test_the_api_refuses_as_a_problem_document(
    client: TestClient, body: dict[str, Any], status: int, code: str
) -> None:
    answer = client.post("sql", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    told = answer.json()
    assert (told["code"], bool(told["detail"]), "root" in answer.text) == (code, True, False)
    if code == "sql_failed":
        assert told["problems"][0]["line"] == 1 and told["problems"][0]["column"] == 8


def test_a_question_that_takes_too_long_is_413_and_the_next_one_is_answered(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It is a default argument, so it is changed where it is kept.
    monkeypatch.setitem(ask.__kwdefaults__ or {}, "seconds", 0.3)
    endless = "SELECT count(*) FROM range(1000000) a, range(1000000) b, range(1000000) c"
    stopped = client.post("sql", json={"query": endless})
    assert (stopped.status_code, stopped.json()["code"]) == (413, "sql_too_long")
    assert client.post("sql", json={"query": "SELECT 1"}).json()["rows"] == [[1]]


def test_the_documentation_names_every_table_and_limit() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "explore.md").read_text(encoding="utf-8")
    assert [name for name in VIEWS if f"`{name}`" not in text] == []
    for figure in (limits.DATASET_ROWS, limits.DATASET_COLUMNS, limits.SQL_ROWS, limits.SQL_EXPORT_ROWS):
        assert f"{figure:,}" in text
