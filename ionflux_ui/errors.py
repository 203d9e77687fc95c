"""How an error is shown: one kind sentence, what to do next, and the trace behind a fold."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from ionflux_core.errors import Invalid, IonfluxError
from ionflux_core.redaction import Redactor

log = logging.getLogger(__name__)


def show_error(error: Exception) -> None:
    """Show an error where the page stands; text from data is shown as text, not as markup."""
    if isinstance(error, IonfluxError):
        with st.container(border=True):
            st.markdown(":red[:material/error:] **That did not work**")
            st.text(error.message)
            if isinstance(error, Invalid):
                for problem in error.problems[:20]:
                    st.text(f"• {problem}" + (f" ({problem.path})" if problem.path and not problem.line else ""))
            if error.hint:
                st.text(f"What to do: {error.hint}")
        return
    log.error("a page met an unexpected error", exc_info=error)
    with st.container(border=True):
        st.markdown(":red[:material/error:] **Something unexpected happened on this page**")
        st.text("Nothing you saved is lost. Reload the page; if it happens again, the details below help to find it.")
        with st.expander("Details"):
            trace = "".join(traceback.format_exception(error))
            st.code(Redactor().text(trace)[-6000:], language=None)


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show what goes wrong inside, and go on with the page behind it."""
    try:
        yield
    except IonfluxError as error:
        show_error(error)
