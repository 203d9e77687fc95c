"""The journaled runner: worker, executor, context."""
