"""The door for every other program that speaks SQLite: a helper process behind a C extension."""
