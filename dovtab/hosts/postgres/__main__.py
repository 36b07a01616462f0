"""``python -m dovtab.hosts.postgres`` prints the SQL that sets up a database.

It is run with the Python that dovtab was installed with for the server: where that has its
modules is what the functions are told.
"""

from __future__ import annotations

import argparse
import sys
import sysconfig
from pathlib import Path

from dovtab.hosts.postgres.setup_sql import setup_sql


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser(
        prog="python -m dovtab.hosts.postgres",
        description="Print the SQL that sets up a PostgreSQL database: ... | psql DATABASE",
    )
    parser.add_argument(
        "--foreign-tables",
        action="store_true",
        help="with foreign tables too: the server needs the extension multicorn2",
    )
    given = parser.parse_args()
    package = Path(__file__).resolve().parents[3]
    folders = [str(package), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    sql = setup_sql(
        list(dict.fromkeys(folders)),
        (sys.version_info.major, sys.version_info.minor),
        foreign_tables=given.foreign_tables,
    )
    sys.stdout.write(sql)


if __name__ == "__main__":
    main()
