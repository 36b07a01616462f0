"""PEP 249, as the test suite that its authors' circle has written holds drivers to it."""

from __future__ import annotations

import os
from pathlib import Path

import dbapi20
import pytest

import dovtab.dbapi


class TestCompliance(dbapi20.DatabaseAPI20Test):  # type: ignore[misc]
    driver = dovtab.dbapi

    @pytest.fixture(autouse=True)
    def in_a_file(self, tmp_path: Path) -> None:
        self.connect_args = (os.fspath(tmp_path / "compliance.db"),)

    # What a driver may leave out, or has to say for itself.

    def test_nextset(self) -> None:
        assert not hasattr(self.driver.Cursor, "nextset")

    def test_non_idempotent_close(self) -> None:
        connection = self.driver.connect()
        connection.close()
        connection.close()

    def test_setoutputsize(self) -> None:
        self.driver.connect().cursor().setoutputsize(1000)

    def test_description(self) -> None:
        with self.driver.connect(*self.connect_args) as connection:
            cursor = connection.cursor()
            self.executeDDL1(cursor)
            assert cursor.description is None
            cursor.execute(f"SELECT name, 1 AS number FROM {self.table_prefix}booze")
            (name, code, *others), (number, unknown, *_) = cursor.description
            # varchar is no type of SQLite's, and an expression has none.
            assert (name, code, number, unknown) == ("name", None, "number", None)
            assert others == [None] * 5
            cursor.execute("SELECT id, type FROM droplet_actions WHERE id = 0")
            assert [c[1] for c in cursor.description] == [
                dovtab.dbapi.NUMBER,
                dovtab.dbapi.STRING,
            ]
        connection.close()
