"""Keep the actions of several accounts in one file, for tools that know no virtual tables.

    python examples/keep_history.py history.db prod staging

The accounts are contexts; without any it is the environment's token. Run it
as often as you like: it reads what is new. An account that cannot be read keeps no
other from its turn.
"""

from __future__ import annotations

import sys

import dovtab


def main(database: str, *contexts: str) -> int:
    failed = 0
    for context in contexts or (None,):
        try:
            done = dovtab.refresh(database, context=context)
        except dovtab.DovtabError as error:
            print(f"{context or 'default'}: {error}", file=sys.stderr)
            failed += 1
        else:
            print(f"{done.account}: {done}")
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(f"usage: {sys.argv[0]} DATABASE [CONTEXT ...]")
    sys.exit(main(*sys.argv[1:]))
