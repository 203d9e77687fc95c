"""What commands share: the application they look at, the workspace they mean, and how they say things."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from pydantic_core import to_json

from ionflux_core.application import Application
from ionflux_core.errors import NotFound
from ionflux_core.logs import configure_logging
from ionflux_core.settings import load_settings

WorkspaceOption = Annotated[
    str | None, typer.Option("--workspace", "-w", help="Name or id of the workspace; the first one without it.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer with JSON.")]


@contextmanager
def opened(*, at_work: bool = False) -> Iterator[Application]:
    """The application of the settings, open for looking and starting; `at_work` also executes runs."""
    settings = load_settings(scheduler=False) if at_work else load_settings()
    configure_logging(settings)
    # A command says what came of it; the log is for what goes wrong.
    logging.getLogger().setLevel(logging.WARNING)
    application = Application(settings)
    try:
        yield application.start() if at_work else application.open()
    finally:
        application.stop()


def workspace_id(application: Application, wanted: str | None) -> str:
    """The id of the workspace that is meant; the first start makes one."""
    known = application.workspaces.all()
    if not known and not wanted:
        return application.workspaces.create("My workspace").id
    for workspace in known:
        if not wanted or wanted == workspace.id or wanted.casefold() == workspace.name.casefold():
            return workspace.id
    raise NotFound(
        f"There is no workspace {wanted!r}.", hint=f"There are: {', '.join(each.name for each in known) or 'none'}."
    )


def say(text: str = "") -> None:
    """One line for a person."""
    typer.echo(text)


def say_json(value: Any) -> None:
    """A value for a program."""
    typer.echo(to_json(value, indent=2).decode())


def say_table(rows: Sequence[tuple[str, ...]], *, empty: str) -> None:
    """Rows in columns, the first being the heading; a sentence when there are none."""
    if len(rows) < 2:
        say(empty)
        return
    widths = [min(48, max(len(row[column]) for row in rows)) for column in range(len(rows[0]))]
    for row in rows:
        cells = (f"{cell[:width]:<{width}}" for cell, width in zip(row, widths, strict=True))
        say("  ".join(cells).rstrip())
