"""Use-cases: the one way in for pages, routes, triggers and the command line."""
