"""The options of the command, and what it says of itself.

They come before the database. What stands after it is SQL, and to SQL an option
is a comment: it would be done without, and nobody told.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import apsw

from dovtab.version import VERSION

USAGE = """\
Usage: dovtab [OPTIONS] [DATABASE [SQL|CMD ...]]
       dovtab [--context NAME | --all-contexts] --refresh FILE
       dovtab --hub FILE

DigitalOcean Droplet actions as a SQLite table, in SQLite's shell.

DATABASE is a file, made if it does not exist, or :memory:. Without SQL the
shell is interactive. The API token comes from DIGITALOCEAN_TOKEN,
DIGITALOCEAN_ACCESS_TOKEN, or doctl's config file. A context is one of doctl's,
or NAME where there is a variable DIGITALOCEAN_TOKEN_NAME.

   --demo               a simulated account and a table inventory; needs no token
   --read-only          starting actions is off
   --dry-run            actions give the request they would send, and send nothing
   --max-actions N      on how many Droplets a transaction may act; 0: on any number
   --context NAME       use the token of this context
   --all-contexts       tables over all contexts: all_droplet_actions, all_droplets;
                        with --refresh: the history of each
   --api-url URL        where the API is
   --refresh FILE       keep the account's actions in a table of this file; for cron
   --full               the same, and read all of them again
   --quiet              the same, and say nothing when all went well
   --hub FILE           declare the tables in this file, for tools that list them
   --loadable-path      where the extension for other programs is: .load PATH
   --version            show the versions
   --help               show this

Output modes and the other options are those of SQLite's shell:

   -box -column -csv -html -json -jsonl -line -list -table ...
   -[no]header  -separator TEXT  -nullvalue TEXT  -init FILE
   -bail  -batch  -echo  -interactive  -nocolour  -encoding NAME
"""

VERSIONS = f"dovtab {VERSION} (SQLite {apsw.sqlite_lib_version()}, APSW {apsw.apsw_version()})"

DEMO_INTRO = """\
A simulated account: nothing here costs money, or stops a machine. Try
  .tables
  SELECT name, type, a.status, started_at
  FROM droplets JOIN droplet_actions a USING (droplet_id) LIMIT 5;
  SELECT droplet_actions_post(3164444, 'reboot');
  SELECT method, path, status, duration_ms FROM dovtab_requests;
"""

# The settings that an option makes, and the one that its value is.
FLAGS = {
    "read-only": {"allow_actions": False},
    "dry-run": {"dry_run": True},
    "all-contexts": {"all_contexts": True},
}
VALUES = {
    "context": "context",
    "api-url": "api_url",
    "max-actions": "max_actions",
    "refresh": "refresh",
}
HISTORY_FLAGS = frozenset({"full", "quiet"})
# What a simulated account decides for itself.
OF_ACCOUNT = frozenset({"context", "all_contexts", "api_url"})

_WITH_VALUE = {"init", "separator", "nullvalue", "encoding", *VALUES}
_OPTION = re.compile(r"--?[a-z][a-z-]*", re.I)


def misplaced(args: Sequence[str]) -> str | None:
    """The first option after the database.

    >>> misplaced(["-box", "--context", "prod", "my.db", "SELECT 1", "--dry-run"])
    '--dry-run'
    >>> misplaced(["my.db", "-- a comment", "SELECT -1"]) is None
    True
    """
    rest = list(args)
    while rest and rest[0].startswith("-"):
        rest = rest[2 if rest[0].lstrip("-") in _WITH_VALUE else 1 :]
    return next((arg for arg in rest[1:] if _OPTION.fullmatch(arg)), None)
