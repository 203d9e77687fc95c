"""Effects: who is asked, what goes out, what is only shown, and what nobody knows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ionflux_core.channels.base import Delivery, NotSent, Reach
from ionflux_core.domain.effects import Effect, EffectFilter
from ionflux_core.errors import Conflict, Unavailable
from ionflux_core.runtime import effects
from tests.agents_for_tests.world import World, small_world, together, world

__all__ = ["small_world", "world"]


class Post:
    """A channel that keeps what it delivers, and fails as it is told."""

    kind, title, description = "post", "Post", "For tests."
    options: Mapping[str, str] = {}

    def __init__(self, *, honours: bool = False) -> None:
        self.delivered: list[Delivery] = []
        self.trouble: list[BaseException] = []
        self.honours = honours

    def honours_keys(self, options: Mapping[str, str]) -> bool:
        return self.honours

    def deliver(self, delivery: Delivery, reach: Reach) -> dict[str, Any]:
        self.delivered.append(delivery)
        if self.trouble:
            raise self.trouble.pop(0)
        return {"number": len(self.delivered)}


class PowerCut(BaseException):
    """The process is gone: nothing after it is written."""


@pytest.fixture
def post(world: World) -> Iterator[Post]:
    yield connect(world)


def connect(world: World, verdict: str | None = "allow", **options: Any) -> Post:
    """A connected channel, and a policy about it."""
    channel = Post(**options)
    world.app.channels["post"] = channel  # type: ignore[index]
    world.app.policies.set_channel(world.workspace, "post", {"dry_run": False})
    if verdict:
        world.app.policies.save(world.workspace, [{"channel": "post", "verdict": verdict}])
    return channel


def _send(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    options = inputs.get("value") or {}
    sent = ctx.send("post", "ana@example.com", {"text": "hello", "count": 2}, summary="Say hello", **options)
    return {"result": [sent.status, sent.by, sent.edits, sent.response]}


def the_effect(world: World) -> Effect:
    (line,) = world.app.outbox.find(world.workspace).effects
    return world.app.outbox.get(world.workspace, line.id)


def test_an_effect_no_account_is_connected_for_is_only_shown(world: World) -> None:
    world.agent("probe", _send)
    run = world.run("probe")
    assert run.outputs == {"result": ["would_send", None, {}, None]}
    effect = the_effect(world)
    assert (effect.status, effect.dry_run, effect.payload) == ("would_send", True, {"text": "hello", "count": 2})


def test_a_dry_run_sends_nothing_and_takes_no_key(world: World, post: Post) -> None:
    world.agent("probe", _send)
    assert world.run("probe", {"key": "k"}, dry_run=True).outputs == {"result": ["would_send", None, {}, None]}
    assert post.delivered == []
    assert world.run("probe", {"key": "k"}).outputs == {"result": ["sent", None, {}, {"number": 1}]}


def test_without_a_policy_a_person_is_asked_and_what_they_wrote_goes_out(world: World) -> None:
    post = connect(world, None)
    world.agent("probe", _send)
    run = world.run("probe")
    assert (run.status, the_effect(world).status) == ("awaiting_approval", "awaiting_approval")
    (asked,) = world.app.approvals.pending(world.workspace)
    assert (asked.kind, asked.title, asked.data) == ("effect", "Say hello", {"text": "hello", "count": 2})
    world.app.approvals.decide(world.workspace, asked.id, approved=True, by="Ana", edits={"text": "hi", "count": 2})
    assert world.ended(run.id).outputs == {"result": ["sent", "Ana", {"text": "hi"}, {"number": 1}]}
    assert [(each.payload, each.key) for each in post.delivered] == [
        ({"text": "hi", "count": 2}, f"{run.id}:send post")
    ]
    assert the_effect(world).payload["text"] == "hi"
    assert world.app.approvals.get(world.workspace, asked.id).data["text"] == "hello"


def test_a_no_is_a_normal_result_and_nothing_goes_out(world: World) -> None:
    post = connect(world, None)
    world.agent("probe", _send)
    run = world.run("probe")
    (asked,) = world.app.approvals.pending(world.workspace)
    world.app.approvals.decide(world.workspace, asked.id, approved=False, by="Bo", comment="no")
    assert world.ended(run.id).outputs == {"result": ["denied", "Bo", {}, None]}
    assert (post.delivered, the_effect(world).status) == ([], "denied")


@pytest.mark.parametrize(
    ("policy", "estimate", "expected"),
    [
        ({"verdict": "allow"}, None, "sent"),
        ({"verdict": "deny"}, None, "denied"),
        ({"verdict": "ask"}, None, "awaiting_approval"),
        ({"verdict": "ask_above", "amount": 1.0}, 0.5, "sent"),
        ({"verdict": "ask_above", "amount": 1.0}, 1.5, "awaiting_approval"),
        ({"verdict": "ask_above", "amount": 1.0}, None, "awaiting_approval"),
        ({"channel": "other", "verdict": "allow"}, None, "awaiting_approval"),
        ({"agent": "probe", "verdict": "allow"}, None, "sent"),
        ({"agent": "someone", "verdict": "allow"}, None, "awaiting_approval"),
    ],
)
def test_a_policy_decides(small_world: World, policy: dict[str, Any], estimate: float | None, expected: str) -> None:
    world = small_world
    connect(world, None)
    world.app.policies.save(world.workspace, [policy])
    world.agent("probe", _send)
    world.run("probe", {"estimate": estimate})
    assert the_effect(world).status == expected


def test_a_target_off_the_list_is_refused(small_world: World) -> None:
    post = connect(small_world)
    small_world.app.policies.set_channel(small_world.workspace, "post", {"allow": ["*@shop.example"]})
    small_world.agent("probe", _send)
    assert small_world.run("probe").outputs == {"result": ["denied", None, {}, None]}
    assert post.delivered == []


def test_the_same_key_goes_out_once_in_the_workspace(world: World, post: Post) -> None:
    world.agent("probe", _send)
    runs = [world.run("probe", {"key": "order-7"}) for _ in range(3)]
    assert [run.outputs for run in runs] == [{"result": ["sent", None, {}, {"number": 1}]}] * 3
    assert len(post.delivered) == 1


def test_a_finished_effect_is_not_repeated_when_the_run_goes_on(world: World, post: Post) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        first = ctx.send("post", "a", {"n": 1}, summary="one")
        ctx.approve("Go on?")
        second = ctx.send("post", "b", {"n": 2}, summary="two")
        return {"result": [first.status, second.status]}

    world.agent("probe", run)
    parked = world.run("probe")
    (asked,) = world.app.approvals.pending(world.workspace)
    world.app.approvals.decide(world.workspace, asked.id, approved=True)
    assert world.ended(parked.id).outputs == {"result": ["sent", "sent"]}
    assert [each.target for each in post.delivered] == ["a", "b"]


def test_a_refused_delivery_fails_the_run_and_rings(world: World, post: Post) -> None:
    post.trouble = [NotSent("The receiver refused it.", hint="Ask them.")]
    world.agent("probe", _send)
    run = world.run("probe")
    assert (run.status, run.error_message) == ("error", "The receiver refused it.")
    assert the_effect(world).status == "failed"
    ((_, payload),) = world.events("ionflux.effect.")
    assert payload["message"] == "The receiver refused it."


def _cut_off(world: World, post: Post, **options: Any) -> str:
    """A run whose process dies while its effect is on the way; its id, put back into the queue."""
    post.trouble = [PowerCut()]
    world.agent("probe", _send)

    def dies(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        try:
            return _send(ctx, inputs)
        except PowerCut:
            ctx._journal.revoked = True
            world.replace("probe", _send)
            ctx._journal.check()
            raise

    world.replace("probe", dies)
    world.started(lease_seconds=0.4)
    return world.start("probe", options)


def test_a_crash_while_sending_asks_whether_it_was_sent(world: World, post: Post) -> None:
    run_id = _cut_off(world, post)
    world.until(run_id, "awaiting_approval")
    effect = the_effect(world)
    (asked,) = world.app.approvals.pending(world.workspace)
    assert (effect.status, asked.kind, len(post.delivered)) == ("uncertain", "uncertain", 1)
    with pytest.raises(Conflict, match="whether something was sent"):
        world.app.approvals.decide(world.workspace, asked.id, approved=True)
    answers = together(4, lambda n: world.app.outbox.act(world.workspace, effect.id, "sent", by=str(n)))
    assert sum(isinstance(answer, Conflict) for answer in answers) == 3
    done = world.until(run_id, "success")
    assert done.outputs is not None and done.outputs["result"][0] == "sent"
    assert len(post.delivered) == 1
    assert [kind for kind, _ in world.events("ionflux.effect.")] == ["ionflux.effect.uncertain"]


@pytest.mark.parametrize(("action", "status", "deliveries"), [("retry", "sent", 2), ("give_up", "failed", 1)])
def test_a_person_settles_what_nobody_knows(small_world: World, action: Any, status: str, deliveries: int) -> None:
    world, post = small_world, connect(small_world)
    run_id = _cut_off(world, post)
    world.until(run_id, "awaiting_approval")
    world.app.outbox.act(world.workspace, the_effect(world).id, action, by="Ana")
    done = world.until(run_id, "success", "error")
    assert done.outputs is not None and done.outputs["result"][0] == status
    assert (the_effect(world).status, len(post.delivered)) == (status, deliveries)
    assert len({each.key for each in post.delivered}) == 1


def test_an_effect_the_agent_would_rather_skip_stays_uncertain(small_world: World) -> None:
    world, post = small_world, connect(small_world)
    run_id = _cut_off(world, post, on_uncertain="skip")
    assert world.until(run_id, "success").outputs == {"result": ["uncertain", None, {}, None]}
    assert (the_effect(world).status, len(post.delivered)) == ("uncertain", 1)


def test_a_retry_under_the_same_key_needs_a_channel_that_honours_it(world: World) -> None:
    post = connect(world, honours=True)
    run_id = _cut_off(world, post, on_uncertain="retry")
    assert world.until(run_id, "success").outputs == {"result": ["sent", None, {}, {"number": 2}]}
    assert len({each.key for each in post.delivered}) == 1
    post.honours, post.trouble = False, [Unavailable("No answer in time.")]
    other = world.start("probe", {"on_uncertain": "retry"})
    assert world.until(other, "awaiting_approval").status == "awaiting_approval"


def test_a_cancelled_run_leaves_nothing_waiting_in_the_outbox(world: World) -> None:
    connect(world, None)
    world.agent("probe", _send)
    run = world.run("probe")
    world.app.runs.cancel(world.workspace, run.id)
    assert the_effect(world).status == "denied"
    assert world.app.approvals.count(world.workspace) == 0


def test_the_outbox_is_narrowed_and_paged_in_the_database(world: World, post: Post) -> None:
    world.agent("probe", _send)
    world.agent("other", _send)
    for slug in ("probe", "other", "probe"):
        world.run(slug)
    find = world.app.outbox.find
    assert len(find(world.workspace, EffectFilter(agent="probe")).effects) == 2
    assert find(world.workspace, EffectFilter(status="failed")).effects == []
    first = find(world.workspace, limit=2)
    rest = find(world.workspace, cursor=first.cursor, limit=2)
    ids = [each.id for each in [*first.effects, *rest.effects]]
    assert (ids, rest.cursor) == (sorted(ids, reverse=True), None)
    assert world.app.outbox.count(world.workspace, EffectFilter(kind="post")) == 3


def test_the_folder_channel_writes_each_key_once(small_world: World, data_dir: Path) -> None:
    world = small_world
    world.app.policies.set_channel(world.workspace, "folder", {"dry_run": False})
    world.app.policies.save(world.workspace, [{"verdict": "allow"}])

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        return {"result": ctx.send("folder", "letters", {"text": "olá"}, summary="A letter", key="one").response}

    world.agent("probe", run)
    assert world.run("probe").outputs == world.run("probe").outputs
    (file,) = (data_dir / "outbox" / world.workspace).iterdir()
    assert json.loads(file.read_text(encoding="utf-8"))["payload"] == {"text": "olá"}


def test_a_secret_is_put_in_at_the_last_moment_and_never_stored(world: World, post: Post) -> None:
    world.app.secrets.put(world.workspace, "token", "canary-5e1f0")

    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        given = "canary-5e1f0" if inputs["value"] == "the value itself" else inputs["value"]
        return {"result": ctx.send("post", "a", {"auth": given}, summary="With a secret").status}

    world.agent("probe", run)
    assert world.run("probe", "secret://token").outputs == {"result": "sent"}
    assert post.delivered[0].payload == {"auth": "canary-5e1f0"}
    assert the_effect(world).payload == {"auth": "secret://token"}
    assert world.run("probe", "the value itself").status == "error"
    assert "canary-5e1f0" not in str(world.rows("outbox"))


def test_a_retry_goes_on_with_the_effects_of_the_run_it_repeats(world: World, post: Post) -> None:
    post.trouble = [NotSent("The receiver is closed.")]
    world.agent("probe", _send)
    failed = world.run("probe")
    again = world.app.forks.retry(world.workspace, failed.id).run_id
    assert world.ended(again).outputs == {"result": ["sent", None, {}, {"number": 2}]}
    assert [each.key for each in post.delivered] == [f"{failed.id}:send post"] * 2
    assert the_effect(world).run_id == again


def test_a_retry_asks_about_what_may_have_been_sent_before(small_world: World) -> None:
    world, post = small_world, connect(small_world)
    run_id = _cut_off(world, post)
    world.until(run_id, "awaiting_approval")
    world.app.runs.cancel(world.workspace, run_id)
    assert the_effect(world).status == "uncertain"
    again = world.app.forks.retry(world.workspace, run_id).run_id
    assert world.until(again, "awaiting_approval").id == again
    (asked,) = world.app.approvals.pending(world.workspace)
    assert (asked.kind, len(post.delivered)) == ("uncertain", 1)
    world.app.outbox.act(world.workspace, the_effect(world).id, "sent")
    assert world.until(again, "success").status == "success"
    assert len(post.delivered) == 1


def test_a_replay_sends_nothing_and_hands_back_what_was_answered(world: World, post: Post) -> None:
    world.agent("probe", _send)
    first = world.run("probe")
    again = world.app.forks.replay(world.workspace, first.id).run_id
    assert world.ended(again).outputs == first.outputs
    assert len(post.delivered) == 1
    assert the_effect(world).run_id == first.id


def test_a_fork_behind_an_effect_does_not_repeat_it(world: World, post: Post) -> None:
    def run(ctx: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        sent = ctx.send("post", "a", {"n": 1}, summary="one")
        return {"result": [sent.status, ctx.step("after", lambda: 1)]}

    world.agent("probe", run)
    first = world.run("probe")
    forked = world.app.forks.fork(world.workspace, first.id, step="after").run_id
    assert world.ended(forked).outputs == {"result": ["sent", 1]}
    assert len(post.delivered) == 1


def test_two_runs_with_the_same_key_share_one_effect_and_the_second_waits_for_the_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(effects, "_BUSY_SECONDS", 0.2)
    post = connect(world, None)
    world.agent("probe", _send)
    first, second = (world.run("probe", {"key": "order-7"}) for _ in range(2))
    assert (first.status, world.until(second.id, "waiting").status) == ("awaiting_approval", "waiting")
    (asked,) = world.app.approvals.pending(world.workspace)
    world.app.approvals.decide(world.workspace, asked.id, approved=True)
    for run in (first, second):
        done = world.until(run.id, "success")
        assert done.outputs is not None and done.outputs["result"][0] == "sent"
    assert len(post.delivered) == 1
