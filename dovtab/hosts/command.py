"""The command from its arguments to its exit status.

What fails ends it with one line on stderr, and a status of `status`: scripts read that.
"""

from __future__ import annotations

import gc
import io
import os
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from dovtab.errors import DovtabError, SettingsError
from dovtab.hosts import status
from dovtab.hosts.options import USAGE, VERSIONS

if TYPE_CHECKING:
    from dovtab.api.settings import Settings
    from dovtab.hosts.shell.shell import Shell

# Modules are no garbage, and everything that is imported makes tens of thousands of
# objects: Python's collector would look through them a hundred times, for nothing.
_OBJECTS_BETWEEN_COLLECTIONS = 100_000


def main(argv: list[str] | None = None) -> int:
    """Run the command; gives its exit status."""
    args = list(sys.argv[1:] if argv is None else argv)
    _open_closed_streams()
    option = args[0].lstrip("-") if args and args[0].startswith("-") else ""
    if option == "help" and len(args) > 1:
        return _answer(partial(_page, args[1:]), is_long=True)
    if option in ANSWERS:
        return _answer(ANSWERS[option])
    if option == "hub":
        return _answer(partial(_hub, args[1:]))
    if option == "examples":
        return _answer(partial(_examples, args[1:]))
    if argv is None:
        gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    from dovtab.hosts.shell.shell import Shell

    if argv is None:
        # What ends services and jobs is no other interruption than Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    shell = Shell()
    try:
        ended = _status(shell, args)
    finally:
        shell.close()
        if argv is None:
            # Python would look through all of it once more, and the process ends anyway.
            gc.freeze()
    never_sent = shell.never_sent > 0 and not shell.at_prompt
    return status.worst(ended, status.REFUSED) if never_sent else ended


def _open_closed_streams() -> None:
    """Whoever closes one wants nothing from it, and nothing to come of that."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


def _page(asked: list[str]) -> str:
    (topic, *others) = asked
    if others:
        raise SettingsError("--help takes one topic, or none")
    if topic == "exit":
        return status.listed()
    from dovtab.hosts.help import page

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    return page(topic, width).rstrip("\n")


def _loadable_path() -> str:
    from dovtab.hosts import loadable

    return loadable.path()


ANSWERS: dict[str, Callable[[], str]] = {
    "version": lambda: VERSIONS,
    "help": USAGE.rstrip,
    "h": USAGE.rstrip,
    "loadable-path": _loadable_path,
}


def _hub(files: list[str]) -> str:
    if len(files) != 1 or not files[0] or files[0].startswith(("-", ":")):
        raise SettingsError("--hub needs the name of a file, and nothing else")
    from dovtab.hosts import hub

    return hub.write(files[0])


def _examples(names: list[str]) -> str:
    if len(names) > 1:
        raise SettingsError("--examples takes the name of one, or none")
    from dovtab.hosts import examples

    return examples.shown(names[0] if names else None)


def _answer(answer: Callable[[], str], *, is_long: bool = False) -> int:
    """Do what an option says, and nothing else."""
    try:
        text = answer()
        if is_long and sys.stdout.isatty():
            # As man has it: what the terminal has no room for is turned over, page by page.
            from pydoc import pager

            pager(f"{text}\n")
        else:
            # In one go: who reads the first line and leaves has had all of it.
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()
    except BrokenPipeError:
        return _unread()
    except OSError as error:
        return _said(error, status.WRONG)
    except DovtabError as error:
        return _said(error, status.status_of(error))
    return status.OK


def _said(error: object, ended: int) -> int:
    # Where nobody can be told, the status still tells.
    with suppress(OSError):
        print(f"Error: {error}", file=sys.stderr)
        sys.stderr.flush()
    return ended


def _unread() -> int:
    # Whoever read our output has had enough; Python would complain at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status.UNREAD


def _status(shell: Shell, args: list[str]) -> int:
    try:
        return _run(shell, args)
    except SystemExit as ending:
        return _failure(shell) if ending.code is None else int(ending.code)
    except KeyboardInterrupt as pressed:
        return _interrupted(shell, pressed)
    except BrokenPipeError:
        return status.worst(_unread(), shell.failure)
    except Exception as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            # Pressed a second time, while Python was letting go of a lock.
            return _interrupted(shell, error.__context__)
        with suppress(OSError):
            shell.stdout.flush()
        ended = status.worst(status.status_of(error), shell.failure)
        if isinstance(error, shell.Error) and shell.failure == status.OK:
            # No command has come to its turn: it is about the options.
            ended = status.CANNOT_START
        return _said(shell.told(error), ended)


def _failure(shell: Shell) -> int:
    return status.OK if shell.at_prompt else shell.failure


def _interrupted(shell: Shell, pressed: BaseException) -> int:
    if signal.getsignal(signal.SIGTERM) is signal.default_int_handler:
        # This process ends now: there is nothing to stop any more.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    notes = getattr(pressed, "__notes__", ["interrupted"])
    with suppress(OSError):
        shell.stdout.flush()
    return _said(shell.told(Exception(notes[0])), status.INTERRUPTED)


def _run(shell: Shell, args: list[str]) -> int:
    # apsw's shell shows on further lines where a syntax error is. One line is
    # what a script wants, so what it says is held back until all went well.
    stderr, shell.stderr = shell.stderr, io.StringIO()
    _, _, commands = shell.process_args(args)
    stderr.write(shell.stderr.getvalue())
    shell.stderr = stderr
    settings = shell.resolve()
    if shell.given.history:
        return _refresh(shell, settings)
    if not commands:
        shell.at_prompt = bool(shell.interactive)
        shell.cmdloop()
    shell.stdout.flush()
    return _failure(shell)


def _refresh(shell: Shell, settings: Settings) -> int:
    # Most people have a question, and no history.
    from dovtab.hosts import history

    said = shell.given.history
    path = said.get("refresh")
    if path is None:
        raise SettingsError(f"--{next(iter(said))} goes with --refresh FILE")
    if not path or path.startswith("-"):
        raise SettingsError("--refresh needs the name of a file: --refresh history.db")
    settings = history.without_limit(settings, shell.given.settings)
    full, quiet = "full" in said, "quiet" in said
    progress = shell.progress(draws=sys.stdout.isatty() and sys.stderr.isatty())
    if settings.all_contexts:
        return history.command_for_all(
            path, settings, full=full, quiet=quiet, observer=progress
        )
    account = "demo" if shell.given.is_demo else None
    return history.command(
        path, settings, account=account, full=full, quiet=quiet, observer=progress
    )
