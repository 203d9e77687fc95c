"""The demo's page and channels: a campaign plan whose blocks are the demo's own agents and figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ionflux_core.domain.agents import AgentInstance
from ionflux_core.domain.canvas import Place
from ionflux_core.domain.prompts import Prompt
from ionflux_core.domain.runs import RunFilter
from ionflux_core.services.canvas import Canvas
from ionflux_core.services.chat import Chat
from ionflux_core.services.prompts import Prompts
from ionflux_core.services.refreshing import Refreshing
from ionflux_core.services.runs import Runs

PAGE = "Q4 Campaign Planning"

_GOAL = """\
Sell the autumn stock of EcoThreads before Christmas **without giving the margin away**.

- Net margin stays where it was in September, also in the week of the sale.
- Nobody hears of a broken checkout from a customer: the Sentinel says it first.
- Every mail says what a thing is made of and how to mend it.

The figures beside this text come from the agents' own runs. *Run* works out a block anew; what was computed from it
turns stale and can be refreshed in order.
"""
_SUMMARY = """\
**The Sentinel says:** {{ blocks.checkout.output.summary }}

**Net margin:** {{ blocks.net_margin.output }} %

*This text reads the blocks `checkout` and `net_margin`: when their agents have run again, it changes with them.*
"""
_COSTS = """\
SELECT agent, count(*) AS runs, round(sum(cost_usd), 4) AS cost_usd
FROM runs
GROUP BY agent
ORDER BY runs DESC
"""
_BOARD = {
    "columns": [
        {
            "title": "To do",
            "cards": [
                {"title": "Choose the twelve products", "text": "Those with the best net margin first."},
                {"title": "Write the mail for repeat buyers"},
            ],
        },
        {
            "title": "Doing",
            "cards": [{"title": "Check the shipping cost per parcel", "text": "It was entered in spring."}],
        },
        {"title": "Done", "cards": [{"title": "Agree on the budget", "done": True}]},
    ]
}
_PROMPT_VALUES = {
    "product_name": "the linen shirt",
    "key_benefits": "made of one material, mendable, cool in summer",
    "target_audience": "people who buy few clothes and wear them long",
    "call_to_action": "see how it is mended",
}


@dataclass(frozen=True, slots=True)
class _Block:
    name: str
    type: str
    place: Place
    content: dict[str, Any]


class DemoPages:
    """Builds what people see of the demo besides its runs."""

    def __init__(self, canvas: Canvas, refreshing: Refreshing, runs: Runs, chat: Chat, prompts: Prompts) -> None:
        self._canvas = canvas
        self._runs = runs
        self._refreshing = refreshing
        self._chat = chat
        self._prompts = prompts

    def build(self, tracker: AgentInstance, sentinel: AgentInstance) -> None:
        """The page "Q4 Campaign Planning" over the two agents, and a first message in `general`."""
        workspace_id = tracker.workspace_id
        prompts = self._prompts.find(workspace_id, limit=1)
        page = self._canvas.create(workspace_id, PAGE, icon="campaign", by="demo")
        for block in _blocks(tracker, sentinel, prompts[0] if prompts else None):
            made = self._canvas.add_block(
                workspace_id, page.id, block.type, block.content, place=block.place, name=block.name, by="demo"
            )
            if block.type == "sql":
                self._refreshing.run_block(workspace_id, made.id, by="demo")
            if block.type == "agent_snippet":
                self._take_last(workspace_id, made.id, block.content["agent_configuration_id"])
        general = self._chat.ensure_channel(workspace_id, "general")
        self._chat.ensure_channel(workspace_id, "alerts")
        self._chat.post(
            workspace_id,
            general.id,
            text=(
                f"The plan for the last quarter stands on the page **{PAGE}**. Write `/help` to see what can be done "
                f"from here, or `/run_agent {tracker.name}` to have the margins worked out."
            ),
            sender_type="system",
            sender_id="ionflux",
            sender_name="IONFLUX",
            dedup_key="demo:welcome",
        )

    def _take_last(self, workspace_id: str, block_id: str, instance_id: str) -> None:
        """Show what the agent gave last as fresh: nothing has changed since."""
        narrow = RunFilter(instance_id=instance_id, statuses=("success",))
        for run in self._runs.find(workspace_id, narrow, limit=1).runs:
            self._refreshing.take(workspace_id, block_id, self._runs.get(workspace_id, run.id))


def _blocks(tracker: AgentInstance, sentinel: AgentInstance, prompt: Prompt | None) -> Iterator[_Block]:
    yield _Block("goal", "text", Place(x=0, y=0, width=12, height=4), {"title_text": "Goal", "markdown_text": _GOAL})
    tiles = (
        ("net_margin", "Net margin", tracker, "net_margin_pct"),
        ("revenue", "Net revenue", tracker, "net_revenue"),
        ("orders", "Orders", tracker, "orders"),
        ("completion", "Checkout completion", sentinel, "checkout_completion"),
    )
    for number, (name, title, instance, kpi) in enumerate(tiles):
        place = Place(x=3 * number, y=4, width=3, height=3)
        yield _Block(name, "kpi_tile", place, {"title_text": title, **_figure(instance, kpi)})
    yield _agent("margins", tracker, "profitability_digest_markdown", Place(x=0, y=7, width=6, height=7))
    yield _agent("checkout", sentinel, None, Place(x=6, y=7, width=6, height=7))
    chart = {"title_text": "Net revenue by day", "source": "kpi", "kind": "lines", **_figure(tracker, "net_revenue")}
    yield _Block("trend", "chart", Place(x=0, y=14, width=8, height=6), chart)
    summary = {"title_text": "In words", "markdown_text": _SUMMARY}
    yield _Block("summary", "text", Place(x=8, y=14, width=4, height=6), summary)
    board = {"title_text": "Tasks", "json_data_to_display": _BOARD}
    yield _Block("tasks", "kanban_board", Place(x=0, y=20, width=8, height=6), board)
    costs = {"title_text": "What the agents cost", "query": _COSTS}
    yield _Block("costs", "sql", Place(x=8, y=20, width=4, height=6), costs)
    if prompt is not None:
        content = {"title_text": "First draft of the mail", "prompt_id": prompt.id, "values": _PROMPT_VALUES}
        yield _Block("draft", "prompt", Place(x=0, y=26, width=12, height=7), content)


def _figure(instance: AgentInstance, kpi: str) -> dict[str, Any]:
    chosen = {"definition": instance.definition_slug, "agent_configuration_id": instance.id}
    return {**chosen, "kpi": kpi, "days": 30}


def _agent(name: str, instance: AgentInstance, key: str | None, place: Place) -> _Block:
    content = {"agent_configuration_id": instance.id, "agent_last_run_output_key_ref": key}
    return _Block(name, "agent_snippet", place, content)
