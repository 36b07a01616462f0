"""What a shell prints."""

from __future__ import annotations

from dovtab.hosts.shell.shell import Shell


def said(shell: Shell, *commands: str) -> str:
    """What these lines print, and all before them."""
    for command in commands:
        shell.process_complete_line(command)
    text: str = shell.stdout.getvalue()
    return text


def now_said(shell: Shell, *commands: str) -> str:
    """What these lines print."""
    before = len(shell.stdout.getvalue())
    return said(shell, *commands)[before:]
