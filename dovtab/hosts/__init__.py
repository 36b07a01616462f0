"""Doors: how a program that speaks SQLite comes to the engine."""
