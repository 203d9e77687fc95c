"""Commands around people's answers: approvals and the outbox."""

from __future__ import annotations

from typing import Annotated, TypeVar

import typer

from ionflux_core import limits
from ionflux_core.cli.common import JsonOption, WorkspaceOption, opened, say, say_json, say_table, workspace_id
from ionflux_core.cli.work import from_json_or_invalid
from ionflux_core.domain.effects import EFFECT_ACTIONS, EFFECT_STATUSES, EffectFilter
from ionflux_core.errors import Invalid

_BY = "command line"
Word = TypeVar("Word", bound=str)
LimitOption = Annotated[int, typer.Option(min=1, max=limits.PAGE_ROWS, help="Rows at most.")]


def approvals(
    approval_id: Annotated[str | None, typer.Argument(metavar="ID", help="The question to answer.")] = None,
    approve: Annotated[bool, typer.Option("--approve", help="Say yes to it.")] = False,
    deny: Annotated[bool, typer.Option("--deny", help="Say no to it.")] = False,
    edit: Annotated[
        list[str] | None, typer.Option("--edit", metavar="KEY=JSON", help="Change a field of the draft first.")
    ] = None,
    comment: Annotated[str | None, typer.Option(help="Kept with the answer.")] = None,
    decided: Annotated[bool, typer.Option("--decided", help="List what has been answered.")] = False,
    limit: LimitOption = 20,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the questions agents ask, the most urgent first; or answer one with --approve or --deny."""
    with opened() as application:
        where, service = workspace_id(application, workspace), application.approvals
        if approval_id is None:
            found = service.find(where, view="decided" if decided else "open", limit=limit).approvals
        elif approve == deny:
            found = [service.get(where, approval_id)]
        else:
            edits = dict(_edit(text) for text in edit or [])
            service.decide(where, approval_id, approved=approve, by=_BY, comment=comment, edits=edits)
            found = [service.get(where, approval_id)]
    if as_json:
        say_json(found)
        return
    rows = [("ID", "URGENCY", "STATUS", "AGENT", "ASKED (UTC)", "QUESTION")]
    rows += [
        (
            each.id,
            each.urgency,
            each.status.replace("_", " "),
            each.instance_name or each.definition_slug,
            f"{each.created_at:%Y-%m-%d %H:%M:%S}",
            " ".join(each.title.split()),
        )
        for each in found
    ]
    say_table(rows, empty="Nothing waits for an answer.")


def outbox(
    effect_id: Annotated[str | None, typer.Argument(metavar="ID", help="The effect to look at or to settle.")] = None,
    action: Annotated[
        str | None, typer.Option(help=f"What becomes of an uncertain one: {', '.join(EFFECT_ACTIONS)}.")
    ] = None,
    status: Annotated[str | None, typer.Option(help=f"Only these: {', '.join(EFFECT_STATUSES)}.")] = None,
    comment: Annotated[str, typer.Option(help="Kept with the answer.")] = "",
    limit: LimitOption = 20,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what was, would be or may have been sent; or settle what nobody knows with --action."""
    with opened() as application:
        where, service = workspace_id(application, workspace), application.outbox
        if effect_id is not None:
            if action is not None:
                chosen = _chosen(action, EFFECT_ACTIONS, "action")
                service.act(where, effect_id, chosen, by=_BY, comment=comment)
            say_json(service.get(where, effect_id))
            return
        narrow = EffectFilter(status=_chosen(status, EFFECT_STATUSES, "status") if status else None)
        found = service.find(where, narrow, limit=limit).effects
    if as_json:
        say_json(found)
        return
    rows = [("ID", "STATUS", "CHANNEL", "TARGET", "AGENT", "SUMMARY")]
    rows += [
        (each.id, each.status.replace("_", " "), each.kind, each.target, each.instance_name or each.definition_slug,
         " ".join(each.summary.split()))
        for each in found
    ]  # fmt: skip
    say_table(rows, empty="Nothing was sent, and nothing would have been.")
    if any(each.status == "uncertain" for each in found):
        say("Settle an uncertain one with: ionflux outbox ID --action sent")


def _edit(text: str) -> tuple[str, object]:
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise Invalid(f"{text!r} edits nothing.", hint="Write --edit 'KEY=JSON', such as --edit 'discount=10'.")
    return key, from_json_or_invalid(value.encode())


def _chosen(word: str, known: tuple[Word, ...], what: str) -> Word:
    for each in known:
        if each == word:
            return each
    raise Invalid(f"There is no {what} {word!r}.", hint=f"Choose one of: {', '.join(known)}.")
