"""The settings of a block as a form made from its kind, with the names it can read and the links it can hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import streamlit as st

from ionflux_core.domain.canvas import CanvasBlock
from ionflux_core.errors import Conflict, Invalid, IonfluxError
from ionflux_core.limits import PAGE_ROWS
from ionflux_core.services.block_fields import BlockField, fields, kind_title
from ionflux_ui.canvas_choices import Choices
from ionflux_ui.canvas_desk import author
from ionflux_ui.canvas_fields import draw, held, key_of, put, read, stored
from ionflux_ui.errors import show_error
from ionflux_ui.plain import escaped
from ionflux_ui.session import application, open_page

_ANSWER: Final = "cw-answer"
_PAGES: Final = {
    "page": "canvas?page",
    "agent": "agents?instance",
    "brand": "brands?brand",
    "creator": "brands?creator",
}


def configure(workspace_id: str, block_id: str, done: Callable[..., None]) -> None:
    """Draw the form of a block; `done` is called when it was saved."""
    answer = st.session_state.get(_ANSWER, {})
    if answer.get("saved"):
        done()
    canvas = application().canvas
    try:
        block = canvas.block(workspace_id, block_id)
        page = canvas.page(workspace_id, block.page_id)
        known = fields(block.type)
    except IonfluxError as error:
        show_error(error)
        return
    # The content as it was when the form was opened: who edits the block elsewhere meanwhile must be told.
    first: CanvasBlock = st.session_state.setdefault(f"cw-{block_id}-first", block)
    for field in known:
        put(field, key_of(block_id, field.name), first.content.get(field.name))
    values = {each.name: held(each, key_of(block_id, each.name), first.content.get(each.name)) for each in known}
    choices = Choices(workspace_id, page, first, values)
    shown = [field for field in known if _matters(field, values)]
    st.caption(f"{kind_title(block.type)} block `{block.name}`")
    for field in shown:
        draw(field, key_of(block_id, field.name), first.content.get(field.name), choices,
             answer.get("problems", {}).get(field.name, ""))  # fmt: skip
    has_agent = any(field.widget == "instance" for field in shown)
    if has_agent and st.button("Make a new agent", icon=":material/storefront:", type="tertiary"):
        open_page("marketplace")
    _help(choices, block)
    _answer(answer)
    with st.container(horizontal=True):
        arguments = (first, known, choices)
        st.button("Save", type="primary", key="cw-save", on_click=_save, args=(*arguments, first.revision))
        if answer.get("current"):
            st.button("Save mine in place of theirs", key="cw-save-anyway", on_click=_save,
                      args=(*arguments, answer["current"]))  # fmt: skip


def _matters(field: BlockField, values: Mapping[str, Any]) -> bool:
    return all(values.get(name) in wanted for name, wanted in field.when.items())


def _answer(answer: Mapping[str, Any]) -> None:
    if answer.get("problems"):
        st.markdown(":red[:small[:material/error: Look again at the fields above. Nothing was saved.]]")
    if answer.get("error"):
        show_error(answer["error"])


def _save(first: CanvasBlock, known: Sequence[BlockField], choices: Choices, revision: int) -> None:
    """Save what was typed, or keep for the form what is wrong with it; called before the form is drawn again."""
    answer: dict[str, Any] = {"problems": {}, "error": None, "current": None, "saved": False}
    st.session_state[_ANSWER] = answer
    try:
        content = dict(_read(first, known, choices, answer["problems"]))
        if answer["problems"]:
            return
        content = {**first.content, **{key: stored(first.workspace_id, value) for key, value in content.items()}}
        application().canvas.save_block(first.workspace_id, first.id, revision=revision, content=content, by=author())
        answer["saved"] = True
    except Conflict as error:
        answer["error"] = error
        current = error.details.get("current")
        answer["current"] = current.get("revision") if isinstance(current, Mapping) else None
    except Invalid as error:
        names = {field.name for field in known}
        found = {each.path.partition(".")[0]: str(each) for each in error.problems}
        answer["problems"] = {name: said for name, said in found.items() if name in names}
        answer["error"] = None if answer["problems"] else error
    except IonfluxError as error:
        answer["error"] = error


def _read(
    first: CanvasBlock, known: Sequence[BlockField], choices: Choices, problems: dict[str, str]
) -> Iterator[tuple[str, Any]]:
    for field in known:
        key, value = key_of(first.id, field.name), first.content.get(field.name)
        # A field that does not matter now was not drawn, and keeps what is stored of it.
        if not _matters(field, {each.name: st.session_state.get(key_of(first.id, each.name)) for each in known}):
            yield field.name, value
            continue
        reading = read(field, key, value, choices)
        if reading.problem:
            problems[field.name] = reading.problem
        yield field.name, reading.value


def _help(choices: Choices, block: CanvasBlock) -> None:
    """What can be put into the texts of a block: other blocks' outputs, and links to what has a page of its own."""
    others = choices.blocks()
    with st.expander("Read another block, or link to something"):
        if others:
            name = st.selectbox("Another block", list(others), index=None, key="cw-read", placeholder="Choose a block",
                                format_func=lambda each: others[each])  # fmt: skip
            if name:
                st.code("{{ blocks." + name + ".output }}", language=None)
        links = _links(choices.workspace_id)
        chosen = st.selectbox("A page, agent, brand or creator", list(links), index=None, key="cw-link",
                              placeholder="Choose what to link to")  # fmt: skip
        if chosen:
            st.code(links[chosen], language=None, wrap_lines=True)
        st.caption("Copy the line into a text. What is put in from another block is data and is never read again.")


def _links(workspace_id: str) -> dict[str, str]:
    """Links by what they are called; each is plain Markdown that leads to a page of this workspace."""
    found = application().chat.mentionable(workspace_id, limit=PAGE_ROWS)
    return {
        f"{each.name} ({each.kind})": link_to(each.kind, each.id, each.name) for each in found if each.kind in _PAGES
    }


def link_to(kind: str, id: str, name: str) -> str:
    """A mention in a text: a link to a page, an agent, a brand or a creator."""
    return f"[{escaped(name)}]({_PAGES[kind]}={id})"
