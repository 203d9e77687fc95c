"""The fields of a brand's profile: what they show, what they hold, and what of it can be saved."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ionflux_core.domain.workspaces import Brand, Workspace
from ionflux_core.limits import NAME_CHARS, TEXT_CHARS
from ionflux_core.services.models import choice_of, text_of
from ionflux_ui.brand_colours import colour_cards
from ionflux_ui.brand_mood import checked_mood, mood_fields
from ionflux_ui.brand_parts import checked_links, checked_title, lines_of, palette_editor, words_of
from ionflux_ui.brand_pictures import logo_field, picture_kind, stored_picture
from ionflux_ui.session import application


def profile_fields(workspace: Workspace, brand: Brand | None, *, key: str) -> dict[str, Any]:
    """Draw the profile; what its fields hold, before it is checked."""
    left, right = st.columns(2)
    with left:
        name = st.text_input("Name", brand.name if brand else "", key=f"{key}_name", max_chars=NAME_CHARS)
        industry = st.text_input(
            "Industry", brand.industry if brand else "", key=f"{key}_industry", max_chars=NAME_CHARS
        )
        description = _area("Description", brand.description if brand else "", f"{key}_description")
    with right:
        audience = _area("Audience", brand.audience if brand else "", f"{key}_audience", "Who buys, and why")
        model = _model(workspace, brand, key)
    values = {"name": name or "", "industry": industry or "", "description": description, "audience": audience}
    return values | {"model": model} | _voice(brand, key) | _look(brand, key) | mood_fields(workspace, brand, key)


def _voice(brand: Brand | None, key: str) -> dict[str, Any]:
    st.subheader("Voice", anchor=False)
    voice = _area("Voice", brand.voice if brand else "", f"{key}_voice", "How it speaks, in a few sentences")
    do, dont, words = st.columns(3)
    with do:
        voice_do = _list("Do", brand.voice_do if brand else [], f"{key}_do", "Say what it is made of")
    with dont:
        voice_dont = _list("Do not", brand.voice_dont if brand else [], f"{key}_dont", "Promise what nobody measured")
    with words:
        forbidden = _list(
            "Forbidden words", brand.forbidden_words if brand else [], f"{key}_forbidden", "game-changing"
        )
    return {"voice": voice, "voice_do": voice_do, "voice_dont": voice_dont, "forbidden_words": forbidden}


def _look(brand: Brand | None, key: str) -> dict[str, Any]:
    st.subheader("Look", anchor=False)
    visual = brand.visual if brand else None
    palette = palette_editor(visual.palette if visual else [], key=key)
    colour_cards(palette)
    left, right = st.columns(2)
    with left:
        fonts = st.text_input(
            "Fonts", ", ".join(visual.fonts) if visual else "", key=f"{key}_fonts", placeholder="Inter, Lora",
            max_chars=400,
        )  # fmt: skip
        logo = st.text_input(
            "Logo address", (visual.logo_url or "") if visual else "", key=f"{key}_logo", placeholder="https://",
            max_chars=800, help="Shown only from hosts that Settings allow; an uploaded picture always is.",
        )  # fmt: skip
    with right:
        chosen, gone = logo_field(visual, key=key)
    kept = visual.logo_file if visual and not gone else None
    return {
        "palette": palette, "fonts": fonts or "", "logo": logo or "", "logo_file": kept, "logo_chosen": chosen,
    }  # fmt: skip


def _model(workspace: Workspace, brand: Brand | None, key: str) -> str:
    own = text_of(brand.model) if brand and brand.model else ""
    return (
        st.selectbox(
            "Model",
            list(dict.fromkeys(("", own, *application().models.choices(workspace.id)))),
            1 if own else 0,
            key=f"{key}_model",
            accept_new_options=True,
            format_func=lambda choice: choice or "The workspace's",
            help="Which language model its agents ask, as provider:model. An agent may choose another one.",
        )
        or ""
    )


def _area(label: str, text: str, key: str, placeholder: str = "") -> str:
    return st.text_area(label, text, key=key, height=96, max_chars=TEXT_CHARS, placeholder=placeholder) or ""


def _list(label: str, lines: list[str], key: str, placeholder: str) -> str:
    return (
        st.text_area(
            label,
            "\n".join(lines),
            key=key,
            height=128,
            max_chars=TEXT_CHARS,
            placeholder=placeholder,
            help="One per line.",
        )
        or ""
    )


def checked_profile(workspace: Workspace, values: dict[str, Any]) -> dict[str, Any]:
    """The fields as a brand takes them; Invalid names the links that are none, and the files that are no pictures."""
    texts = {name: values[name].strip() for name in ("industry", "description", "audience", "voice")}
    lists = {name: lines_of(values[name]) for name in ("voice_do", "voice_dont", "forbidden_words")}
    name = checked_title(values["name"])
    logo = checked_links(lines_of(values["logo"]), "Logo address")
    mood = checked_links(lines_of(values["mood"]), "Mood board links")
    logo_chosen, stored = values["logo_chosen"], values["logo_file"]
    if logo_chosen is not None:
        picture_kind(logo_chosen, "The logo")
    pictures = checked_mood(workspace, values["mood_kept"], values["mood_chosen"])
    if logo_chosen is not None:
        stored = stored_picture(workspace, logo_chosen, "The logo")
    visual = {
        "logo_file": stored.model_dump() if stored else None,
        "logo_url": logo[0] if logo else None,
        "palette": values["palette"],
        "fonts": words_of(values["fonts"]),
        "mood_pictures": pictures,
    }
    model = choice_of(values["model"]).model_dump() if values["model"] else None
    return {"name": name, **texts, **lists, "visual": visual, "model": model, "mood_board": mood}
