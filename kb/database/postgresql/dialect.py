"""The statements of ``kb.database.statements`` in PostgreSQL's dialect."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Executable,
    Table,
    any_,
    literal,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert

from kb.database.on_conflict import insert_or_change
from kb.database.postgresql.announcements import announce


class PostgresqlStatements:
    def upsert(
        self, table: Table, keys: tuple[str, ...], update: tuple[str, ...], add: tuple[str, ...]
    ) -> Executable:
        return insert_or_change(insert, table, keys, update, add)

    def one_of(self, column: Column[int], values: Collection[int]) -> ColumnElement[bool]:
        return column == any_(literal(sorted(values), ARRAY(BigInteger)))

    def announce_rows(self, connection: Connection, table: Table) -> None:
        announce(connection, table)
