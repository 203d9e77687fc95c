"""Accounts on the screen: connect a service, see whether it works and how far it is in step, disconnect it."""

from __future__ import annotations

from typing import Any, Final

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.accounts import Account
from ionflux_core.domain.workspaces import Workspace
from ionflux_core.errors import IonfluxError
from ionflux_ui.account_form import account_form
from ionflux_ui.account_hooks import draw_doors
from ionflux_ui.agent_words import BY
from ionflux_ui.badges import Badge, badge_line
from ionflux_ui.errors import errors_shown, show_error
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import escaped
from ionflux_ui.session import flash, parameter, set_parameters

_LOOK_SECONDS: Final = 2.0
_NEW: Final = "account_new_kind"
STATUSES: Final = {
    "untested": Badge("gray", "help", "Not tested yet"),
    "connected": Badge("green", "check_circle", "Connected"),
    "error": Badge("red", "error", "Does not work"),
    "revoked": Badge("red", "key_off", "Access revoked"),
    "disconnected": Badge("gray", "link_off", "Disconnected"),
}
ICONS: Final = {"shopify": "shopping_bag", "slack": "forum", "smtp": "mail", "sendgrid": "outgoing_mail"}
_CAME_BACK: Final = {
    "connected": (":green[:material/check_circle:]", "The app was let in, and the account works."),
    "untested": (":orange[:material/warning:]", "The app was let in, but the test failed. See below why."),
    "stale": (":red[:material/error:]", "That answer was too old, or used before. Begin again with Connect by OAuth."),
    "refused": (":red[:material/error:]", "That answer was not signed for this account. Check the client secret."),
    "failed": (":red[:material/error:]", "The service gave no token. Check client id and secret, then begin again."),
}


def draw_accounts(application: Application, workspace: Workspace) -> None:
    """What came of OAuth, the accounts there are, and a form for a new one."""
    st.caption(
        "Shops, chats and mail services agents work with. Tokens are kept encrypted, opened only for the call that "
        "needs them, and never shown again."
    )
    _draw_return()
    accounts = application.accounts.find(workspace.id)
    if not accounts:
        with st.container(border=True):
            st.markdown("**Nothing is connected yet**")
            st.text(
                "With a shop connected, orders, products and customers come in by themselves. With a chat or a mail "
                "service, agents can read and send there. Without one, agents work on files and webhooks, and what "
                "they would send is only shown."
            )
    running = application.accounts.syncs.running(accounts)
    st.fragment(_draw_list, run_every=_LOOK_SECONDS if running else None)(application, workspace, bool(running))
    _draw_new(application, workspace)


def _draw_return() -> None:
    said = _CAME_BACK.get(parameter("oauth") or "")
    if said is None:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"{said[0]} {said[1]}", width="stretch")
        st.button("Close", key="oauth-close", type="tertiary", on_click=lambda: set_parameters(oauth=None))


def _draw_list(application: Application, workspace: Workspace, was_running: bool) -> None:
    """The accounts as they are now; once the last sync has ended, the page stops looking."""
    accounts = application.accounts.find(workspace.id)
    running = application.accounts.syncs.running(accounts)
    if was_running and not running:
        st.rerun()
    for account in accounts:
        with st.container(border=True, key=f"account-{account.id}"):
            _draw_account(application, workspace, account, account.id in running)


def _draw_account(application: Application, workspace: Workspace, account: Account, syncing: bool) -> None:
    connector = application.accounts.connector(account.connector)
    zone = workspace.settings.timezone
    icon = ICONS.get(account.connector, "cable")
    badges = [STATUSES[account.status], *([Badge("orange", "sync", "Syncing")] if syncing else [])]
    st.markdown(f":material/{icon}: **{escaped(account.name)}** {escaped(connector.title)} {badge_line(badges)}")
    if account.label:
        facts = ", ".join(f"{name}: {value}" for name, value in account.facts.items())
        st.text(f"{account.label}{f' ({facts})' if facts else ''}")
    _draw_error(account.error)
    if account.tested_at:
        st.caption(
            f"Tested {ago(account.tested_at, zone)}", help=escaped(exact(account.tested_at, zone)), width="content"
        )
    if connector.syncs:
        _draw_sync(account, zone, syncing)
    _draw_deeds(application, workspace, account, syncing)
    if account.status != "disconnected":
        draw_doors(application, workspace, account)


def _draw_error(error: dict[str, Any] | None) -> None:
    if error:
        st.markdown(f":red[:material/error:] {escaped(str(error.get('message', '')))}")
        if error.get("hint"):
            st.text(f"What to do: {error['hint']}")


def _draw_sync(account: Account, zone: str, syncing: bool) -> None:
    brought = ", ".join(f"{count:,} {_noun(subject)}" for subject, count in sorted(account.synced.items()))
    if syncing:
        st.caption(f"Bringing in what is new: {escaped(brought or 'nothing so far')}.")
    elif account.synced_at is None:
        st.caption("Never synced. Each night it is done by itself.")
    else:
        st.caption(
            f"Last sync {ago(account.synced_at, zone)}: {escaped(brought or 'nothing new')}. The next one is tonight.",
            help=escaped(exact(account.synced_at, zone)),
            width="content",
        )
        if account.status != "revoked":
            _draw_error(account.sync_error)


def _noun(subject: str) -> str:
    """`ionflux.shopify.order.created` as "order created"."""
    return " ".join(subject.split(".")[2:]).replace("_", " ") or subject


def _draw_deeds(application: Application, workspace: Workspace, account: Account, syncing: bool) -> None:
    connector = application.accounts.connector(account.connector)
    with st.container(horizontal=True):
        if account.status != "disconnected" and st.button("Test", key=f"test-{account.id}", icon=":material/bolt:"):
            _test(application, workspace, account)
        able = connector.syncs and account.status in ("connected", "error")
        if able and st.button(
            "Sync now", key=f"sync-{account.id}", icon=":material/sync:", disabled=syncing,
            help="What the service knows becomes events, which agents listen to.",
        ):  # fmt: skip
            with errors_shown():
                application.accounts.syncs.begin(workspace.id, account.id, by=BY)
                _told(f"{account.name} is syncing.")
        label = "Connect again" if account.status in ("disconnected", "revoked") else "Edit"
        with st.popover(label, icon=":material/edit:", key=f"edit-{account.id}"):
            account_form(
                application, workspace, connector, account,
                lambda name, values, brand: _save(application, workspace, connector.kind, name, values, brand, account),
            )  # fmt: skip
        _draw_ending(application, workspace, account)


def _draw_ending(application: Application, workspace: Workspace, account: Account) -> None:
    if account.status != "disconnected":
        with st.popover("Disconnect", icon=":material/link_off:", key=f"end-{account.id}"):
            st.text("Its secrets are removed from here for good. Agents cannot use it until it is connected again.")
            if st.button("Disconnect it", type="primary", key=f"disconnect-{account.id}"):
                with errors_shown():
                    application.accounts.disconnect(workspace.id, account.id, by=BY)
                    _told(f"{account.name} is disconnected.")
        return
    with st.popover("Delete", icon=":material/delete:", key=f"end-{account.id}"):
        st.text("The account is gone for good. What it has brought stays.")
        if st.button("Delete it", type="primary", key=f"delete-{account.id}"):
            with errors_shown():
                application.accounts.delete(workspace.id, account.id, by=BY)
                _told(f"{account.name} is deleted.")


def _draw_new(application: Application, workspace: Workspace) -> None:
    kinds = {each.kind: each for each in application.accounts.kinds()}
    st.subheader("Connect an account", anchor=False)
    chosen = st.selectbox(
        "Service", list(kinds), None, key=_NEW, format_func=lambda kind: kinds[kind].title,
        placeholder="Choose what to connect",
    )  # fmt: skip
    if chosen is None:
        return
    connector = kinds[chosen]
    with st.container(border=True):
        st.caption(escaped(connector.description))
        account_form(
            application, workspace, connector, None,
            lambda name, values, brand: _save(application, workspace, connector.kind, name, values, brand, None),
        )  # fmt: skip


def _save(
    application: Application,
    workspace: Workspace,
    kind: str,
    name: str,
    values: dict[str, Any],
    brand_id: str | None,
    account: Account | None,
) -> None:
    """Keep an account and test it at once, unless its token is still to come by OAuth."""
    try:
        saved = application.accounts.save(
            workspace.id, kind, name, values, account_id=account.id if account else None, brand_id=brand_id, by=BY
        )
    except IonfluxError as error:
        show_error(error)
        return
    if account is None:
        st.session_state.pop(_NEW, None)
    if application.account_doors.can_authorize(saved) and "token" not in saved.secrets:
        _told(f"{saved.name} is saved. Now connect it by OAuth.")
    _test(application, workspace, saved)


def _test(application: Application, workspace: Workspace, account: Account) -> None:
    with errors_shown():
        with st.spinner(f"Asking {escaped(account.name)}..."):
            tested = application.accounts.test(workspace.id, account.id, by=BY)
        works = tested.status == "connected"
        _told(f"{account.name} {'works' if works else 'does not work'}.", "check" if works else "error")


def _told(message: str, icon: str = "check") -> None:
    flash(message, icon=f":material/{icon}:")
    st.rerun()
