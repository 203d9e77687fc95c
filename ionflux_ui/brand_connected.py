"""The workspace's connected accounts that work for a brand: whether they work, the last sync, and whose they are."""

from __future__ import annotations

import streamlit as st

from ionflux_core.domain.accounts import Account
from ionflux_core.domain.workspaces import Brand, Workspace
from ionflux_ui.agent_words import BY
from ionflux_ui.badges import Badge, badge_line
from ionflux_ui.errors import errors_shown
from ionflux_ui.moments import ago, exact
from ionflux_ui.plain import escaped
from ionflux_ui.session import application, flash, page_link
from ionflux_ui.settings_accounts import ICONS, STATUSES


def show_connected(workspace: Workspace, brand: Brand | None) -> None:
    """Draw the accounts of a brand, then those for all brands; for a creator only the latter, as there is no brand."""
    found = application().accounts.find(workspace.id)
    own = [each for each in found if brand is not None and each.brand_id == brand.id]
    shared = [each for each in found if each.brand_id is None]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Connected", anchor=False)
        page_link("settings", "Settings, Accounts", icon=":material/cable:", tab="accounts")
    if not own and not shared:
        with st.container(border=True):
            st.text(
                "No account is connected here. A shop, a chat or a mail service is connected in Settings, Accounts; "
                "agents then read and send there. Until then they work on files and webhooks."
            )
        return
    for account in own:
        with st.container(border=True, gap="xsmall", key=f"connected-{account.id}"):
            _show(workspace, account)
    names = {each.id: each.name for each in application().workspaces.brands(workspace.id)} if shared else {}
    if brand is not None:
        # An archived brand is in no list, and yet the one in view.
        names.setdefault(brand.id, brand.name)
    for account in shared:
        with st.container(border=True, gap="xsmall", key=f"connected-{account.id}"):
            _show(workspace, account)
            if names:
                _brand_choice(workspace, account, names, brand.id if brand else None)


def _show(workspace: Workspace, account: Account) -> None:
    connector, zone = application().accounts.connector(account.connector), workspace.settings.timezone
    badges = [STATUSES[account.status], *([] if account.brand_id else [Badge("gray", "apps", "All brands")])]
    icon = ICONS.get(account.connector, "cable")
    st.markdown(f":material/{icon}: **{escaped(account.name)}** {escaped(connector.title)} {badge_line(badges)}")
    if account.label:
        st.text(account.label)
    if account.error:
        st.markdown(f":red[:material/error:] {escaped(str(account.error.get('message', '')))}")
    if account.synced_at:
        went = account.sync_error.get("message") if account.sync_error else "went well"
        st.caption(
            f"Last sync {ago(account.synced_at, zone)}: {escaped(str(went))}",
            help=escaped(exact(account.synced_at, zone)),
            width="content",
        )
    elif connector.syncs:
        st.caption("Never synced.")


def _brand_choice(workspace: Workspace, account: Account, names: dict[str, str], first: str | None) -> None:
    with st.popover("Choose its brand", icon=":material/sell:", key=f"brand-of-{account.id}"):
        offered = list(names)
        chosen = st.selectbox(
            "Brand", offered, offered.index(first) if first else None, key=f"brand-choice-{account.id}",
            format_func=names.__getitem__, help="What the account brings from now on counts for this brand.",
        )  # fmt: skip
        if st.button("Save its brand", type="primary", key=f"brand-save-{account.id}", disabled=chosen is None):
            with errors_shown():
                application().accounts.assign(workspace.id, account.id, chosen, by=BY)
                flash(f"{account.name} is for {names[str(chosen)]}.")
                st.rerun()
