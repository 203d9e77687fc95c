"""The command line: each command reads its words, calls a service, and says what came of it."""
