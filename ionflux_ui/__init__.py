"""Screen parts of IONFLUX; with pages/ and app.py the only places that import streamlit."""
