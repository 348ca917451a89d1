"""Keeping a manager running: its stop, its services, and the managers that follow it."""
