"""The options of the command, and what it says of itself.

Every setting has an option of the same name, but the token, which others would see in the
list of processes; a test compares the two. Options come before the database. What stands
after it is SQL, and to SQL an option is a comment: it would be done without, and nobody
told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import apsw

from dovtab.version import VERSION

USAGE = """\
Usage: dovtab [OPTIONS] [DATABASE [SQL|CMD ...]]
       dovtab [--context NAME | --all-contexts] --refresh FILE
       dovtab --hub FILE
       dovtab --examples [NAME]

DigitalOcean Droplet actions as a SQLite table, in SQLite's shell.

DATABASE is a file, made if it does not exist, or :memory:. Without SQL the
shell is interactive. The API token comes from DIGITALOCEAN_TOKEN,
DIGITALOCEAN_ACCESS_TOKEN, or doctl's config file. A context is one of doctl's,
or NAME where there is a variable DIGITALOCEAN_TOKEN_NAME.

   --demo               a simulated account with an inventory; needs no token
   --read-only          starting actions is off
   --dry-run            actions give the request they would send, and send none
   --max-actions N      the most Droplets that a transaction acts on; 0: any
   --context NAME       use the token of this context
   --all-contexts       all_droplet_actions and all_droplets, over all contexts;
                        with --refresh: the history of each
   --verbose, -v        tell of each request, retry and wait on stderr
   --refresh FILE       keep the account's actions in this file; for cron
   --full               the same, and read all of them again
   --quiet              the same, and say nothing when all went well
   --hub FILE           declare the tables in this file, for lists of tables
   --loadable-path      where the extension for other programs is: .load PATH
   --examples [NAME]    where the examples are and what they do; or one of them
   --version            show the versions
   --help [TOPIC]       show this, or a page: acting, asking, settings, ...;
                        exit: what the exit status means

Limits and places, as NAME VALUE or NAME=VALUE:

   --max-requests N (500 a statement)   --timeout-seconds N (30 a request)
   --max-wait-seconds N (120)           --concurrency N (16)
   --cache-seconds N (5)                --log FILE|off
   --api-url URL  --quota-folder PATH|off  --look-ahead off  --account-list off

Output modes and the other options are those of SQLite's shell:

   -box -column -csv -html -json -jsonl -line -list -markdown -table ...
   -[no]header  -separator TEXT  -nullvalue TEXT  -init FILE
   -bail  -batch  -echo  -interactive  -nocolour  -encoding NAME
"""

VERSIONS = f"dovtab {VERSION} (SQLite {apsw.sqlite_lib_version()}, APSW {apsw.apsw_version()})"

DEMO_INTRO = """\
A simulated account, gone when this ends: nothing here costs money. Try
  .tables
  SELECT name, type, a.status, started_at
  FROM droplets JOIN droplet_actions a USING (droplet_id) LIMIT 5;
  SELECT droplet_actions_post(3164444, 'reboot');
  SELECT method, path, status, duration_ms FROM dovtab_requests;
"""

# The settings that an option makes, and those that its value is.
FLAGS = {
    "read-only": {"allow_actions": False},
    "dry-run": {"dry_run": True},
    "all-contexts": {"all_contexts": True},
}
OF_VALUES = (
    *("max_actions", "context", "max_requests", "max_wait_seconds", "timeout_seconds"),
    *("concurrency", "cache_seconds", "log", "api_url", "quota_folder", "look_ahead"),
    "account_list",
)
VALUES = {setting.replace("_", "-"): setting for setting in OF_VALUES} | {"refresh": "refresh"}
HISTORY_FLAGS = frozenset({"full", "quiet"})
VERBOSE = frozenset({"verbose", "v"})
# What a simulated account decides for itself.
OF_ACCOUNT = frozenset({"context", "all_contexts", "api_url"})

# Of SQLite's shell, beside its output modes.
_THEIRS = {"init", "separator", "nullvalue", "encoding"}
_THEIR_FLAGS = {"header", "noheader", "bail", "batch", "echo", "interactive", "nocolour"}
_WITH_VALUE = _THEIRS | VALUES.keys()
_ALONE = {"hub", "examples", "loadable-path", "version", "help"}
_NAMES = (
    _WITH_VALUE | _THEIR_FLAGS | _ALONE | FLAGS.keys() | HISTORY_FLAGS | {"demo", "verbose"}
)
# difflib's measure, of which 1 is the same.
_ALIKE = 0.7
_OPTION = re.compile(r"--?[a-z][a-z-]*(=.*)?", re.I | re.S)


def misplaced(args: Sequence[str]) -> str | None:
    """The first option after the database.

    >>> misplaced(["-box", "--context", "prod", "my.db", "SELECT 1", "--max-actions=3"])
    '--max-actions'
    >>> misplaced(["my.db", "-- a comment", "SELECT -1"]) is None
    True
    """
    rest = list(args)
    while rest and rest[0].startswith("-"):
        rest = rest[2 if rest[0].lstrip("-") in _WITH_VALUE else 1 :]
    found = next((arg for arg in rest[1:] if _OPTION.fullmatch(arg)), None)
    return None if found is None else found.partition("=")[0]


def unknown(name: str, modes: Iterable[str] = ()) -> str:
    """What to say of an option that there is not.

    Args:
        modes: the shell's output modes.

    >>> unknown("max_request")
    "there is no option 'max_request': did you mean --max-requests? dovtab --help shows them"
    >>> unknown("nothing")
    "there is no option 'nothing'; dovtab --help shows them"
    """
    # Few misspell one.
    from difflib import get_close_matches

    modes = set(modes)
    names, meant = _NAMES | modes, name.lower().replace("_", "-")
    # What was cut short is nearer than it looks.
    begun = sorted(known for known in names if meant and known.startswith(f"{meant}-"))
    near = begun or get_close_matches(meant, names, n=1, cutoff=_ALIKE)
    said = " or ".join(f"-{one}" if one in modes else f"--{one}" for one in near)
    hint = f": did you mean {said}?" if said else ";"
    return f"there is no option '{name}'{hint} dovtab --help shows them"
