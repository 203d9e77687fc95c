"""A new flow: an empty one that says hello, one of the blueprints, or a YAML text that was pasted or imported."""

from __future__ import annotations

import re
from typing import Final

import streamlit as st

from ionflux_core import limits
from ionflux_core.errors import Invalid, IonfluxError
from ionflux_core.yaml_text import inline
from ionflux_ui.agent_words import BY
from ionflux_ui.editor import yaml_editor
from ionflux_ui.errors import show_error
from ionflux_ui.flow_words import EMPTY
from ionflux_ui.plain import counted
from ionflux_ui.session import application, flash, open_page, page_link, workspace, workspace_id

_KEY: Final = "flow-new-yaml"
_PIXELS: Final = 420


def show_new(way: str) -> None:
    """Draw the page that makes a flow; `way` is `import` for a text there is already."""
    page_link("flows", "All flows", icon=":material/arrow_back:")
    st.title("New flow", anchor=False)
    st.caption("Begin with one step and draw the rest, begin with a blueprint, or bring a text you have.")
    if way == "import":
        _show_import()
    else:
        _show_empty()


def _show_empty() -> None:
    blueprints = {each.name: each for each in application().blueprints.find()}
    chosen = st.selectbox(
        "Begin with", list(blueprints), index=None, key="flow-new-blueprint",
        format_func=lambda name: blueprints[name].title, placeholder="one step that says hello",
    )  # fmt: skip
    if chosen:
        st.text(blueprints[chosen].description)
    title = "" if chosen else st.text_input(
        "Title", key="flow-new-title", max_chars=limits.NAME_CHARS, placeholder="such as Order guard"
    )  # fmt: skip
    name = _free(chosen or _name_of(title or ""))
    brands = {brand.id: brand.name for brand in application().workspaces.brands(workspace_id())}
    brand_id = st.selectbox(
        "Brand", list(brands), index=None, key="flow-new-brand",
        format_func=lambda brand_id: brands.get(brand_id, brand_id),
        placeholder="none" if brands else "no brands yet", disabled=not brands,
        help="Its figures are counted for the brand, and templates may read the brand.",
    )  # fmt: skip
    st.caption(
        f"Its name will be `{name}`." if chosen else f"Its name will be `{name}`. It starts by hand and says hello."
    )
    with st.container(horizontal=True):
        if st.button("Create", type="primary", icon=":material/add:", key="flow-create"):
            empty = EMPTY.format(name=name, title=inline((title or "").strip() or "New flow"))
            _create(application().blueprints.text(chosen, called=name) if chosen else empty, brand_id)
        if st.button("Bring a YAML text instead", icon=":material/upload_file:", key="flow-to-import"):
            open_page("flows", new="import")


def _show_import() -> None:
    file = st.file_uploader("A flow as a YAML file", type=["yaml", "yml"], key="flow-file",
                            max_upload_size=1, help="At most 256 KiB. Older spellings are read, too.")  # fmt: skip
    text, revision = "", 0
    if file is not None:
        try:
            text, revision = _read(file.getvalue()), abs(hash(file.file_id)) % 1_000_000 + 1
        except IonfluxError as error:
            show_error(error)
    _show_text(text, revision)


@st.fragment
def _show_text(text: str, revision: int) -> None:
    written = yaml_editor(
        text, key=_KEY, schema=application().flows.schema(), problems=None, height=_PIXELS, revision=revision,
        label="The flow as YAML",
    ).text  # fmt: skip
    if not written.strip():
        st.caption("Choose a file, or paste the text here.")
        return
    problems = application().flows.validate(workspace_id(), written)
    for problem in problems[:20]:
        st.text(f"• {problem} {problem.hint}")
    if problems:
        st.markdown(f":red[:material/error: {counted(len(problems), 'problem')}]")
    if st.button("Create", type="primary", icon=":material/add:", key="flow-create", disabled=bool(problems)):
        _create(written, None)


def _read(data: bytes) -> str:
    if len(data) > limits.FLOW_BYTES:
        raise Invalid("This file is larger than 256 KiB.", hint="Split it into flows that call each other.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid("This file is no text in UTF-8.", hint="Save it as UTF-8 and choose it again.") from error


def _create(text: str, brand_id: str | None) -> None:
    try:
        flow = application().flows.create(workspace().id, text, brand_id=brand_id, by=BY)
    except IonfluxError as error:
        show_error(error)
        return
    flash(f"{flow.name} is ready.")
    open_page("flows", flow=flow.id)


def _name_of(title: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "_", title.casefold()).strip("_")[:50]
    return words if words[:1].isalpha() else f"flow_{words}".rstrip("_")


def _free(wished: str) -> str:
    taken = {flow.name for flow in application().flows.find(workspace_id(), archived=True)}
    candidates = (wished if number == 1 else f"{wished}_{number}" for number in range(1, len(taken) + 2))
    return next(name for name in candidates if name not in taken)
