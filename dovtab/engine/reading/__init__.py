"""Decisions about reading: what a query needs, and how its answers come."""
