"""PEP 249 over apsw: what `dovtab.dbapi` consists of."""
