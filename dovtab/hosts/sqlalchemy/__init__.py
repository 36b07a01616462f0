"""The dialect ``dovtab`` for SQLAlchemy, imported by SQLAlchemy alone."""
