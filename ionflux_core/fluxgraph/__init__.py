"""FluxGraph, the language of flows: its documents, conditions and templates, and every check before a run."""
