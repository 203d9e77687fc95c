"""Finding runs by what stands in them: inputs, outputs, errors and logs, on both databases."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sqlalchemy import select

from ionflux_core.domain.runs import RunFilter
from ionflux_core.domain.search import fragment, terms
from ionflux_core.storage.tables import run_texts, runs
from tests.agents_for_tests.world import World, small_world, world

__all__ = ["small_world", "world"]


def found(world: World, question: str, **narrow: Any) -> list[str]:
    answer = world.app.search.find(world.workspace, RunFilter(text=question, **narrow), limit=200)
    assert answer.complete
    assert len(answer.runs) == world.app.runs.count(world.workspace, RunFilter(text=question, **narrow))
    return [run.id for run in answer.runs]


def shown(world: World, question: str) -> list[tuple[str, str]]:
    answer = world.app.search.find(world.workspace, RunFilter(text=question))
    return [(each.part, "".join(f"[{p.text}]" if p.hit else p.text for p in each.pieces))
            for each in answer.fragments.values()]  # fmt: skip


@pytest.fixture
def talker(world: World) -> World:
    """An agent that logs, steps, returns or fails with what it is given."""

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        value = inputs["value"]
        ctx.log(f"noted {value.get('log', 'nothing')}")
        ctx.step("draft", lambda: {"body": value.get("step", "")})
        if "fail" in value:
            raise ValueError(value["fail"])
        return {"result": value.get("result", "")}

    world.agent("talker", run, breaker=100)
    return world


def test_a_run_is_found_by_inputs_outputs_errors_logs_and_steps(talker: World) -> None:
    by = {
        "inputs": talker.run("talker", {"note": "the heliotrope order"}).id,
        "outputs": talker.run("talker", {"result": {"deep": ["a marigold, 12 stems"]}}).id,
        "errors": talker.run("talker", {"fail": "no stock of hyacinth"}).id,
        "logs": talker.run("talker", {"log": "delphinium"}).id,
        "steps": talker.run("talker", {"step": "Dear Érica, your camellia"}).id,
    }
    assert found(talker, "heliotrope") == [by["inputs"]]
    assert found(talker, "MARIGOLD stems") == [by["outputs"]]
    assert found(talker, "hyacinth") == [by["errors"]]
    assert found(talker, "delph") == [by["logs"]]
    assert found(talker, '"your camellia"') == [by["steps"]]
    assert found(talker, '"camellia your"') == []
    assert found(talker, "marigold hyacinth") == []
    assert found(talker, "noted -delphinium -hyacinth -marigold -heliotrope") == [by["steps"]]
    assert found(talker, by["logs"][:36]) == [by["logs"]]
    ((part, where),) = shown(talker, "hyac")
    assert part == "errors" and "no stock of [hyacinth]" in where
    other = talker.app.workspaces.create("Other").id
    assert talker.app.search.find(other, RunFilter(text="marigold")).runs == []


def test_other_filters_and_pages_hold_beside_the_words(talker: World) -> None:
    ids = [talker.run("talker", {"result": f"common word {n}"}).id for n in range(5)]
    failed = talker.run("talker", {"fail": "common word"}).id
    assert found(talker, "common", statuses=["error"]) == [failed]
    first = talker.app.search.find(talker.workspace, RunFilter(text="common"), limit=4)
    assert [run.id for run in first.runs] == [failed, *reversed(ids[2:])]
    second = talker.app.search.find(talker.workspace, RunFilter(text="common"), cursor=first.cursor, limit=4)
    assert [run.id for run in second.runs] == list(reversed(ids[:2])) and second.cursor is None


@pytest.mark.parametrize(
    "question",
    ['"', "'", '""', "*", "-", "- -x", "(", "a AND", "NEAR(", "NOT", "a OR", "x:y", "col:", "{a b}", "^a", "a*b", "\\",
     "a & | !", "<->", "';DROP TABLE runs;--", "%", "_", "…", "🌻", "a" * 5000, "a " * 3000, "\u0301", "日本語"],
)  # fmt: skip
def test_no_question_is_an_error(talker: World, question: str) -> None:
    talker.start("talker", {"note": "日本語 text"})
    talker.app.search.find(talker.workspace, RunFilter(text=question))
    talker.app.runs.count(talker.workspace, RunFilter(text=question))
    if question == "日本語":
        assert len(found(talker, question)) == 1


def test_a_run_that_goes_on_is_found_by_what_is_new_and_a_deleted_one_not_at_all(talker: World) -> None:
    run_id = talker.start("talker", {"result": "begonia"})
    assert found(talker, "begonia") == [run_id] and found(talker, "noted") == []
    talker.started()
    talker.ended(run_id)
    assert found(talker, "noted") == [run_id]
    talker.app.db.write(lambda c: c.execute(runs.delete().where(runs.c.id == run_id)))
    assert found(talker, "begonia") == [] and talker.rows("run_texts") == []
    if talker.app.db.is_sqlite:
        with talker.app.db.read() as connection:
            assert connection.exec_driver_sql(
                "SELECT count(*) FROM run_words WHERE run_words MATCH 'begonia'"
            ).scalar() == 0  # fmt: skip


def test_a_search_without_time_says_that_it_is_not_complete_and_the_background_completes_it(talker: World) -> None:
    talker.run("talker", {"result": "verbena"})
    answer = talker.app.search.find(talker.workspace, RunFilter(text="verbena"), budget=0.0)
    assert not answer.complete and answer.runs == []
    assert talker.app.search.catch_up()
    assert talker.app.search.find(talker.workspace, RunFilter(text="verbena"), budget=0.0).runs


def test_whoever_keeps_the_clock_follows_with_the_index(talker: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from ionflux_core import application
    from ionflux_core.triggers import schedule

    monkeypatch.setattr(application, "_SEARCH_SECONDS", 0.2)
    monkeypatch.setattr(schedule, "TICK_SECONDS", 0.2)
    app = talker.started(scheduler=True)
    talker.run("talker", {"result": "lavender"})
    deadline = time.monotonic() + 10
    while not talker.rows("run_texts") and time.monotonic() < deadline:
        time.sleep(0.05)
    with app.db.read() as connection:
        assert "lavender" in connection.execute(select(run_texts.c.outputs)).scalar_one()


def test_a_fragment_marks_every_hit_and_is_data() -> None:
    text = "word " * 100 + "the Café <b>bold</b> cafes " + "tail " * 100
    made = fragment([("logs", "nothing"), ("outputs", text)], terms("cafe"))
    assert made is not None and made.part == "outputs"
    assert [piece.text for piece in made.pieces if piece.hit] == ["Café", "cafes"]
    assert made.text.startswith("…") and "<b>bold</b>" in made.text and made.text.endswith("…")
    assert len(made.text) < 320
    assert fragment([("outputs", "decaf coffee")], terms('"caf"')) is None
    assert fragment([("outputs", "one two  three")], terms('"two three"')) is not None


@pytest.mark.slow
@pytest.mark.parametrize("question", ["word", "needle", '"common words"'])
def test_ten_thousand_runs_are_searched_at_once(question: str, many_runs: World) -> None:
    began = time.perf_counter()
    page = many_runs.app.search.find(many_runs.workspace, RunFilter(text=question), limit=51)
    took = time.perf_counter() - began
    assert page.complete and page.runs and took < 0.5, took


@pytest.fixture
def many_runs(small_world: World) -> World:
    """10,000 finished runs, indexed."""
    small_world.agent("talker", lambda ctx, inputs: {"result": 1})
    first = small_world.run("talker")
    row = small_world.rows("runs", id=first.id)[0]._asdict()
    from ionflux_core.ids import new_id

    def work(connection: Any) -> None:
        for n in range(10_000):
            outputs = {"result": f"common words of run {n} " + "needle" * (n % 1000 == 0) + " lorem ipsum" * 20}
            fresh = {
                **row,
                "id": new_id(),
                "outputs": outputs,
                "idempotency_key": None,
                "change_seq": row["change_seq"] + n,
            }
            connection.execute(runs.insert(), fresh)

    small_world.app.db.write(work)
    began = time.perf_counter()
    small_world.app.search.catch_up()
    assert time.perf_counter() - began < 120
    return small_world
