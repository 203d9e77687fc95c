"""The answer to a question: as a table, a chart or a pivot, as a file to keep, and how new it is."""

from __future__ import annotations

from functools import partial
from typing import Any, Final, Literal, get_args

import streamlit as st

from ionflux_core.domain.questions import Aggregate, Drawing
from ionflux_core.errors import Invalid, IonfluxError
from ionflux_core.limits import PIVOT_COLUMNS, SQL_EXPORT_ROWS
from ionflux_ui.errors import show_error
from ionflux_ui.explore_chart import CHARTS, guessed, show_chart
from ionflux_ui.explore_keep import page_button
from ionflux_ui.explore_state import Exploring
from ionflux_ui.explore_table import SHORT_ROWS, answer_table, table_of
from ionflux_ui.moments import ago, duration
from ionflux_ui.plain import counted, escaped
from ionflux_ui.session import application, set_parameters

_VIEWS: Final = {"Table": "table", "Chart": "chart", "Pivot": "pivot"}
_AGGREGATES: Final[dict[Aggregate, str]] = {
    "count": "Count", "sum": "Sum", "avg": "Average", "min": "Least", "max": "Greatest", "median": "Median",
}  # fmt: skip
_NOTHING: Final = ""
_FILES: Final[tuple[tuple[Literal["csv", "parquet"], str], ...]] = (
    ("csv", "text/csv"), ("parquet", "application/vnd.apache.parquet"),
)  # fmt: skip


def show_result(kept: Exploring, zone: str) -> None:
    """Draw what came out of the last question, or why nothing did."""
    if kept.error is not None and not (isinstance(kept.error, Invalid) and kept.error.problems):
        show_error(kept.error)
    if kept.answer is None:
        return
    _bar(kept, zone)
    if not kept.answer["rows"]:
        st.caption("No row answers this question.")
        return
    view = view_of(kept.drawing)
    if view == "chart":
        _chart(kept)
    elif view == "pivot":
        _pivot(kept)
    else:
        answer_table(kept, key=f"explore-table-{kept.number}")


def view_of(drawing: Drawing) -> str:
    """Which of the three views a drawing is."""
    return drawing.kind if drawing.kind in ("table", "pivot") else "chart"


def _bar(kept: Exploring, zone: str) -> None:
    answer = kept.answer or {}
    with st.container(horizontal=True, vertical_alignment="center"):
        key, view = f"explore-view-{kept.number}", view_of(kept.drawing)
        st.session_state[key] = next(name for name, each in _VIEWS.items() if each == view)
        st.segmented_control(
            "View", list(_VIEWS), key=key, required=True, label_visibility="collapsed",
            on_change=_choose_view, args=(kept, key),
        )  # fmt: skip
        st.caption(_facts(answer, zone), width="stretch")
        _downloads(kept)
        page_button(kept)
    if kept.text != kept.asked:
        st.caption(":material/edit: The text has changed since; run it to see its answer.")


def _facts(answer: dict[str, Any], zone: str) -> str:
    rows = counted(len(answer["rows"]), "row")
    more = ", there are more" if answer["truncated"] else ""
    fresh = application().questions.freshness()
    read = f", figures read {ago(fresh.as_of, zone)}" if fresh.as_of else ""
    growing = "; older runs are still being read in" if not fresh.complete else ""
    return f"{rows}{more} in {duration(answer['seconds'])}{read}{growing}. Times are UTC."


def _choose_view(kept: Exploring, key: str) -> None:
    view = _VIEWS[st.session_state[key]]
    set_parameters(view=view)
    set_view(kept, view)


def set_view(kept: Exploring, view: str) -> None:
    """Show the answer as a table, a chart (as it was, or as it suits) or a pivot."""
    drawing = kept.drawing
    if view != "chart":
        kept.drawing = drawing.model_copy(update={"kind": view})
    elif view_of(drawing) != "chart" and kept.answer:
        suits = guessed(kept.answer["columns"], kept.answer["rows"])
        known = drawing.x in kept.columns and drawing.y in kept.columns
        if suits and known:
            kept.drawing = drawing.model_copy(update={"kind": suits.kind})
        else:
            kept.drawing = suits or drawing.model_copy(update={"kind": "bar"})


def _downloads(kept: Exploring) -> None:
    questions, asked = application().questions, kept.asked
    with st.popover("Download", icon=":material/download:"):
        st.caption(f"All rows, up to {SQL_EXPORT_ROWS:,}.")
        for kind, media in _FILES:
            st.download_button(
                kind.upper() if kind == "csv" else "Parquet",
                partial(questions.as_file, kept.workspace_id, asked, kind),
                f"answer.{kind}", media, key=f"explore-{kind}-{kept.number}", on_click="ignore", width="stretch",
            )  # fmt: skip


def _chart(kept: Exploring) -> None:
    answer = kept.answer or {}
    if not any(column["type"] == "number" for column in answer["columns"]):
        st.caption("A chart needs a column of numbers; this answer has none.")
        return
    kind, x, y, series = st.columns(4)
    names, drawing, key = kept.columns, kept.drawing, f"explore-chart-{kept.number}"
    chosen = {
        "kind": kind.selectbox(
            "Drawn as", CHARTS, _at(CHARTS, drawing.kind), format_func=str.capitalize, key=f"{key}-k"
        ),
        "x": x.selectbox("Along the axis", names, _at(names, drawing.x), key=f"{key}-x"),
        "y": y.selectbox("Values", names, _at(names, drawing.y), key=f"{key}-y"),
        "series": series.selectbox(
            "One colour for each", [_NOTHING, *names], _at([_NOTHING, *names], drawing.series),
            format_func=lambda name: name or "–", key=f"{key}-s",
        ),
    }  # fmt: skip
    kept.drawing = drawing.model_copy(update=chosen)
    show_chart(kept.drawing, answer["columns"], answer["rows"], key=f"{key}-drawn")


def _pivot(kept: Exploring) -> None:
    names, drawing, key = kept.columns, kept.drawing, f"explore-pivot-{kept.number}"
    if not drawing.rows and not drawing.column:
        drawing = _suiting_pivot(kept)
    rows, column, value, how = st.columns(4)
    columns, aggregates = [_NOTHING, *names], list(get_args(Aggregate))
    chosen = {
        "rows": rows.multiselect("Rows", names, [each for each in drawing.rows if each in names], key=f"{key}-r",
                                 max_selections=5),
        "column": column.selectbox("Columns", columns, _at(columns, drawing.column), key=f"{key}-c",
                                   format_func=lambda name: name or "–"),
        "value": value.selectbox("Values", columns, _at(columns, drawing.value), key=f"{key}-v",
                                 format_func=lambda name: name or "–"),
        "aggregate": how.selectbox("Put together by", aggregates, _at(aggregates, drawing.aggregate), key=f"{key}-a",
                                   format_func=_AGGREGATES.__getitem__),
    }  # fmt: skip
    kept.drawing = drawing.model_copy(update={**chosen, "kind": "pivot"})
    try:
        answer = application().questions.pivot(kept.workspace_id, kept.asked, kept.drawing)
    except IonfluxError as error:
        st.caption(f":material/info: {escaped(str(error))}")
        return
    table_of(answer, key=f"{key}-table", label="Pivot")
    if len(answer["rows"]) > SHORT_ROWS:
        count = f"{len(answer['rows']):,}{' and more' if answer['truncated'] else ''}"
        st.caption(f"The first {SHORT_ROWS} of {count} rows are shown; put it on a page to see them all.")
    if answer["more_columns"]:
        st.caption(f"The first {PIVOT_COLUMNS} columns are shown; all values count in the last one.")


def _suiting_pivot(kept: Exploring) -> Drawing:
    """Words in the rows and columns, the first number in the cells."""
    columns = (kept.answer or {})["columns"]
    words = [column["name"] for column in columns if column["type"] in ("text", "day", "boolean")]
    numbers = [column["name"] for column in columns if column["type"] == "number"]
    return kept.drawing.model_copy(
        update={
            "kind": "pivot",
            "rows": words[:1] or kept.columns[:1],
            "column": words[1] if len(words) > 1 else "",
            "value": numbers[0] if numbers else "",
            "aggregate": "sum" if numbers else "count",
        }
    )


def _at(names: Any, name: str) -> int:
    return list(names).index(name) if name in names else 0
