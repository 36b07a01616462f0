"""A history that is kept: what has to be read of an account's list to bring it up to date."""
