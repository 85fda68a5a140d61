"""The statements of ``kb.database.statements`` in SQLite's dialect."""

from __future__ import annotations

import json
from collections.abc import Collection

from sqlalchemy import Column, ColumnElement, Connection, Executable, Table, func, select
from sqlalchemy.dialects.sqlite import insert

from kb.database.on_conflict import insert_or_change


class SqliteStatements:
    def upsert(
        self, table: Table, keys: tuple[str, ...], update: tuple[str, ...], add: tuple[str, ...]
    ) -> Executable:
        return insert_or_change(insert, table, keys, update, add)

    def one_of(self, column: Column[int], values: Collection[int]) -> ColumnElement[bool]:
        rows = func.json_each(json.dumps(sorted(values))).table_valued("value")
        return column.in_(select(rows.c.value))

    def announce_rows(self, connection: Connection, table: Table) -> None:
        """With one writer at a time, rows appear in the order of their ids."""
