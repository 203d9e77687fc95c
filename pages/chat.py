"""Chat: people and agents talk in channels and threads."""

import streamlit as st

from ionflux_ui.chat_room import show_chat

st.title("Chat", anchor=False)
st.caption("Talk with people and agents: / for commands, @ for names. What an agent answers stays in its thread.")
show_chat()
