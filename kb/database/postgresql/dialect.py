"""The statements of ``kb.database.statements`` in PostgreSQL's dialect.

Many rows are sent in one statement, with an array for each column: a statement for each row takes
client and server more time than the row itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Dialect,
    Integer,
    LargeBinary,
    Table,
    TableValuedAlias,
    Text,
    any_,
    bindparam,
    cast,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.types import TypeDecorator

from kb.database.metadata import Instant
from kb.database.postgresql.announcements import announce
from kb.database.row_statements import RowStatement, TableRows, or_change


class PostgresqlStatements:
    def insert(self, table: Table, names: tuple[str, ...]) -> RowStatement:
        return RowStatement(_insert(table, names), _as_arrays)

    def upsert(
        self,
        table: Table,
        names: tuple[str, ...],
        keys: tuple[str, ...],
        update: tuple[str, ...],
        add: tuple[str, ...],
    ) -> RowStatement:
        statement = or_change(_insert(table, names), table, keys, update, add)
        return RowStatement(statement, _as_arrays)

    def update(self, table: Table, names: tuple[str, ...], key: str) -> RowStatement:
        rows = _rows(table, names)
        values = {name: rows.c[name] for name in names if name != key}
        statement = update(table).where(table.c[key] == rows.c[key]).values(values)
        return RowStatement(statement, _as_arrays)

    def one_of(self, column: Column[int], values: Collection[int]) -> ColumnElement[bool]:
        return column == any_(_array(column, literal(sorted(values), _ArrayLiteral(str))))

    def announce_rows(self, connection: Connection, table: Table) -> None:
        announce(connection, table)


def _insert(table: Table, names: tuple[str, ...]) -> Any:
    rows = _rows(table, names)
    return insert(table).from_select(names, select(*(rows.c[name] for name in names)))


def _as_arrays(rows: TableRows) -> Mapping[str, Any]:
    return {f"new_{name}": [row[name] for row in rows] for name in rows[0]}


def _rows(table: Table, names: tuple[str, ...]) -> TableValuedAlias:
    """The rows that ``_as_arrays`` has turned into arrays."""
    arrays = []
    for name in names:
        column = table.c[name]
        written = _ArrayLiteral(_WRITERS.get(type(column.type), str))
        arrays.append(_array(column, bindparam(f"new_{name}", type_=written)))
    return func.unnest(*arrays).table_valued(*names, name="given").render_derived()


def _array(column: Column[Any], written: ColumnElement[Any]) -> ColumnElement[Any]:
    item = BigInteger() if isinstance(column.type, Integer) else column.type
    return cast(written, ARRAY(item, dimensions=1))


class _ArrayLiteral(TypeDecorator[Sequence[Any]]):
    """An array as a PostgreSQL literal; ``write`` formats each value.

    psycopg takes ten times as long to format an array.
    """

    impl = Text
    cache_ok = True

    def __init__(self, write: Callable[[Any], str]) -> None:
        super().__init__()
        self.write = write

    def process_bind_param(self, value: Sequence[Any] | None, dialect: Dialect) -> str:
        del dialect
        write = self.write
        items = ["NULL" if item is None else write(item) for item in value or ()]
        return f"{{{','.join(items)}}}"


def _quote(item: str) -> str:
    escaped = item.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'


#: Type of a column -> how its values are formatted in an array; those of other types with ``str``.
_WRITERS: Mapping[type, Callable[[Any], str]] = {
    Text: _quote,
    JSON: lambda item: _quote(json.dumps(item)),
    LargeBinary: lambda item: _quote(rf"\x{item.hex()}"),
    Instant: lambda item: str(int(item.timestamp() // 1)),
}
