"""One chart in a window of its own: zoom it, leave series out, take it away as a picture or as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import streamlit as st

from ionflux_core.services.table_files import as_csv, as_parquet
from ionflux_ui.chart_board import ChartMark, large_figure
from ionflux_ui.charts import Chart

_FOLDER: Final = Path(__file__).parent / "components"
_CONFIG: Final = {"displaylogo": False, "showTips": False}
_HEIGHT: Final = 460

_picture = st.components.v2.component(
    "ionflux_chart_picture",
    js=(_FOLDER / "chart_picture.js").read_text(encoding="utf-8"),
    css=(_FOLDER / "chart_picture.css").read_text(encoding="utf-8"),
)


def enlarge(chart: Chart, *, marks: Sequence[ChartMark], words: str) -> None:
    """Open the window; `words` say of which workspace, days and filters the chart is, and stand on the picture."""

    @st.dialog(chart["title"], width="large")
    def window() -> None:
        st.caption(chart["help"])
        # Plotly's own picture is larger than the screen; its name is that of the chart.
        picture = {"format": "png", "scale": 2, "filename": chart["key"]}
        config = {**_CONFIG, "toImageButtonOptions": picture}
        figure = large_figure(chart, marks)
        st.plotly_chart(figure, theme=None, config=config, key=f"large-{chart['key']}", height=_HEIGHT)
        with st.container(horizontal=True, vertical_alignment="center"):
            _picture(key=f"picture-{chart['key']}", data={"chart": chart, "words": words}, width="content")
            _download("CSV", f"{chart['key']}.csv", lambda: as_csv(*table_of(chart)))
            _download("Parquet", f"{chart['key']}.parquet", lambda: as_parquet(*table_of(chart)))

    window()


def table_of(chart: Chart) -> tuple[list[str], list[list[Any]]]:
    """The chart's figures as names of columns and rows, days as ISO dates."""
    first = chart["full"] if chart["kind"] == "rows" else chart["keys"]
    columns = [one["values"] for one in chart["series"]]
    names = ["name" if chart["kind"] == "rows" else "day", *(one["name"] for one in chart["series"])]
    if chart["before"]:
        columns.append(chart["before"]["values"])
        names.append(chart["before"]["name"])
    return names, [[label, *(values[at] for values in columns)] for at, label in enumerate(first)]


def _download(label: str, name: str, data: Callable[[], bytes]) -> None:
    # Nothing is made before somebody wants it.
    st.download_button(label, data, name, key=f"large-{label}", icon=":material/download:", on_click="ignore")
