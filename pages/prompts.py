"""The prompt library: texts with typed variables, their versions, and trying them with a model."""

import streamlit as st

from ionflux_ui.prompt_list import show_library
from ionflux_ui.prompt_new import show_new_prompt
from ionflux_ui.prompt_page import show_prompt
from ionflux_ui.session import parameter, workspace

shown = workspace()
prompt = parameter("prompt")
if prompt:
    show_prompt(shown, prompt)
elif parameter("new"):
    show_new_prompt(shown)
else:
    st.title("Prompts", anchor=False)
    st.caption("Texts with typed variables, for people, pages and agents. Every save is a version.")
    show_library(shown)
