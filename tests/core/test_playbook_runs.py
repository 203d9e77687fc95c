"""Playbooks at work: started by their event, ended by a purchase, edited while under way, counted from their runs."""

from __future__ import annotations

from typing import Any

import pytest

from ionflux_core.domain.playbook_runs import Execution
from ionflux_core.domain.playbooks import Playbook
from ionflux_core.errors import Conflict
from tests.agents_for_tests.world import Clock, World, small_world, wait_for, world

__all__ = ["small_world", "world"]

CART, ORDERED = "shopify.abandoned_cart.created", "ionflux.shopify.order.created"
RESCUE: dict[str, Any] = {
    "name": "Cart rescue",
    "trigger": {"event": CART, "filter": {"cart_value_gt": 100}},
    "signals": [
        {"name": "bought", "event": ORDERED},
        {"name": "replied", "event": "ionflux.whatsapp.message.received", "customer": "from", "ends": False},
    ],
    "steps": [
        {"id": "first", "name": "First word", "action": "trigger_agent", "config": {"agent": "writer",
         "inputs": {"value": "{{ customer.email }} {{ cart_value }}"}}},
        {"id": "second", "name": "Second word", "delay_seconds": 86_400, "action": "trigger_agent",
         "config": {"agent": "writer", "inputs": {"value": "again"}},
         "only_if": [{"key": "replied", "operator": "==", "value": False}]},
    ],
}  # fmt: skip


class Shop:
    """A world with one playbook whose steps write down what they were asked."""

    def __init__(self, world: World, draft: dict[str, Any]) -> None:
        self.world, self.said = world, list[str]()
        world.agent("writer", self._write)
        self.app, self.ws = world.started(), world.workspace
        self.playbook: Playbook = self.app.playbooks.create(self.ws, draft)

    def _write(self, _: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        self.said.append(inputs["value"])
        return {"result": "written"}

    def tell(self, type: str, **payload: Any) -> None:
        """Publish an event."""
        self.app.events.publish(self.ws, type, payload, source="test")

    def executions(self, *statuses: str) -> list[Execution]:
        """The executions, oldest first, once there is one for each status, and each has it."""

        def found() -> list[Execution]:
            return self.app.playbook_figures.executions(self.ws, self.playbook.id)[::-1]

        wait_for(lambda: [each.status for each in found()] == list(statuses), shown=found)
        return found()

    def reached(self, execution: Execution, **states: str) -> None:
        """Wait until the steps of an execution stand so."""

        def path() -> dict[str, str]:
            whole = self.app.playbook_figures.execution(self.ws, self.playbook.id, execution.run_id)
            return {step.step_id: step.state for step in whole.path}

        wait_for(lambda: path() == states, shown=path)

    def path_names(self, execution: Execution) -> list[str]:
        """The steps an execution came to, by name."""
        whole = self.app.playbook_figures.execution(self.ws, self.playbook.id, execution.run_id)
        return [step.name for step in whole.path]

    def path_notes(self, execution: Execution) -> list[str]:
        """What is said of the steps an execution came to."""
        whole = self.app.playbook_figures.execution(self.ws, self.playbook.id, execution.run_id)
        return [step.note for step in whole.path]

    def figures(self) -> Any:
        """What came of the playbook."""
        return self.app.playbook_figures.performance(self.ws, self.playbook.id)


ANA = {"customer": {"email": "Ana@example.com"}}


def test_a_purchase_ends_it_and_a_restart_between_changes_nothing(world: World) -> None:
    clock = Clock()
    shop = Shop(world, RESCUE)
    shop.tell(CART, cart_value=500, **ANA)
    shop.playbook = shop.app.playbooks.activate(shop.ws, shop.playbook.id)
    shop.tell(CART, cart_value=50, **ANA)
    shop.tell(CART, cart_value=120, **ANA)
    (execution,) = shop.executions("waiting")
    shop.reached(execution, first="done", second="waiting")
    assert shop.said == ["Ana@example.com 120"] and execution.customer == "ana@example.com"
    assert "has come in since" in shop.figures().not_computed["conversion_rate"]
    shop.app.stop()
    shop.app = world.application().start()
    clock.forward(hours=2)
    shop.tell(ORDERED, customer={"email": "ben@example.com"})
    shop.tell(ORDERED, **ANA)
    clock.forward(hours=23)
    shop.executions("success")
    shop.reached(execution, first="done", second="passed_over")
    figures = shop.figures()
    assert (figures.total_triggered, figures.total_completed, figures.conversion_rate) == (1, 1, 1.0)
    assert shop.said == ["Ana@example.com 120"]


def test_who_answers_is_not_written_to_again_and_who_is_silent_is(small_world: World) -> None:
    clock = Clock()
    shop = Shop(small_world, RESCUE)
    shop.playbook = shop.app.playbooks.activate(shop.ws, shop.playbook.id)
    shop.tell(CART, cart_value=120, **ANA)
    shop.tell(CART, cart_value=130, customer={"email": "ben@example.com"})
    ana, ben = shop.executions("waiting", "waiting")
    for each in (ana, ben):
        shop.reached(each, first="done", second="waiting")
    clock.forward(hours=1)
    shop.tell("ionflux.whatsapp.message.received", **{"from": "ben@example.com"})
    clock.forward(hours=24)
    shop.executions("success", "success")
    shop.reached(ana, first="done", second="done")
    shop.reached(ben, first="done", second="passed_over")
    assert shop.said[2:] == ["again"]


def test_what_is_saved_does_not_touch_who_is_under_way(small_world: World) -> None:
    clock = Clock()
    waits = [{"id": "later", "name": "Later", "delay_seconds": 3_600, "action": "trigger_agent",
              "config": {"agent": "writer", "inputs": {"value": "old"}}}]  # fmt: skip
    draft = {
        "name": "Later",
        "trigger": {"event": CART},
        "steps": waits,
        "signals": [{"name": "won", "event": ORDERED}],
    }
    shop = Shop(small_world, draft)
    shop.playbook = shop.app.playbooks.activate(shop.ws, shop.playbook.id)
    shop.tell(CART, **ANA)
    (first,) = shop.executions("waiting")
    newer = [{**waits[0], "config": {"agent": "writer", "inputs": {"value": "new"}}}]
    shop.playbook = shop.app.playbooks.save(shop.ws, shop.playbook.id, {**draft, "steps": newer}, expected=1)
    shop.tell(CART, customer={"email": "ben@example.com"})
    shop.executions("waiting", "waiting")
    shop.app.playbooks.pause(shop.ws, shop.playbook.id)
    shop.tell(CART, customer={"email": "eve@example.com"})
    clock.forward(hours=2)
    shop.executions("success", "success")
    assert sorted(shop.said) == ["new", "old"]
    assert shop.path_names(first) == ["Later"]
    with pytest.raises(Conflict):
        shop.app.playbooks.pause(shop.ws, shop.playbook.id)
    shop.playbook = shop.app.playbooks.activate(shop.ws, shop.playbook.id)
    shop.tell(CART, customer={"email": "zoe@example.com"})
    last = shop.executions("success", "success", "waiting")[-1]
    clock.forward(minutes=1)
    shop.tell(ORDERED, customer={"email": "zoe@example.com"})
    shop.reached(last, later="passed_over")
    assert shop.path_notes(last) == [f"{ORDERED} came"]
    figures = shop.figures()
    assert (figures.total_triggered, figures.converted, figures.counted) == (3, 1, 3)


def test_a_flow_that_was_stopped_says_so_and_a_rehearsal_waits_for_nothing(small_world: World) -> None:
    shop = Shop(small_world, RESCUE)
    run_id = shop.app.playbooks.rehearse(shop.ws, shop.playbook, {**ANA, "cart_value": 7}, by="Ada")
    small_world.until(run_id, "success")
    assert shop.said == ["Ana@example.com 7", "again"] and shop.figures().total_triggered == 0
    shop.playbook = shop.app.playbooks.activate(shop.ws, shop.playbook.id)
    assert shop.app.playbooks.stopped(shop.playbook) == "" and shop.playbook.flow_id
    shop.app.agents.set_status(shop.ws, shop.playbook.flow_id, "error_requires_review")
    assert "error requires review" in shop.app.playbooks.stopped(shop.playbook)


def test_a_mail_waits_for_a_yes_and_goes_out_once(small_world: World) -> None:
    words = {"subject": "Hello {{ customer.first_name | default('you') }}", "body": "Your cart of {{ cart_value }}."}
    step = {"id": "mail", "name": "Mail", "action": "send_email", "config": words}
    shop = Shop(small_world, {"name": "Mail", "trigger": {"event": CART}, "steps": [step]})
    shop.app.policies.set_channel(shop.ws, "email", {"dry_run": False, "options": {"transport": "folder"}})
    shop.playbook = shop.app.playbooks.activate(shop.ws, shop.playbook.id)
    shop.tell(CART, cart_value=90, **ANA)
    (execution,) = shop.executions("awaiting_approval")
    shop.reached(execution, mail="waiting")
    (question,) = shop.app.approvals.pending(shop.ws)
    shop.app.approvals.decide(shop.ws, question.id, approved=True, by="Ada")
    shop.executions("success")
    shop.reached(execution, mail="done")
    (mail,) = [row for row in small_world.rows("outbox") if row.status == "sent"]
    assert (mail.target, mail.payload["subject"], mail.payload["text"]) == (
        "Ana@example.com", "Hello you", "Your cart of 90."
    )  # fmt: skip
