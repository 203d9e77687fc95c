"""Secrets on the screen: names and where they are used, never a value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import Invalid
from ionflux_ui.errors import errors_shown
from ionflux_ui.moments import ago
from ionflux_ui.plain import counted
from ionflux_ui.run_text import escaped
from ionflux_ui.session import flash

_REFERENCE = re.compile(r"secret://([A-Za-z][A-Za-z0-9_.-]{0,62})")


def draw_secrets(application: Application, workspace: Workspace) -> None:
    """A form that takes a value and never shows it again, and the names there are."""
    st.caption(
        "Keys and passwords, encrypted on this machine. Write secret://name where one is needed; it is opened only for "
        "the call that uses it. A value can be replaced, but never read here."
    )
    stored_at = dict(application.secrets.listed(workspace.id))
    names = list(stored_at)
    with st.form("secret", border=True, clear_on_submit=True):
        left, right = st.columns(2)
        name = left.text_input("Name", placeholder="shopify_webhook_secret", max_chars=63, autocomplete="off")
        value = right.text_input("Value", type="password", autocomplete="new-password")
        stored = st.form_submit_button("Store secret", type="primary", icon=":material/lock:")
    if stored:
        with errors_shown():
            _store(application, workspace, name.strip(), value)
    used = secret_users(application, workspace.id)
    if not names:
        st.caption("None stored yet. Agents work without keys: the local engine answers where no model key is stored.")
    for known in names:
        _draw_secret(application, workspace, known, used.get(known, []), stored_at[known])
    missing = sorted(set(used) - set(names))
    for wanted in missing:
        st.markdown(f":orange[:material/warning:] **{escaped(wanted)}** is not stored, but {_sentence(used[wanted])}")

    st.subheader("The key", anchor=False)
    _draw_key(application)


def _store(application: Application, workspace: Workspace, name: str, value: str) -> None:
    if not name or not value:
        raise Invalid("A secret needs a name and a value.", hint="Fill in both fields, then store it.")
    application.secrets.put(workspace.id, name, value, by=application.workspaces.owner().name)
    flash(f"{name} is stored. Its value is not shown again.")
    st.rerun()


def _draw_secret(
    application: Application, workspace: Workspace, name: str, users: list[str], stored_at: datetime
) -> None:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch", gap=None):
            st.markdown(f":material/key: **{escaped(name)}**")
            used = _sentence(users) if users else "no agent refers to it."
            st.caption(f"Stored {ago(stored_at, workspace.settings.timezone)}; {used}")
        with st.popover("Replace", icon=":material/edit:"), st.form(f"replace-{workspace.id}-{name}", border=False):
            value = st.text_input("New value", type="password", autocomplete="new-password")
            if st.form_submit_button("Replace it", type="primary"):
                with errors_shown():
                    _store(application, workspace, name, value)
        with st.popover("Remove", icon=":material/delete:"):
            st.text("It is gone for good." + (" What refers to it fails until it is stored again." if users else ""))
            if st.button("Remove it", type="primary", key=f"remove-{workspace.id}-{name}"):
                with errors_shown():
                    application.secrets.remove(workspace.id, name, by=application.workspaces.owner().name)
                    flash(f"{name} is removed.")
                    st.rerun()


def _draw_key(application: Application) -> None:
    st.caption(
        f"All secrets of this IONFLUX are encrypted with one key, kept in {escaped(application.secrets.key_source())}, "
        "apart from the data and its backups. Without it no secret can be read: keep a copy elsewhere."
    )
    with st.popover("Rotate the key", icon=":material/autorenew:"):
        st.text("Every secret is encrypted anew under a new key. Agents go on working meanwhile.")
        keep_old = st.checkbox(
            "Keep the old key, so that secrets in older backups can still be read", key="keep-old-key"
        )
        if st.button("Rotate it", type="primary", key="rotate-key"):
            with errors_shown():
                count = application.secrets.rotate(keep_old=keep_old, by=application.workspaces.owner().name)
                flash(f"{counted(count, 'secret')} encrypted with the new key.")
                st.rerun()


def _sentence(users: list[str]) -> str:
    rest = f" and {len(users) - 5} more" if len(users) > 5 else ""
    return f"used by {', '.join(escaped(user) for user in users[:5])}{rest}."


def secret_users(application: Application, workspace_id: str) -> dict[str, list[str]]:
    """Every secret a workspace refers to, with the names of the agents, triggers, brands and model keys that do."""
    found: dict[str, list[str]] = {}
    for user, text in _referring(application, workspace_id):
        for name in _REFERENCE.findall(text):
            users = found.setdefault(name, [])
            if user not in users:
                users.append(user)
    return found


def _referring(application: Application, workspace_id: str) -> Iterator[tuple[str, str]]:
    """Names of what may refer to secrets, each with a text that holds its references."""
    for instance in application.agents.find(workspace_id):
        yield instance.name, instance.yaml
    for trigger in application.triggers.find(workspace_id):
        user, auth = f"{trigger.instance_name} ({trigger.key})", trigger.config.get("auth")
        yield user, str(trigger.config)
        if auth and auth not in ("none", "token") and not trigger.config.get("secret"):
            # Where a signed webhook names no secret, services/hooks.py looks for this one.
            yield user, f"secret://{auth}_webhook_secret"
    for brand in application.workspaces.brands(workspace_id):
        yield brand.name, f"{brand.shopify.secret} {brand.tiktok.secret}"
    for account in application.accounts.find(workspace_id):
        yield account.name, " ".join(f"secret://{name}" for name in account.secrets.values())
    provider = application.workspaces.get(workspace_id).settings.default_model.provider
    if provider not in ("local", "compatible"):
        yield "the default model", f"secret://{provider}_api_key"
