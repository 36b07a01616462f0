"""The door for programs that use apsw, the command among them."""
