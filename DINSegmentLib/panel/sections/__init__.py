"""Sections of the panel: each connects its own widgets, and reaches the others only through its arguments."""
