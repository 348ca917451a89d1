"""The queue in a terminal, live; needs the `dashboard` extra (Textual)."""
