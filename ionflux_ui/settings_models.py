"""Models on the screen: which one agents ask, how each provider is reached and whether it answers, and the prices."""

from __future__ import annotations

from typing import Final, Literal, cast

import streamlit as st

from ionflux_core.application import Application
from ionflux_core.domain.workspaces import ModelChoice, Workspace
from ionflux_core.errors import Invalid
from ionflux_core.llm import pricing
from ionflux_core.outbound_addresses import parse_allowed
from ionflux_core.services.models import Provider, Tested, choice_of, price_list, text_of
from ionflux_ui.agent_words import BY
from ionflux_ui.errors import errors_shown
from ionflux_ui.plain import escaped
from ionflux_ui.run_text import table
from ionflux_ui.session import flash

_LOCAL: Final = "local:local-1"
_APIS: Final[dict[str, str]] = {"responses": "Responses", "chat": "Chat Completions"}
_WHAT: Final = {
    "openai": "Prompts and pictures go to OpenAI when an agent asks one of its models.",
    "anthropic": "Prompts and pictures go to Anthropic when an agent asks one of its models.",
    "compatible": "Ollama, vLLM or a proxy that speaks Chat Completions, with or without a key.",
}


def draw_models(application: Application, workspace: Workspace) -> None:
    """The form of the choices, a card for each provider, and the price list."""
    st.caption(
        "Which language model agents ask. A brand or an agent may choose another one. Without a key the local engine "
        "answers: it quotes what it is given, invents nothing, and every result says that it was it."
    )
    _choices_form(application, workspace)
    st.subheader("Providers", anchor=False)
    for provider in application.models.providers(workspace.id):
        if provider.name != "local":
            _draw_provider(application, workspace, provider)
    st.subheader("Prices", anchor=False)
    _draw_prices()


def _choices_form(application: Application, workspace: Workspace) -> None:
    settings, key = workspace.settings, workspace.id
    offered, current = application.models.choices(key), text_of(settings.default_model)
    vectors = text_of(settings.embedding_model)
    with st.form(f"models-{key}", border=True):
        left, right = st.columns(2)
        chosen = left.selectbox(
            "Default model", offered, offered.index(current) if current in offered else 0, key=f"model-{key}",
            accept_new_options=True, format_func=_model_name, help="Write provider:model for one that is not listed.",
        )  # fmt: skip
        embedding = right.selectbox(
            "Model for vectors", list(dict.fromkeys((_LOCAL, vectors))), 1 if vectors != _LOCAL else 0,
            key=f"vectors-{key}", accept_new_options=True, format_func=_model_name,
            help="Makes texts comparable. Vectors of two models cannot be compared with each other.",
        )  # fmt: skip
        instead = st.multiselect(
            "When it does not answer, ask in this order", [each for each in offered if each != _LOCAL],
            [text_of(choice) for choice in settings.fallback_models], key=f"fallbacks-{key}", accept_new_options=True,
            max_selections=5, placeholder="Nobody: the run waits and tries again",
            help="After failures, timeouts or while a provider is left alone. Never because it refused, never for a "
            "step that is pinned to its model.",
        )  # fmt: skip
        saved = st.form_submit_button("Save", type="primary")
    if saved:
        with errors_shown():
            changes = {
                "default_model": choice_of(str(chosen)).model_dump(),
                "embedding_model": choice_of(str(embedding)).model_dump(),
                "fallback_models": [choice_of(each).model_dump() for each in instead],
            }
            application.workspaces.save_settings(workspace.id, changes)
            flash("Saved. New runs use it.")
            st.rerun()


def _model_name(choice: str) -> str:
    return "Local engine (needs no key)" if choice == _LOCAL else choice


def _draw_provider(application: Application, workspace: Workspace, provider: Provider) -> None:
    with st.container(border=True, key=f"provider-{provider.name}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(width="stretch", gap=None):
                st.markdown(f"**{provider.title}** {_badge(provider)}")
                st.caption(_WHAT[provider.name])
                if provider.base_url:
                    st.caption(f"Reached at {escaped(provider.base_url)}")
            _draw_key(application, workspace, provider)
            _draw_address(application, workspace, provider)
        _draw_test(application, workspace, provider)


def _badge(provider: Provider) -> str:
    if provider.resting:
        return ":orange-badge[:material/pause_circle: Left alone after failures]"
    if provider.is_ready:
        return f":green-badge[:material/check_circle: {'Key stored' if provider.has_key else 'Address set'}]"
    return f":gray-badge[{'No address' if provider.name == 'compatible' else 'No key'}]"


def _draw_key(application: Application, workspace: Workspace, provider: Provider) -> None:
    with st.popover("Replace key" if provider.has_key else "Store key", icon=":material/key:"):
        st.caption(f"Kept encrypted as the secret {escaped(provider.secret)}. It is never shown again.")
        with st.form(f"key-{workspace.id}-{provider.name}", border=False, clear_on_submit=True):
            value = st.text_input(f"Key of {provider.title}", type="password", autocomplete="new-password")
            stored = st.form_submit_button("Store it", type="primary")
        if stored:
            with errors_shown():
                if not value.strip():
                    raise Invalid("There is nothing to store.", hint="Paste the key, then store it.")
                application.secrets.put(workspace.id, provider.secret, value.strip(), by=BY)
                _told(f"The key of {provider.title} is stored. It is not shown again.")
        if provider.has_key and st.button("Remove the key", key=f"remove-key-{workspace.id}-{provider.name}"):
            with errors_shown():
                application.secrets.remove(workspace.id, provider.secret, by=BY)
                _told(f"The key of {provider.title} is removed.")


def _draw_address(application: Application, workspace: Workspace, provider: Provider) -> None:
    with (
        st.popover("Address", icon=":material/dns:"),
        st.form(f"address-{workspace.id}-{provider.name}", border=False),
    ):
        url = st.text_input(
            f"Base URL of {provider.title}", provider.base_url, max_chars=300,
            placeholder="http://127.0.0.1:11434/v1" if provider.name == "compatible" else "Its own address",
            help="An address on this machine or in a private network must also be opened below.",
        )  # fmt: skip
        api = provider.api
        if provider.name == "openai":
            api = st.selectbox("Interface", list(_APIS), list(_APIS).index(api), format_func=_APIS.__getitem__)
        opened = st.text_input(
            "Open this address for agents, too", placeholder="127.0.0.1:11434",
            help="Host and port, added to the closed addresses that agents may reach in Settings, Workspace.",
        )  # fmt: skip
        if st.form_submit_button("Save address", type="primary"):
            with errors_shown():
                allowed = list(workspace.settings.outbound_allow)
                if opened.strip():
                    parse_allowed(opened)
                    allowed = list(dict.fromkeys((*allowed, opened.strip())))
                reached = {"base_url": url.strip(), "api": cast(Literal["responses", "chat"], api)}
                changes = {"providers": {provider.name: reached}, "outbound_allow": allowed}
                application.workspaces.save_settings(workspace.id, changes)
                _told(
                    f"{provider.title} is reached {'at ' + url.strip() if url.strip() else 'at its own address'} now."
                )


def _told(message: str) -> None:
    flash(message)
    st.rerun()


def _draw_test(application: Application, workspace: Workspace, provider: Provider) -> None:
    key = f"tested-{workspace.id}-{provider.name}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            f"Model of {provider.title} to test", _to_test(workspace, provider), key=f"{key}-model", max_chars=120,
            help="It is asked for one word. That costs next to nothing and is in no budget.",
        )  # fmt: skip
        asked = st.button("Test", icon=":material/network_check:", key=f"{key}-button")
    if asked:
        with st.spinner(f"Asking {provider.title}"):
            st.session_state[key] = application.models.test(workspace.id, f"{provider.name}:{name.strip()}")
    if tested := st.session_state.get(key):
        _draw_tested(tested)


def _draw_tested(tested: Tested) -> None:
    mark = ":green[:material/check_circle:]" if tested.ok else ":red[:material/error:]"
    st.markdown(f"{mark} {escaped(tested.message)}")
    if tested.hint:
        st.caption(f"What to do: {escaped(tested.hint)}")


def _to_test(workspace: Workspace, provider: Provider) -> str:
    """The model of this provider that is in use here, else the cheapest one with a price."""
    settings = workspace.settings
    used: list[ModelChoice] = [settings.default_model, *settings.fallback_models]
    mine = [choice.model for choice in used if choice.provider == provider.name]
    priced = sorted((price.output, price.model) for price in price_list() if price.provider == provider.name)
    return next(iter([*mine, *(model for _, model in priced)]), "")


def _draw_prices() -> None:
    st.caption(
        f"US dollars for a million tokens, last checked on {pricing.checked_on().isoformat()}. Every call keeps the "
        "price it was made at. A model that is not listed, or one reached at another address, has no price: its tokens "
        "are counted, its cost is not guessed."
    )
    rows = [
        {
            "Model": f"{price.provider}:{price.model}",
            "In": str(price.input),
            "Cached": str(price.cached),
            "Out": str(price.output),
            "Since": price.since.isoformat(),
            "Up to": f"{price.most_tokens_in:,} tokens in" if price.most_tokens_in else "–",
            "Known from": "the vendor" if price.source == "vendor" else "public lists",
        }
        for price in price_list()
    ]
    st.markdown(table(rows))
