"""The statements of ``kb.database.statements`` in SQLite's dialect.

There are no round trips to save, so one statement is executed once for each row.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Executable,
    Table,
    bindparam,
    func,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from kb.database.on_conflict import or_change

#: The parameter that identifies the row to update; those named like columns are new values.
_KEY = "row_key"


class SqliteStatements:
    def insert(self, table: Table, names: tuple[str, ...]) -> Any:
        del names
        return insert(table)

    def upsert(
        self,
        table: Table,
        names: tuple[str, ...],
        keys: tuple[str, ...],
        update: tuple[str, ...],
        add: tuple[str, ...],
    ) -> Executable:
        return or_change(self.insert(table, names), table, keys, update, add)

    def update(self, table: Table, names: tuple[str, ...], key: str) -> Executable:
        del names
        return update(table).where(table.c[key] == bindparam(_KEY))

    def parameters(
        self, rows: Sequence[Mapping[str, Any]], key: str | None
    ) -> Sequence[Mapping[str, Any]]:
        if key is None:
            return rows
        renamed = []
        for row in rows:
            values = dict(row)
            renamed.append({_KEY: values.pop(key), **values})
        return renamed

    def one_of(self, column: Column[int], values: Collection[int]) -> ColumnElement[bool]:
        rows = func.json_each(json.dumps(sorted(values))).table_valued("value")
        return column.in_(select(rows.c.value))

    def announce_rows(self, connection: Connection, table: Table) -> None:
        """With one writer at a time, rows appear in the order of their ids."""
