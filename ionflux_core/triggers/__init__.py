"""Doors that fire by themselves: the clock and the event bus."""
