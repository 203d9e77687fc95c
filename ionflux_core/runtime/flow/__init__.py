"""How a flow runs: its graphs in order, its nodes as journaled steps of a run like any other."""
