"""Agent definitions: manifests, configuration merge, loading of agent code."""
