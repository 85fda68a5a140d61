"""The statements of ``kb.database.statements`` in PostgreSQL's dialect."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import BigInteger, Column, ColumnElement, Executable, Table, any_, literal
from sqlalchemy.dialects.postgresql import ARRAY, insert


class PostgresqlStatements:
    def upsert(
        self, table: Table, keys: tuple[str, ...], update: tuple[str, ...], add: tuple[str, ...]
    ) -> Executable:
        statement = insert(table)
        if not update and not add:
            return statement.on_conflict_do_nothing(index_elements=keys)

        new_values: dict[str, ColumnElement[Any]] = {}
        new_values.update((name, statement.excluded[name]) for name in update)
        new_values.update((name, table.c[name] + statement.excluded[name]) for name in add)
        return statement.on_conflict_do_update(index_elements=keys, set_=new_values)

    def one_of(self, column: Column[int], values: Collection[int]) -> ColumnElement[bool]:
        return column == any_(literal(sorted(values), ARRAY(BigInteger)))
