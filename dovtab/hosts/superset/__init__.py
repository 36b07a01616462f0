"""``dovtab:///inventory.db`` in Apache Superset, which alone imports what is here."""
