"""Commands around the house: data, keys, tokens, health, new agents."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from ionflux_core import limits
from ionflux_core.catalog.scaffold import scaffold
from ionflux_core.catalog.transform_scaffold import scaffold_transform
from ionflux_core.cli.common import JsonOption, WorkspaceOption, opened, say, say_json, workspace_id
from ionflux_core.cli.server import check_port, url_of
from ionflux_core.errors import Conflict, Invalid, IonfluxError, NotFound, Unavailable
from ionflux_core.services.backups import Backups
from ionflux_core.services.exports import Exports
from ionflux_core.services.health import Check, Health
from ionflux_core.services.tokens import Role
from ionflux_core.settings import ROOT, Settings, load_settings

_PAGE = '''\
"""{title}: say in one line what a person does here."""

import streamlit as st

from ionflux_ui.session import workspace

st.title("{title}")
st.caption("Say in one sentence what this page is for.")
st.text(f"Nothing is here yet for {{workspace().name}}.")
'''
_MARKS = {"ok": "ok     ", "warning": "warning", "error": "ERROR  "}


def migrate() -> None:
    """Bring the database to today's tables."""
    with opened():
        say("The database is up to date.")


def doctor(as_json: JsonOption = False) -> None:
    """Look at everything IONFLUX needs; keys are checked, never shown."""
    with opened() as application:
        # What a server's own threads do cannot be seen from here.
        checks = [check for check in Health(application).checks() if check.name not in ("worker", "bus")]
        checks.append(_port(application.settings))
    if as_json:
        say_json(checks)
    else:
        for check in checks:
            say(f"{_MARKS[check.status]} {check.title}: {check.message}")
            if check.hint:
                say(f"        {check.hint}")
    if any(check.status == "error" for check in checks):
        raise typer.Exit(1)


def _port(settings: Settings) -> Check:
    try:
        check_port(settings)
    except IonfluxError as error:
        return Check("port", "Port", "warning", error.message, error.hint)
    return Check("port", "Port", "ok", f"{url_of(settings)} is free.")


def reset_demo(days: Annotated[int, typer.Option(min=1, max=365, help="Days of history.")] = 60) -> None:
    """Build the demo workspace anew; everything in it is lost, other workspaces stay."""
    with opened() as application:
        say("The agents work through the days of the demo shop; this takes a while.")
        workspace = application.demo.build(days=days)
        say(f"{workspace.name} is ready.")


def export(
    file: Annotated[Path, typer.Argument(help="Where to write; - for stdout.")], workspace: WorkspaceOption = None
) -> None:
    """Write a workspace's configuration to a file: settings, brands, instances; of secrets only the names."""
    with opened() as application:
        exports = Exports(application.db, application.workspaces, application.agents, application.secrets)
        text = exports.export(workspace_id(application, workspace))
    if str(file) == "-":
        say(text)
        return
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError as error:
        raise Conflict(f"{file} exists already.", hint="Choose another name.") from error
    except OSError as error:
        raise Unavailable(f"{file} cannot be written: {error.strerror}.", hint="Check the path.") from error
    say(f"Written to {file}.")


def bring_in(
    file: Annotated[Path, typer.Argument(help="A file that `ionflux export` wrote.")],
    name: Annotated[str | None, typer.Option(help="Name of the new workspace, instead of the one in the file.")] = None,
) -> None:
    """Make a workspace from an exported file; all of it or nothing."""
    try:
        with file.open("rb") as source:
            text = source.read(limits.UPLOAD_BYTES + 1)
    except OSError as error:
        raise NotFound(f"{file} cannot be read: {error.strerror}.", hint="Check the path.") from error
    with opened() as application:
        exports = Exports(application.db, application.workspaces, application.agents, application.secrets)
        workspace, secrets = exports.bring_in(text, name=name)
    say(f"{workspace.name} is there.")
    if secrets:
        say(f"Store these secrets in Settings before its agents run: {', '.join(secrets)}.")


def backup(file: Annotated[Path, typer.Argument(help="The zip to write.")]) -> None:
    """Write database and stored files to one zip, also while IONFLUX runs; keys and vector memory are not in it."""
    manifest = Backups(load_settings()).create(file)
    size = sum(each.size for each in manifest.files.values())
    say(f"{len(manifest.files)} files, {size / limits.MIB:.1f} MiB, written to {file}.")
    say("The key of the secrets is not in it: keep a copy of the key file elsewhere.")


def restore(file: Annotated[Path, typer.Argument(help="A zip that `ionflux backup` wrote.")]) -> None:
    """Replace the data by a backup's, while IONFLUX is stopped; the old data is put aside."""
    manifest, aside = Backups(load_settings()).restore(file)
    say(f"Restored the backup of {manifest.created_at:%Y-%m-%d %H:%M} UTC.")
    if aside is not None:
        say(f"The data before is in {aside}; remove it when all is well.")


def create_token(
    name: Annotated[str, typer.Argument(help="What the token is for.")],
    role: Annotated[str, typer.Option(help="owner, editor or viewer.")] = "editor",
    days: Annotated[int, typer.Option(min=0, max=3650, help="Days until it ends; 0 for never.")] = 90,
    workspace: WorkspaceOption = None,
) -> None:
    """Make an API token for a workspace; this is the only time it is shown."""
    roles: dict[str, Role] = {"owner": "owner", "editor": "editor", "viewer": "viewer"}
    if role not in roles:
        raise NotFound(f"There is no role {role!r}.", hint="Choose owner, editor or viewer.")
    with opened() as application:
        where = workspace_id(application, workspace)
        say(application.tokens.create(where, name, role=roles[role], days=days or None))


def rotate_key(
    keep_old: Annotated[
        bool, typer.Option("--keep-old", help="Keep the old key, too, so that older backups can still be opened.")
    ] = False,
) -> None:
    """Make a new key for the secrets and seal all of them with it, also while IONFLUX runs."""
    with opened() as application:
        count = application.secrets.rotate(keep_old=keep_old, by="command line")
    say(f"{count} secrets are sealed with the new key.")
    if not keep_old:
        say("The old key is gone: secrets in older backups have to be entered again after a restore.")


def new_agent(
    name: Annotated[str, typer.Argument(help="Its name; letters, digits and _ become the slug.")],
    kind: Annotated[str, typer.Option(help="Only code so far.")] = "code",
) -> None:
    """Write the folder of a new agent that works and passes the contract test."""
    for path in scaffold(name, load_settings().agents_dir, kind):
        say(str(path))


def new_page(name: Annotated[str, typer.Argument(help="A noun in the plural, such as reports.")]) -> None:
    """Write a new page and say which line of the navigation shows it."""
    noun = re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,39}", noun):
        raise Invalid(f"{name[:40]!r} cannot be a page's name.", hint="Start with a letter; use letters and digits.")
    title, path = noun.replace("_", " ").capitalize(), ROOT / "pages" / f"{noun}.py"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(_PAGE.format(title=title))
    except FileExistsError as error:
        raise Conflict(f"There is a page {noun!r} already.", hint="Choose another name.") from error
    say(str(path))
    say("Show it by this line in ionflux_ui/navigation.py:")
    say(f'    PageEntry("{noun}", "{title}", ":material/article:", "Work"),')


def new_transform(name: Annotated[str, typer.Argument(help="family.name, such as text.shout.")]) -> None:
    """Write a new transform that works, with its test; flows can use it after the next start."""
    for path in scaffold_transform(name, ROOT):
        say(str(path))
    say("Then: make docs")
