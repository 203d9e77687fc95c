"""The form of an account, built from its connector's fields; a secret goes in and is never shown again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.accounts import Account
from ionflux_core.domain.workspaces import Workspace
from ionflux_ui.plain import escaped

if TYPE_CHECKING:
    from ionflux_core.connectors.base import Connector, Field

Save = Callable[[str, dict[str, Any], str | None], None]


def account_form(
    application: Application, workspace: Workspace, connector: Connector, account: Account | None, save: Save
) -> None:
    """Draw the form; `save` is given the name, the values by field, and the brand."""
    key = f"account-{workspace.id}-{account.id if account else connector.kind}"
    brands = {brand.id: brand.name for brand in application.workspaces.brands(workspace.id)}
    with st.form(key, border=False):
        name = st.text_input(
            "Name", account.name if account else connector.title, max_chars=120, key=f"{key}-name",
            help="What tells it from other accounts.",
        )  # fmt: skip
        values = {each.name: _field(each, account, f"{key}-{each.name}") for each in connector.fields}
        brand_id = None
        if brands:
            own = account.brand_id if account and account.brand_id in brands else None
            offered = [None, *brands]
            brand_id = st.selectbox(
                "Brand", offered, offered.index(own), key=f"{key}-brand",
                format_func=lambda id: brands[id] if id else "All brands",
                help="What the account brings counts for this brand.",
            )  # fmt: skip
        saved = st.form_submit_button("Save and test", type="primary", icon=":material/check:")
    if saved:
        save(name or "", values, brand_id)


def _field(each: Field, account: Account | None, key: str) -> Any:
    label = each.title if each.required else f"{each.title} (optional)"
    about = escaped(each.description) or None
    if each.kind == "secret":
        stored = account is not None and each.name in account.secrets
        return st.text_input(
            label, type="password", key=key, help=about, autocomplete="new-password",
            placeholder="Stored. Leave it empty to keep it." if stored else "",
        )  # fmt: skip
    value = account.settings.get(each.name, each.default) if account else each.default
    if each.kind == "boolean":
        return st.checkbox(label, value == "true", key=key, help=about)
    if each.kind == "choice":
        offered = list(each.choices)
        return st.selectbox(label, offered, offered.index(value) if value in offered else 0, key=key, help=about)
    return st.text_input(label, value, max_chars=500, key=key, help=about, autocomplete="off")
