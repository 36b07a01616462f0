"""Where the loadable extension is, and how Python's own sqlite3 loads it.

Many Pythons are built without ``enable_load_extension``: python.org's for macOS and
those of pyenv among them. Their SQLite can load extensions all the same, if it is a
library of its own; it is called directly then.

Sources: https://sqlite.org/loadext.html,
https://docs.python.org/3/library/sqlite3.html#sqlite3.Connection.enable_load_extension
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import sqlite3
import sys
import sysconfig
from pathlib import Path
from typing import Any

from dovtab.errors import SettingsError

FOLDER = Path(__file__).resolve().parents[1]
SUFFIX = ".dylib" if sys.platform == "darwin" else ".so"
# Beside the extension: which Python runs its helper, where no path leads to it.
INTERPRETER = "dovtab.python"
# Entry points: all that the environment allows, and reading alone, whatever that says.
ALL, READING = "sqlite3_dovtab_init", "sqlite3_dovtabread_init"

_INIT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


def path(folder: Path = FOLDER) -> str:
    """The extension's path without its suffix, which SQLite adds.

    Raises:
        SettingsError: it is not there.
    """
    file = folder / f"dovtab{SUFFIX}"
    if not file.exists():
        raise SettingsError(f"there is no loadable extension {file}: {_remedy()}")
    _remember_interpreter(folder)
    return str(file.with_suffix(""))


def load(connection: sqlite3.Connection, entry_point: str = ALL) -> None:
    """Load it into a connection.

    Raises:
        TypeError: it is no connection of a library like sqlite3.
        SettingsError: it is not there, or there is no way to load it.
        sqlite3.Error: it could not start.
    """
    if not (isinstance(connection, sqlite3.Connection) or _can_load(connection)):
        kind = f"{type(connection).__module__}.{type(connection).__name__}"
        raise TypeError(f"dovtab.load needs a sqlite3.Connection, not a {kind}")
    extension = path()
    if not _can_load(connection):
        # Raises if it is closed.
        connection.cursor().close()
        _call_directly(connection, extension + SUFFIX, entry_point)
        return
    connection.enable_load_extension(True)
    try:
        # The method takes an entry point only since Python 3.12.
        connection.execute("SELECT load_extension(?, ?)", (extension, entry_point)).fetchone()
    finally:
        connection.enable_load_extension(False)


def _can_load(connection: object) -> bool:
    return hasattr(connection, "enable_load_extension")


def _remedy() -> str:
    if sys.platform == "win32":
        return "it is not made for Windows; dovtab.connect() and the command dovtab work there"
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    lacking = "" if shutil.which(compiler) else f" ({compiler} is not there)"
    return (
        f"it takes a C compiler{lacking} and SQLite's headers when dovtab is installed. On"
        " Debian or Ubuntu: apt install gcc libsqlite3-dev; then install dovtab again as before,"
        " with pip's options --force-reinstall --no-deps --no-cache-dir"
    )


def _remember_interpreter(folder: Path) -> None:
    """An installed package lies beside its Python; one that is edited in place does not."""
    note = folder / INTERPRETER
    with contextlib.suppress(OSError):
        said = note.read_text(encoding="utf-8").strip() if note.exists() else ""
        installed = folder.parent.name in ("site-packages", "dist-packages") and not said
        if not installed and not os.access(said, os.X_OK):
            note.write_text(f"{sys.executable}\n", encoding="utf-8")


def _call_directly(connection: sqlite3.Connection, file: str, entry_point: str) -> None:
    """What SQLite's loader does, but for asking whether it may.

    Where a connection has its ``sqlite3*`` is read off one whose is known.
    """
    try:
        sqlite = ctypes.CDLL(_module_file())
        register, cancel = sqlite.sqlite3_auto_extension, sqlite.sqlite3_cancel_auto_extension
    except (AttributeError, OSError):
        raise SettingsError(_NO_WAY) from None
    seen: list[int] = []

    def note(db: int, error: int, api: int) -> int:
        seen[:] = [db, api]
        return 0

    opened = _INIT(note)
    register(opened)
    try:
        with contextlib.closing(sqlite3.connect(":memory:")) as known:
            if not seen or _handle(known) != seen[0]:
                raise SettingsError(_NO_WAY)
    finally:
        cancel(opened)
    error = ctypes.c_char_p()
    init = getattr(ctypes.CDLL(file), entry_point)
    init.argtypes = [ctypes.c_void_p] * 3
    if init(_handle(connection), ctypes.addressof(error), seen[1]) != 0:
        raise sqlite3.OperationalError((error.value or b"dovtab: it cannot start").decode())


_NO_WAY = (
    "this Python's sqlite3 cannot load extensions (it has no enable_load_extension), and its"
    " SQLite cannot be reached another way: use dovtab.connect(), or a Python that can, such as"
    " the system's own"
)


def _module_file() -> str:
    import _sqlite3

    module: Any = _sqlite3
    return str(module.__file__)


def _handle(connection: sqlite3.Connection) -> int:
    # The first thing after what every object of Python's begins with.
    return ctypes.c_size_t.from_address(id(connection) + object.__basicsize__).value
