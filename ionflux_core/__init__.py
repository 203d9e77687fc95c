"""IONFLUX core: everything below the screen. Import `ionflux_core.sdk` to write an agent."""

__version__ = "0.1.0"
