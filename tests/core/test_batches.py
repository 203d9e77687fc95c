"""Many effects under one decision: one question, one row each, each key once, and what a crash leaves open."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest

from ionflux_core import limits
from ionflux_core.channels.base import ChannelFailed, Delivery, NotSent, Outcome, Reach
from ionflux_core.domain.effects import EffectFilter
from ionflux_core.errors import Unavailable
from ionflux_core.runtime import batches
from ionflux_core.sdk import Outgoing
from tests.agents_for_tests.world import World, small_world, wait_for, world

__all__ = ["small_world", "world"]


class Post:
    """A channel that keeps what it delivers, and fails for the targets it is told to."""

    kind, title, description = "post", "Post", "For tests."
    options: Mapping[str, str] = {}

    def __init__(self) -> None:
        self.delivered: list[Delivery] = []
        self.trouble: dict[str, BaseException] = {}
        self.before: Any = lambda _: None

    def honours_keys(self, options: Mapping[str, str]) -> bool:
        return False

    def deliver(self, delivery: Delivery, reach: Reach) -> dict[str, Any]:
        self.before(delivery)
        if delivery.target in self.trouble:
            raise self.trouble[delivery.target]
        self.delivered.append(delivery)
        return {"number": len(self.delivered)}

    @property
    def targets(self) -> list[str]:
        return [each.target for each in self.delivered]


class Express(Post):
    """The same with a connection that stays open."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = 0

    def deliver_many(self, deliveries: Iterable[Delivery], reach: Reach) -> Iterator[Outcome]:
        self.opened += 1
        for delivery in deliveries:
            try:
                yield Outcome(delivery, self.deliver(delivery, reach))
            except Exception as error:
                yield Outcome(delivery, error)


class PowerCut(BaseException):
    """The process is gone: nothing after it is written."""


def connect(world: World, verdict: str | None = "allow", channel: Post | None = None) -> Post:
    channel = channel or Post()
    world.app.channels["post"] = channel  # type: ignore[index]
    world.app.policies.set_channel(world.workspace, "post", {"dry_run": False})
    if verdict:
        world.app.policies.save(world.workspace, [{"channel": "post", "verdict": verdict}])
    return channel


def letters(count: int, campaign: str = "c", start: int = 0) -> list[Outgoing]:
    numbers = range(start, count)
    return [Outgoing(f"to-{n}", {"text": f"hello {n}"}, key=f"{campaign}:{n}") for n in numbers]


def sender(items: Any = None, **options: Any) -> Any:
    """An agent that sends items and tells how each went."""

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        listed = letters(5) if items is None else items
        sent = ctx.send_many("post", listed, summary="Say hello to all", body="**All** of them", **options)
        return {"result": [[each.status, (each.error or {}).get("code")] for each in sent]}

    return run


def statuses(world: World) -> list[str]:
    return [row.status for row in sorted(world.rows("outbox"), key=lambda row: row.id)]


def only(run: Any) -> list[str]:
    assert run.outputs is not None, run.error
    return [status for status, _ in run.outputs["result"]]


@pytest.mark.parametrize("channel", [Post, Express])
def test_all_go_out_under_one_policy_each_once_and_the_rows_belong_together(world: World, channel: Any) -> None:
    post = connect(world, channel=channel())
    world.agent("probe", sender(letters(40)))
    assert only(world.run("probe")) == ["sent"] * 40
    assert sorted(post.targets) == sorted(f"to-{n}" for n in range(40))
    rows = world.rows("outbox")
    assert len({row.batch_id for row in rows}) == 1 and {row.attempts for row in rows} == {1}
    assert {row.policy for row in rows} == {"allow"}
    assert only(world.run("probe")) == ["sent"] * 40
    assert len(post.delivered) == 40
    if isinstance(post, Express):
        assert post.opened == 1


def test_a_person_is_asked_once_for_all_and_sees_an_example(world: World) -> None:
    post = connect(world, None)
    world.agent("probe", sender(letters(12), estimate=1.25))
    run = world.run("probe")
    assert (run.status, set(statuses(world)), post.delivered) == ("awaiting_approval", {"awaiting_approval"}, [])
    (asked,) = world.app.approvals.pending(world.workspace)
    assert (asked.kind, asked.title, asked.body, asked.editable) == (
        "effect", "Say hello to all", "**All** of them", []
    )  # fmt: skip
    assert asked.data == {
        "count": 12,
        "first_recipients": [f"to-{n}" for n in range(5)],
        "estimated_cost_usd": 1.25,
        "example_to": "to-0",
        "example_text": "hello 0",
    }
    assert world.app.outbox.of_approval(world.workspace, asked.id) is not None
    world.app.approvals.decide(world.workspace, asked.id, approved=True, by="Ana")
    assert only(world.ended(run.id)) == ["sent"] * 12
    assert len(post.delivered) == 12


def test_a_no_is_a_no_for_all(world: World) -> None:
    post = connect(world, None)
    world.agent("probe", sender())
    run = world.run("probe")
    (asked,) = world.app.approvals.pending(world.workspace)
    world.app.approvals.decide(world.workspace, asked.id, approved=False, by="Bo")
    assert set(statuses(world)) == {"denied"}
    assert only(world.ended(run.id)) == ["denied"] * 5
    assert post.delivered == []


def test_without_a_connected_channel_and_in_a_dry_run_all_is_only_shown(world: World) -> None:
    world.agent("probe", sender())
    assert only(world.run("probe")) == ["would_send"] * 5
    post = connect(world)
    assert only(world.run("probe", dry_run=True)) == ["would_send"] * 5
    assert (post.delivered, len(world.rows("outbox"))) == ([], 10)
    # What was only shown takes no key: the same letters may go out later.
    assert only(world.run("probe")) == ["sent"] * 5
    assert len(world.rows("outbox")) == 10


def test_what_fails_is_failed_and_holds_up_no_other(world: World) -> None:
    post = connect(world)
    post.trouble = {"to-1": NotSent("No such person.", code="bounced"), "to-3": Unavailable("No answer in time.")}
    world.agent("probe", sender())
    assert world.run("probe").outputs == {
        "result": [["sent", None], ["failed", "bounced"], ["sent", None], ["uncertain", "uncertain"], ["sent", None]]
    }
    told = {kind: payload["count"] for kind, payload in world.events("ionflux.effect.")}
    assert told == {"ionflux.effect.failed": 1, "ionflux.effect.uncertain": 1}
    post.trouble = {}
    # A later run tries again what failed, and leaves alone what may have gone out.
    assert only(world.run("probe")) == ["sent", "sent", "sent", "uncertain", "sent"]
    assert [post.targets.count(f"to-{n}") for n in range(5)] == [1, 1, 1, 0, 1]


def test_three_failures_of_the_channel_in_a_row_stop_the_rest_which_a_later_run_sends(world: World) -> None:
    post = connect(world, channel=Express())
    post.trouble = {f"to-{n}": ChannelFailed("Nobody there.") for n in range(4, 40)}
    world.agent("probe", sender(letters(40)))
    run = world.run("probe")
    assert run.outputs is not None
    codes = [code for _, code in run.outputs["result"]]
    assert codes == [None] * 4 + ["channel_failed"] * 3 + ["channel_down"] * 33
    assert set(statuses(world)) == {"sent", "failed"}
    post.trouble = {}
    assert only(world.run("probe")) == ["sent"] * 40
    assert sorted(post.targets) == sorted(f"to-{n}" for n in range(40))


def test_an_answer_in_between_starts_the_count_anew(small_world: World) -> None:
    post = connect(small_world)
    post.trouble = {f"to-{n}": ChannelFailed("Busy.") for n in (1, 2, 4, 5, 7, 8)}
    small_world.agent("probe", sender(letters(10)))
    assert only(small_world.run("probe")).count("sent") == 4


def _cut_off(world: World, post: Post, items: list[Outgoing], at: str) -> str:
    """A run whose process dies while the effect for a target is on its way; its id, put back into the queue."""

    def dies(delivery: Delivery) -> None:
        if delivery.target == at:
            raise PowerCut

    post.before = dies
    world.agent("probe", sender(items))

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = sender(items)(ctx, inputs)
            return answer
        except PowerCut:
            ctx._journal.revoked = True
            post.before = lambda _: None
            world.replace("probe", sender(items))
            ctx._journal.check()
            raise

    world.replace("probe", run)
    world.started(lease_seconds=0.4)
    return world.start("probe")


def test_after_a_crash_only_what_was_on_its_way_is_uncertain_and_the_rest_goes_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = connect(world, channel=Express())
    # A dead process says nothing any more about what it had in hand.
    monkeypatch.setattr("ionflux_core.runtime.batch_line.Line.close", _closed_unless_cut_off)
    run_id = _cut_off(world, post, letters(40), "to-20")
    done = world.until(run_id, "success")
    answers = only(done)
    unsure = [n for n, status in enumerate(answers) if status == "uncertain"]
    assert set(answers) == {"sent", "uncertain"} and 20 in unsure
    assert set(unsure) <= set(range(20, 24)), "only the part in hand may be doubtful"
    assert all(post.targets.count(f"to-{n}") == (0 if n in unsure else 1) for n in range(40))
    line = world.app.outbox.find(world.workspace, EffectFilter(status="uncertain")).effects[0]
    assert world.app.outbox.act(world.workspace, line.id, "sent", by="Ana").status == "sent"
    given_up = world.app.outbox.find(world.workspace, EffectFilter(status="uncertain")).effects[0]
    world.app.outbox.act(world.workspace, given_up.id, "retry", by="Ana")
    sent_before = len(post.delivered)
    world.run("probe")
    assert [each.target for each in post.delivered[sent_before:]] == [given_up.target]


def test_what_a_person_gave_up_is_left_alone(small_world: World) -> None:
    world, post = small_world, connect(small_world)
    post.trouble = {"to-1": Unavailable("No answer in time.")}
    world.agent("probe", sender(letters(2)))
    assert only(world.run("probe")) == ["sent", "uncertain"]
    post.trouble = {}
    (line,) = world.app.outbox.find(world.workspace, EffectFilter(status="uncertain")).effects
    world.app.outbox.act(world.workspace, line.id, "give_up", by="Ana")
    assert world.run("probe").outputs == {"result": [["sent", None], ["failed", "given_up"]]}
    assert post.targets == ["to-0"]


def _closed_unless_cut_off(line: Any) -> None:
    import sys

    if not isinstance(sys.exception(), PowerCut):
        _CLOSE(line)


from ionflux_core.runtime.batch_line import Line  # noqa: E402

_CLOSE = Line.close


def test_a_cancelled_run_stops_between_two_and_says_what_did_not_go_out(world: World) -> None:
    post, reached, go_on = connect(world, channel=Express()), threading.Event(), threading.Event()

    def slow(delivery: Delivery) -> None:
        if delivery.target == "to-20":
            reached.set()
            go_on.wait(10)

    post.before = slow
    world.agent("probe", sender(letters(60)))
    world.started()
    run_id = world.start("probe")
    assert reached.wait(10)
    world.app.runs.cancel(world.workspace, run_id)
    go_on.set()
    world.until(run_id, "cancelled_by_user")
    wait_for(lambda: statuses(world).count("sent") == 21, 10, lambda: statuses(world))
    wait_for(lambda: set(statuses(world)) == {"sent", "denied"}, 10, lambda: statuses(world))
    assert len(post.delivered) == 21


def test_a_run_that_was_cancelled_leaves_alone_what_the_next_one_has_taken_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    post, reached, go_on = connect(world, channel=Express()), threading.Event(), threading.Event()
    stopped = ChannelFailed("Nobody there.")

    def slow(delivery: Delivery) -> None:
        if delivery.target == "to-2" and not reached.is_set():
            reached.set()
            go_on.wait(20)
            raise stopped

    post.before = slow
    post.trouble = {"to-0": stopped, "to-1": stopped}
    world.agent("probe", sender(letters(12)))
    world.started()
    first = world.start("probe")
    assert reached.wait(10)
    world.app.runs.cancel(world.workspace, first)
    world.until(first, "cancelled_by_user")
    post.trouble = {}
    held, second_reached, closed = threading.Event(), threading.Event(), threading.Event()

    def close(line: Line) -> None:
        _CLOSE(line)
        closed.set()

    monkeypatch.setattr(Line, "close", close)

    def slow_again(delivery: Delivery) -> None:
        if delivery.target == "to-9":
            second_reached.set()
            held.wait(20)

    post.before = slow_again
    second = world.start("probe")
    assert second_reached.wait(10)
    go_on.set()
    assert closed.wait(10)
    held.set()
    world.until(second, "success")
    world.run("probe")
    assert all(post.targets.count(f"to-{n}") <= 1 for n in range(12)), post.targets


def test_a_paused_run_goes_on_where_it_stood(world: World) -> None:
    post, reached, go_on = connect(world, channel=Express()), threading.Event(), threading.Event()

    def slow(delivery: Delivery) -> None:
        if delivery.target == "to-20" and not go_on.is_set():
            reached.set()
            go_on.wait(10)

    post.before = slow
    world.agent("probe", sender(letters(60)))
    world.started()
    run_id = world.start("probe")
    assert reached.wait(10)
    world.app.runs.pause(world.workspace, run_id)
    go_on.set()
    world.until(run_id, "paused")
    assert len(post.delivered) == 21 and statuses(world).count("draft") == 39
    world.app.runs.resume(world.workspace, run_id)
    assert only(world.until(run_id, "success")) == ["sent"] * 60
    assert len(post.delivered) == len(set(post.targets)) == 60


def test_a_key_that_comes_again_far_below_is_still_one_effect(small_world: World) -> None:
    connect(small_world, None)
    items = [*letters(600), *letters(3)]
    small_world.agent("probe", sender(items))
    assert small_world.run("probe").status == "awaiting_approval"
    (asked,) = small_world.app.approvals.pending(small_world.workspace)
    assert asked.data["count"] == 600


def test_one_key_twice_is_one_effect_and_bad_items_fail_alone(small_world: World) -> None:
    post = connect(small_world)
    items = [
        *letters(2),
        Outgoing("to-0", {"text": "again"}, key="c:0"),
        Outgoing("", {"text": "nobody"}, key="c:empty"),
        Outgoing("big", {"text": "x" * (limits.EFFECT_BYTES + 1)}, key="c:big"),
    ]
    small_world.agent("probe", sender(items))
    assert small_world.run("probe").outputs == {
        "result": [["sent", None], ["sent", None], ["sent", None], ["failed", "invalid"], ["failed", "limit_exceeded"]]
    }
    assert [each.payload for each in post.delivered] == [{"text": "hello 0"}, {"text": "hello 1"}]


@pytest.mark.parametrize("items", [[Outgoing("a", {}, key="")], letters(limits.EFFECTS_AT_ONCE + 1)])
def test_what_an_agent_got_wrong_is_said_and_nothing_goes_out(small_world: World, items: list[Outgoing]) -> None:
    post = connect(small_world)
    small_world.agent("probe", sender(items))
    assert small_world.run("probe").status == "error"
    assert post.delivered == []


def test_no_items_are_no_question(small_world: World) -> None:
    connect(small_world, None)
    small_world.agent("probe", sender([]))
    assert small_world.run("probe").outputs == {"result": []}


def test_targets_off_the_list_are_left_out(small_world: World) -> None:
    post = connect(small_world)
    small_world.app.policies.set_channel(small_world.workspace, "post", {"allow": ["to-1", "to-2"]})
    small_world.agent("probe", sender())
    assert only(small_world.run("probe")) == ["denied", "sent", "sent", "denied", "denied"]
    assert post.targets == ["to-1", "to-2"]


def test_a_run_that_read_outside_text_is_asked_whatever_the_policy(small_world: World) -> None:
    world, post = small_world, connect(small_world)
    hook = "  - {key: told, type: event, config: {topic: shop.told}}\n"
    world.agent("probe", sender(), triggers=hook)
    world.instance("probe")
    world.started()
    world.app.events.publish(world.workspace, "shop.told", {"words": "send it all"})
    wait_for(lambda: world.app.approvals.pending(world.workspace), 10)
    (asked,) = world.app.approvals.pending(world.workspace)
    assert (asked.kind, asked.urgency, post.delivered) == ("effect", "high", [])
    assert {row.policy for row in world.rows("outbox")} == {"tainted"}


def test_a_replay_sends_nothing_and_hands_back_every_answer(world: World) -> None:
    post = connect(world)
    post.trouble = {"to-1": NotSent("No such person.", code="bounced")}
    world.agent("probe", sender())
    first = world.run("probe")
    again = world.app.forks.replay(world.workspace, first.id).run_id
    assert world.ended(again).outputs == first.outputs
    assert len(post.delivered) == 4


def test_a_second_run_waits_for_what_the_first_has_in_hand(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_BUSY_SECONDS", 0.2)
    post = connect(world, None)
    world.agent("probe", sender())
    first = world.run("probe")
    second = world.run("probe")
    assert (first.status, second.status) == ("awaiting_approval", "waiting")
    (asked,) = world.app.approvals.pending(world.workspace)
    world.app.approvals.decide(world.workspace, asked.id, approved=True)
    for run in (first, second):
        assert only(world.until(run.id, "success")) == ["sent"] * 5
    assert len(post.delivered) == 5


def test_ten_thousand_are_noted_and_sent_in_reasonable_time(small_world: World) -> None:
    post = connect(small_world, channel=Express())
    small_world.agent("probe", sender(letters(limits.EFFECTS_AT_ONCE)))
    assert small_world.run("probe", timeout=60).status == "success"
    assert statuses(small_world) == ["sent"] * limits.EFFECTS_AT_ONCE
    assert len(post.delivered) == limits.EFFECTS_AT_ONCE
