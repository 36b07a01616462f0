"""HTTP: settings, credentials, one client, and what to do when an answer fails."""
