"""Decisions: what a query needs, how values match, what an action may be."""
