"""Statements that SQL leaves to each database: many rows, upsert, leased queues, order of ids.

They work on the connection of a transaction, so that repositories need no other handle. Statements
that are plain SQL belong to the repositories.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Protocol

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    Table,
    or_,
    update,
)

from kb.database.postgresql.dialect import PostgresqlStatements
from kb.database.row_statements import RowStatement, TableRows
from kb.database.sqlite.dialect import SqliteStatements


class Statements(Protocol):
    """The statements that differ between databases. The functions below describe them.

    ``names`` are the columns of the rows, and ``key`` is the column that identifies a row to
    update.
    """

    def insert(self, table: Table, names: tuple[str, ...]) -> RowStatement: ...

    def upsert(
        self,
        table: Table,
        names: tuple[str, ...],
        keys: tuple[str, ...],
        update: tuple[str, ...],
        add: tuple[str, ...],
    ) -> RowStatement: ...

    def update(self, table: Table, names: tuple[str, ...], key: str) -> RowStatement: ...

    def one_of(self, column: Column[int], values: Collection[int]) -> ColumnElement[bool]: ...

    def announce_rows(self, connection: Connection, table: Table) -> None: ...


#: SQLAlchemy's name of a database -> its statements.
_STATEMENTS: Mapping[str, Statements] = MappingProxyType(
    {"sqlite": SqliteStatements(), "postgresql": PostgresqlStatements()}
)


def insert_rows(connection: Connection, table: Table, rows: TableRows) -> None:
    """All rows have the same columns."""
    if rows:
        _save(connection, _insert(connection.dialect.name, table, tuple(rows[0])), rows)


def upsert(
    connection: Connection,
    table: Table,
    rows: Mapping[str, Any] | TableRows,
    *,
    keys: Sequence[str],
    update: Sequence[str] = (),
    add: Sequence[str] = (),
) -> None:
    """Inserts ``rows``; where one with the same ``keys`` exists, changes that one instead.

    Columns in ``update`` take the new value, those in ``add`` grow by it; with neither, the
    existing row stays as it is. All rows have the same columns, and ``keys`` name a unique
    constraint; with ``update`` or ``add``, no two rows have the same keys.
    """
    rows = [rows] if isinstance(rows, Mapping) else rows
    if rows:
        dialect, names = connection.dialect.name, tuple(rows[0])
        statement = _upsert(dialect, table, names, tuple(keys), tuple(update), tuple(add))
        _save(connection, statement, rows)


def update_rows(connection: Connection, table: Table, rows: TableRows, *, key: str) -> None:
    """Changes the row with the same ``key`` as each of ``rows``, in all of their other columns."""
    if rows:
        _save(connection, _update(connection.dialect.name, table, tuple(rows[0]), key), rows)


def _save(connection: Connection, prepared: RowStatement, rows: TableRows) -> None:
    statement, parameters = prepared
    connection.execute(statement, rows if parameters is None else parameters(rows))


# Building a statement takes as long as executing it.


@lru_cache(maxsize=16)
def _insert(dialect: str, table: Table, names: tuple[str, ...]) -> RowStatement:
    return _STATEMENTS[dialect].insert(table, names)


@lru_cache(maxsize=64)
def _upsert(
    dialect: str,
    table: Table,
    names: tuple[str, ...],
    keys: tuple[str, ...],
    update: tuple[str, ...],
    add: tuple[str, ...],
) -> RowStatement:
    return _STATEMENTS[dialect].upsert(table, names, keys, update, add)


@lru_cache(maxsize=16)
def _update(dialect: str, table: Table, names: tuple[str, ...], key: str) -> RowStatement:
    return _STATEMENTS[dialect].update(table, names, key)


def one_of(
    connection: Connection, column: Column[int], values: Collection[int]
) -> ColumnElement[bool]:
    """The column has one of many values, which are sent as one parameter."""
    return _STATEMENTS[connection.dialect.name].one_of(column, values)


def announce_rows(connection: Connection, table: Table) -> None:
    """Call this before a transaction inserts rows into a table that ``Database.settled`` reads.

    Writers without a subject don't need it, because no other writer runs beside them.
    """
    _STATEMENTS[connection.dialect.name].announce_rows(connection, table)


def is_unclaimed(table: FromClause, now: dt.datetime) -> ColumnElement[bool]:
    """The rows of a leased queue that nobody holds: never claimed, or their lease is over."""
    return or_(table.c.leased_until.is_(None), table.c.leased_until <= now)


def claim(
    connection: Connection, query: Select[Any], *, lease: dt.timedelta, now: dt.datetime
) -> Sequence[Row[Any]]:
    """Leases the rows of ``query`` that nobody holds until ``now + lease``, and returns them.

    ``query`` selects one table with the columns ``id`` and ``leased_until``. A worker that dies
    loses nothing: once its lease is over, anybody may claim the row again. Two workers never claim
    the same row, because the rows are locked (PostgreSQL, which skips those that others have
    locked) or the whole transaction is (SQLite, which ignores FOR UPDATE).
    """
    (table,) = query.columns_clause_froms  # get_final_froms() would compile the query
    unclaimed = query.where(is_unclaimed(table, now))
    rows = connection.execute(unclaimed.with_for_update(skip_locked=True)).all()

    if rows:
        claimed = update(table).where(table.c.id.in_([row.id for row in rows]))  # type: ignore[arg-type]
        connection.execute(claimed.values(leased_until=now + lease))

    return rows
