"""A question of an agent to a person, answered on the page: one by its id, or the oldest that is open."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ionflux_core.blocks.base import BlockKind, Content, Surroundings
from ionflux_core.blocks.shown import cell, cut_text
from ionflux_core.domain.canvas import CanvasBlock, Place

_STATUSES = {
    "pending": ("Open", "orange"),
    "approved": ("Approved", "green"),
    "denied": ("Denied", "red"),
    "timed_out": ("Timed out", "gray"),
    "withdrawn": ("Withdrawn", "gray"),
}
_FIELDS = 30


class ApprovalContent(Content):
    """Which question: one by its id, or the oldest open one of an agent; with neither, of the workspace."""

    title_text: str = Field("", max_length=200, title="Title")
    approval_id: str | None = Field(None, max_length=64, title="Question", json_schema_extra={"widget": "approval"})
    agent_configuration_id: str | None = Field(
        None, max_length=64, title="Questions of this agent", json_schema_extra={"widget": "instance"}
    )


class ApprovalBlock(BlockKind[ApprovalContent]):
    """A question with its buttons."""

    type = "approval"
    title = "Approval"
    hint = "An open question of an agent, answered here"
    icon = "front_hand"
    order = 55
    size = Place(width=6, height=5)
    model = ApprovalContent

    def view(self, content: ApprovalContent, block: CanvasBlock, here: Surroundings) -> dict[str, Any]:
        """{state, note, question, waiting, links}; `question` has title, body, fields, urgency, status, who decided."""
        if content.approval_id:
            asked, waiting = here.approval(content.approval_id), 0
            missing = "This question is not there any more."
        else:
            asked, waiting = here.oldest_question(content.agent_configuration_id)
            missing = "Nothing waits for an answer."
        links = {"run": None, "approvals": {"page": "approvals", "parameters": {}}}
        if asked is None:
            state = "missing" if content.approval_id else "none"
            return {"state": state, "note": missing, "question": None, "waiting": waiting, "links": links}
        word, tone = _STATUSES.get(asked["status"], (asked["status"], "gray"))
        names = (
            "id", "title", "urgency", "agent", "status", "created_at", "expires_at", "decided_by", "decided_at",
            "comment", "run_id",
        )  # fmt: skip
        fields = [{"key": key, "text": str(cell(value))} for key, value in list(asked["data"].items())[:_FIELDS]]
        question = {name: asked[name] for name in names}
        question |= {"body": cut_text(asked["body"])[0], "word": word, "tone": tone, "fields": fields}
        links["run"] = {"page": "runs", "parameters": {"run": asked["run_id"]}}
        state = "open" if asked["status"] == "pending" else "decided"
        return {"state": state, "note": "", "question": question, "waiting": waiting, "links": links}

    def output(self, content: ApprovalContent, block: CanvasBlock, here: Surroundings) -> Any:
        """The question's status: pending, approved, denied, timed_out, withdrawn, or none."""
        if content.approval_id:
            asked = here.approval(content.approval_id)
        else:
            asked, _ = here.oldest_question(content.agent_configuration_id)
        return asked["status"] if asked else "none"

    def markdown(self, content: ApprovalContent, block: CanvasBlock, here: Surroundings) -> str:
        """The question and how it was answered."""
        view = self.view(content, block, here)
        asked = view["question"]
        if asked is None:
            return f"_{view['note']}_"
        by = f" by {asked['decided_by']}" if asked["decided_by"] else ""
        return f"**{asked['title']}** ({asked['word'].lower()}{by})\n\n{asked['body']}"


def make() -> ApprovalBlock:
    """The kind."""
    return ApprovalBlock()
