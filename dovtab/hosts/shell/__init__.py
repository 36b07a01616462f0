"""The shell: apsw's, with dovtab's tables, output that can be read, and completion."""
