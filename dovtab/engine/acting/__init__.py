"""Decisions about acting: what may be sent, and what became of it."""
