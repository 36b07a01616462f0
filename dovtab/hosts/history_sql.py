"""The tables of a history, and the statements that keep it, made of a table's facts.

Beside the history itself are two small tables. `OTHERS` has the ids of the account's
list that are no rows of the history, and those rows that the list has no more: so its
total can be checked. `ACCOUNTS` has, of each account, how far its history is.

A statement takes its account as ``:account``.

Sources: https://sqlite.org/lang_upsert.html, https://sqlite.org/withoutrowid.html
"""

from __future__ import annotations

from dovtab.resources import Table

OTHERS, ACCOUNTS = "dovtab_other_actions", "dovtab_history"
# Where rows gather until they are written.
_GATHERED = "temp.dovtab_gathered"
_STARTED = "started_at"
# As many as tell one account from another, whatever the two have in common.
_LATEST = 200
_OF = "WHERE account = :account"


class HistorySql:
    """The statements of one table's history.

    Attributes:
        name: of the history.
        columns: by table, those that it has to have, and its key.
        gather_table, gather: make the temporary table, and put a row there.
        listed, others: the ids that are in the account's list, rows and not.
        open: of the rows, those that had not ended.
        latest: of the rows, some that came last: the id, and what never changes of it.
        source: where they came from.
        name_of: what the account is called that came from there.
        count_new, count_ended: of what was gathered.
        write: bring it into the history.
        gone: one id is in the list no more.
        account: how far it is.
        counts: how many rows there are, and how many ids are in the list.
    """

    def __init__(self, table: Table) -> None:
        reads, visible = table.reads, [column.name for column in table.visible]
        assert reads.keep is not None
        assert reads.ended is not None
        self.name = f"{table.name}_history"
        self.columns = {
            self.name: (("account", *visible), ("account", "id")),
            OTHERS: (("account", "id", "what"), ("account", "id")),
            ACCOUNTS: (
                ("account", "refreshed_at", "is_whole", "total", "source"),
                ("account",),
            ),
        }
        # As the file will show them.
        self.tables = [" ".join(made.split()) for made in self._tables(table)]
        typed = ", ".join(f"{column.name} {column.type}" for column in table.visible[1:])
        self.gather_table = (
            "CREATE TEMP TABLE dovtab_gathered("
            f"{visible[0]} INTEGER PRIMARY KEY ON CONFLICT REPLACE, {typed})"
        )
        self.gather = f"INSERT INTO {_GATHERED} VALUES ({', '.join('?' * len(visible))})"
        words = ", ".join(f"'{word}'" for word in sorted(reads.ended[1]))
        self._read(f"ifnull({reads.ended[0]}, '') NOT IN ({words})", reads.constant)
        self._count(f"{reads.keep[0]} = '{reads.keep[1]}'", reads.ended[0], words)
        self._write(f"{reads.keep[0]} = '{reads.keep[1]}'", visible)

    def _tables(self, table: Table) -> tuple[str, ...]:
        name, parent = self.name, table.reads.parent[-1]
        typed = ", ".join(f"{column.name} {column.type}" for column in table.visible[1:])
        return (
            f"""CREATE TABLE IF NOT EXISTS main.{name}(
                account TEXT NOT NULL, id INTEGER NOT NULL, {typed},
                PRIMARY KEY (account, id))""",
            f"""CREATE INDEX IF NOT EXISTS main.{name}_by_{parent}
                ON {name}({parent}, {_STARTED})""",
            f"CREATE INDEX IF NOT EXISTS main.{name}_by_time ON {name}({_STARTED})",
            f"""CREATE TABLE IF NOT EXISTS main.{OTHERS}(
                account TEXT NOT NULL, id INTEGER NOT NULL, what TEXT NOT NULL,
                PRIMARY KEY (account, id)) WITHOUT ROWID""",
            f"""CREATE TABLE IF NOT EXISTS main.{ACCOUNTS}(
                account TEXT NOT NULL PRIMARY KEY, refreshed_at TEXT,
                is_whole INTEGER NOT NULL, total INTEGER, source TEXT)""",
        )

    def _read(self, is_open: str, constant: tuple[str, ...]) -> None:
        gone = f"SELECT id FROM main.{OTHERS} {_OF} AND what = 'gone'"
        self.listed = f"SELECT id FROM main.{self.name} {_OF} AND id NOT IN ({gone})"
        self.open = f"{self.listed} AND {is_open}"
        self.latest = f"""SELECT {", ".join(("id", *constant))} FROM main.{self.name} {_OF}
            AND id IN ({self.listed}) ORDER BY id DESC LIMIT {_LATEST}"""
        self.others = f"SELECT id FROM main.{OTHERS} {_OF} AND what = 'other'"
        self.source = f"SELECT source FROM main.{ACCOUNTS} {_OF}"
        self.name_of = f"SELECT account FROM main.{ACCOUNTS} WHERE source = ? ORDER BY account"
        self.counts = f"""SELECT (SELECT count(*) FROM main.{self.name} {_OF}),
            (SELECT count(*) FROM ({self.listed} UNION ALL {self.others}))"""

    def _count(self, kept: str, status: str, words: str) -> None:
        joined = f"""SELECT count(*) FROM {_GATHERED} g LEFT JOIN main.{self.name} h
            ON h.account = :account AND h.id = g.id WHERE g.{kept}"""
        self.count_new = f"{joined} AND h.id IS NULL"
        self.count_ended = f"""{joined} AND h.id IS NOT NULL AND g.{status} IN ({words})
            AND ifnull(h.{status}, '') NOT IN ({words})"""

    def _write(self, kept: str, visible: list[str]) -> None:
        names = ", ".join(visible)
        changes = ", ".join(f"{name} = excluded.{name}" for name in visible[1:])
        self.write = (
            f"""INSERT INTO main.{self.name}(account, {names})
                SELECT :account, {names} FROM {_GATHERED} WHERE {kept}
                ON CONFLICT (account, id) DO UPDATE SET {changes}""",
            f"DELETE FROM main.{OTHERS} {_OF} AND id IN (SELECT id FROM {_GATHERED})",
            f"""INSERT INTO main.{OTHERS}(account, id, what)
                SELECT :account, id, 'other' FROM {_GATHERED} WHERE ({kept}) IS NOT TRUE""",
            f"DELETE FROM {_GATHERED}",
        )
        # A row of the history stays: it happened. It only does not count any more.
        self.gone = f"""INSERT INTO main.{OTHERS}(account, id, what)
            VALUES (:account, :id, 'gone')
            ON CONFLICT (account, id) DO UPDATE SET what = 'gone'"""
        self.account = f"""INSERT INTO main.{ACCOUNTS}
            (account, refreshed_at, is_whole, total, source)
            VALUES (:account, :whole_at, :whole_at IS NOT NULL, :total, :source)
            ON CONFLICT (account) DO UPDATE SET source = excluded.source,
                refreshed_at = ifnull(excluded.refreshed_at, refreshed_at),
                is_whole = excluded.is_whole, total = excluded.total"""
