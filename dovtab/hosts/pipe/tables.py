"""The tables of a connection: SQLite's structures in, the engine's answers out.

Sources: https://sqlite.org/vtab.html, https://sqlite.org/c3ref/index_info.html
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from dovtab.engine.session import Session
from dovtab.hosts.pipe import wire
from dovtab.hosts.pipe.wire import Reader, WireError

if TYPE_CHECKING:
    # A program that only loads the extension starts without these.
    from dovtab.engine.acting.transaction import Transaction
    from dovtab.engine.all_accounts import AllAccounts
    from dovtab.engine.reading.planner import Plan
    from dovtab.engine.table import RecordTable, VirtualTable

INSERT, UPDATE, DELETE = range(3)
# Bits of colUsed: the last of them stands for all the columns from there on.
_COLUMNS = 64


class Tables:
    """What xConnect has made, by the extension's numbers.

    Attributes:
        created: by CREATE VIRTUAL TABLE in the temporary database: its statement.
    """

    def __init__(self, session: Session) -> None:
        self.created: dict[int, str] = {}
        self._session = session
        self._tables: dict[int, VirtualTable | AllAccounts | RecordTable] = {}

    def connect(self, reader: Reader) -> bytes:
        """xConnect and xCreate."""
        id, module, database, name = reader.u32(), reader.text(), reader.text(), reader.text()
        arguments = [wire.plain(value) for value in reader.values()]
        reader.end()
        table = self._tables[id] = self._session.connect(module, database, name, arguments)
        if database == "temp":
            quoted = name.replace('"', '""')
            given = ", ".join(map(str, arguments))
            self.created[id] = f'CREATE VIRTUAL TABLE temp."{quoted}" USING {module}({given})'
        writable = struct.pack("<B", table.transaction is not None)
        return writable + wire.number(table.columns) + wire.text(table.schema)

    def disconnect(self, id: int) -> None:
        """xDisconnect."""
        self._tables.pop(id, None)
        self.created.pop(id, None)

    def destroy(self, id: int) -> None:
        """xDestroy.

        Raises:
            NotAllowedError: it has actions to send.
        """
        transaction = self._transaction(id)
        self._session.statements.check_drop(transaction)

    def best_index(self, reader: Reader) -> bytes:
        """xBestIndex."""
        from dovtab.engine.table import IndexConstraint, IndexInfo

        table = self.find(reader.u32())
        constraints = [
            IndexConstraint(reader.i32(), reader.u8(), bool(reader.u8()), bool(reader.u8()))
            for _ in range(reader.count())
        ]
        order_by, distinct, used = reader.u32(), reader.u32(), reader.i64()
        reader.end()
        plan = table.best_index(IndexInfo(constraints, order_by, distinct, _columns(used)))
        return b"\0" if plan is None else b"\1" + _encoded(plan)

    def update(self, reader: Reader) -> bytes:
        """xUpdate; gives the rowid."""
        table, operation = self.find(reader.u32()), reader.u8()
        rowid, values = reader.value(), [wire.plain(value) for value in reader.values()]
        reader.end()
        if table.transaction is None:
            raise WireError("this table is read only")
        if operation == UPDATE:
            table.update()
        if operation == DELETE:
            table.delete()
        given = rowid if isinstance(rowid, int) else None
        return struct.pack("<q", table.insert(given, values))

    def sync(self, id: int) -> None:
        """xSync."""
        self._transaction(id).sync()

    def befell(self, reader: Reader) -> None:
        """xBegin, xCommit, xRollback, and what befalls a savepoint."""
        transaction, event, number = self._transaction(reader.u32()), reader.u8(), reader.i32()
        reader.end()
        without: list[Callable[[], None]] = [
            transaction.begin,
            transaction.commit,
            transaction.rollback,
        ]
        within = [transaction.savepoint, transaction.release, transaction.rollback_to]
        if event >= len(without) + len(within):
            raise WireError(f"event {event} of a transaction")
        if event < len(without):
            without[event]()
        else:
            within[event - len(without)](number)

    def find(self, id: int) -> VirtualTable | AllAccounts | RecordTable:
        """The table with this number.

        Raises:
            WireError: there is none.
        """
        if id not in self._tables:
            raise WireError(f"no table {id}")
        return self._tables[id]

    def _transaction(self, id: int) -> Transaction:
        table = self.find(id)
        if table.transaction is None:
            raise WireError("this table is read only")
        return table.transaction


def _columns(used: int) -> Iterator[int]:
    return (n for n in range(_COLUMNS) if used >> n & 1)


def _encoded(plan: Plan) -> bytes:
    usages = [struct.pack("<iBB", u.argv_index, u.omit, u.all_at_once) for u in plan.usages]
    costs = struct.pack("<dqB", plan.cost, plan.rows, plan.unique)
    return b"".join((wire.number(len(usages)), *usages, costs, wire.text(plan.idx_str)))
