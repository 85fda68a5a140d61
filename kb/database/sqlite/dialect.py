"""The statements of ``kb.database.statements`` in SQLite's dialect.

There are no round trips to save, so one statement is executed once for each row.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import partial
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    bindparam,
    func,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from kb.database.row_statements import RowStatement, TableRows, or_change

#: The parameter that identifies the row to update; those named like columns are new values.
_KEY = "row_key"


class SqliteStatements:
    def insert(self, table: Table, names: tuple[str, ...]) -> RowStatement:
        del names
        return RowStatement(insert(table))

    def upsert(
        self,
        table: Table,
        names: tuple[str, ...],
        keys: tuple[str, ...],
        update: tuple[str, ...],
        add: tuple[str, ...],
    ) -> RowStatement:
        del names
        return RowStatement(or_change(insert(table), table, keys, update, add))

    def update(self, table: Table, names: tuple[str, ...], key: str) -> RowStatement:
        del names
        statement = update(table).where(table.c[key] == bindparam(_KEY))
        return RowStatement(statement, partial(_with_row_key, key))

    def one_of(self, column: Column[int], values: Collection[int]) -> ColumnElement[bool]:
        rows = func.json_each(json.dumps(sorted(values))).table_valued("value")
        return column.in_(select(rows.c.value))

    def announce_rows(self, connection: Connection, table: Table) -> None:
        """With one writer at a time, rows appear in the order of their ids."""


def _with_row_key(key: str, rows: TableRows) -> TableRows:
    renamed: list[dict[str, Any]] = []
    for row in rows:
        values = dict(row)
        renamed.append({_KEY: values.pop(key), **values})
    return renamed
