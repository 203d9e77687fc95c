"""Channels: how an effect leaves this machine; one file each, found by `registry`."""
