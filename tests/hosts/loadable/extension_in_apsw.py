"""The extension in apsw, whose SQLite is the one of the other door: it plans queries alike."""

from __future__ import annotations

import os

import apsw
import pytest

from by_property.doors import ApswDoor
from dovtab.errors import SettingsError
from dovtab.hosts import loadable


def open_with_extension(settings: dict[str, str], database: str = ":memory:") -> ApswDoor:
    """A connection with the extension, and these as its environment; or the test is skipped."""
    try:
        extension = loadable.path()
    except SettingsError as error:
        pytest.skip(str(error))
    connection = apsw.Connection(database)
    if not hasattr(connection, "enable_load_extension"):
        pytest.skip("this apsw cannot load extensions")
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith(("DIGITALOCEAN_", "DOVTAB_"))]:
            patch.delenv(name)
        for name, value in settings.items():
            patch.setenv(name, value)
        connection.enable_load_extension(True)
        connection.load_extension(extension)
        connection.enable_load_extension(False)
    return ApswDoor(connection)
