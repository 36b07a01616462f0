"""``python -m dovtab``: the command."""

from dovtab.hosts.command import main

if __name__ == "__main__":
    raise SystemExit(main())
