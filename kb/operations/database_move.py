"""Moving a database: from a SQLite file to PostgreSQL, or back, while the portal uses it.

Each table is read in the order of its primary key, in one snapshot of the source, and what differs
in the target is deleted, inserted or updated, a batch in a transaction. So an interrupted move
resumes where it stopped when it is run again, and a second run, with the portal stopped, copies
only what has changed since the first. At the end, every row is compared once more.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    and_,
    delete,
    func,
    insert,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.exc import IntegrityError

from kb.database import Database, DatabaseLocation, database_exists, open_database
from kb.database.metadata import METADATA
from kb.errors import Conflict, NotFound
from kb.privacy.inventory import INVENTORY
from kb.tickets.repository import fulltext
from kb.tickets.tables import EVENTS, INDEXED_TITLE, TICKETS

_BATCH = 1_000  # rows
#: Those that a row refers to come before its own.
_TABLES = tuple(t for t in METADATA.sorted_tables if t in {holding.table for holding in INVENTORY})

Key: TypeAlias = tuple[Any, ...]
Values: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class MovedTable:
    """``rows`` of the source; of them ``written`` had to be, and ``deleted`` were only in the
    target.
    """

    name: str
    rows: int
    written: int
    deleted: int


@dataclass(frozen=True, slots=True)
class _Batch:
    """Rows of both databases with the same range of keys; the last one has no upper end."""

    source: Mapping[Key, Values]
    target: Mapping[Key, Values]


def move_database(
    source: DatabaseLocation,
    target: DatabaseLocation,
    *,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[MovedTable, ...]:
    """Makes the target equal to the source, creating it first; the source stays as it is.

    ``progress`` gets a table's name, how many of its rows are done, and how many it has. Raises
    NotFound without a source, Conflict when the target holds something else, or when a row that
    was written is not the same when it is read, Unavailable when a database cannot be used.
    """
    if source == target:
        raise Conflict("Both are the same database; there is nothing to move.")
    if not database_exists(source):
        raise NotFound(f"{_name(source)} has no database yet, so there is nothing to move.")

    with (
        contextlib.closing(open_database(source)) as old,
        contextlib.closing(open_database(target)) as new,
        old.read() as reading,
    ):
        _refuse_other_tickets(reading, new, _name(target))
        move = _Move(reading, new, progress or (lambda *_: None))
        moved = move.run()
        move.compare()
        return moved


def _name(location: DatabaseLocation) -> str:
    """Without the password."""
    if not isinstance(location, str):
        return str(location)
    return location.rpartition("@")[2]


def _refuse_other_tickets(reading: Connection, target: Database, name: str) -> None:
    """The target may be empty, or have tickets of the source."""
    query = select(TICKETS.c.id, TICKETS.c.created_at).order_by(TICKETS.c.id.desc()).limit(_BATCH)
    with target.read() as connection:
        tickets = {(row.id, row.created_at) for row in connection.execute(query)}
    serials = TICKETS.c.id.in_([serial for serial, _ in tickets])
    known = reading.execute(select(TICKETS.c.id, TICKETS.c.created_at).where(serials))
    if tickets - {(row.id, row.created_at) for row in known}:
        raise Conflict(f"{name} holds tickets that are not in the source. Choose an empty one.")


class _Move:
    def __init__(
        self, reading: Connection, target: Database, progress: Callable[[str, int, int], None]
    ) -> None:
        self._reading = reading
        self._target = target
        self._progress = progress
        self._rebuilds_fulltext = False
        self._deleted = dict.fromkeys((table.name for table in _TABLES), 0)
        self._written = dict.fromkeys((table.name for table in _TABLES), 0)
        self._rows = {
            table.name: int(reading.execute(select(func.count()).select_from(table)).scalar_one())
            for table in _TABLES
        }

    def run(self) -> tuple[MovedTable, ...]:
        for table in reversed(_TABLES):
            self._delete_surplus(table)
        for table in _TABLES:
            own = _references_to_itself(table)
            self._write_missing(table, leave_empty=own)
            if own:
                self._write_missing(table, leave_empty=())
        if self._rebuilds_fulltext:
            self._rebuild_fulltext()
        self._set_sequences()
        return tuple(
            MovedTable(name, self._rows[name], self._written[name], self._deleted[name])
            for name in sorted(self._rows)
        )

    def compare(self) -> None:
        """Raises Conflict for the first table that is not the same."""
        for table in _TABLES:
            done = 0
            for batch in self._batches(table):
                if batch.source != batch.target:
                    raise Conflict(
                        f"The table {table.name} is not the same in both databases. Run the move "
                        f"again; if it fails again, report it."
                    )
                done += len(batch.source)
                self._progress(f"comparing {table.name}", done, self._rows[table.name])

    def _delete_surplus(self, table: Table) -> None:
        with self._target.read() as connection:
            if connection.execute(select(table).limit(1)).one_or_none() is None:
                return
        for batch in self._batches(table):
            surplus = sorted(batch.target.keys() - batch.source.keys())
            if surplus:
                self._rebuilds_fulltext |= table is EVENTS
                self._deleted[table.name] += len(surplus)
                with self._writing(table) as connection:
                    for key in surplus:
                        connection.execute(delete(table).where(_has_key(table, key)))

    def _write_missing(self, table: Table, *, leave_empty: Sequence[str]) -> None:
        done = 0
        for batch in self._batches(table):
            changed = {
                key: row | dict.fromkeys(leave_empty) if key not in batch.target else row
                for key, row in batch.source.items()
                if batch.target.get(key) != row
            }
            if changed:
                self._written[table.name] += len(changed)
                self._write(table, changed, batch.target)
            done += len(batch.source)
            self._progress(table.name, done, self._rows[table.name])

    def _write(
        self, table: Table, rows: Mapping[Key, Values], existing: Mapping[Key, Values]
    ) -> None:
        new = [row for key, row in rows.items() if key not in existing]
        with self._writing(table) as connection:
            if new:
                connection.execute(insert(table), new)
            for key, row in rows.items():
                if key in existing:
                    connection.execute(update(table).where(_has_key(table, key)).values(row))
                    self._rebuilds_fulltext |= table in (EVENTS, TICKETS)
            if table is EVENTS and new:
                _index(connection, EVENTS.c.id.in_([row["id"] for row in new]))

    @contextlib.contextmanager
    def _writing(self, table: Table) -> Iterator[Connection]:
        try:
            with self._target.write() as connection:
                yield connection
        except IntegrityError as error:
            raise Conflict(
                f"The target holds other rows in the table {table.name}. Choose an empty database."
            ) from error

    def _batches(self, table: Table) -> Iterator[_Batch]:
        """All rows of both, in the order of their keys."""
        after: Key | None = None
        while True:
            source = _rows(self._reading, table, after, None, limit=_BATCH)
            is_last = len(source) < _BATCH
            upto = None if is_last else next(reversed(source))
            with self._target.read() as connection:
                target = _rows(connection, table, after, upto, limit=None)
            yield _Batch(source, target)
            if is_last:
                return
            after = upto

    def _rebuild_fulltext(self) -> None:
        """An event that changed can only be indexed anew with all others."""
        with self._target.write() as connection:
            fulltext.clear(connection)
        after = 0
        while True:
            with self._target.write() as connection:
                ids = select(EVENTS.c.id).where(EVENTS.c.id > after).order_by(EVENTS.c.id)
                batch = connection.execute(ids.limit(_BATCH)).scalars().all()
                if not batch:
                    return
                after = batch[-1]
                _index(connection, EVENTS.c.id.in_(batch))

    def _set_sequences(self) -> None:
        """PostgreSQL counts ids in sequences, which rows that bring their id do not move."""
        with self._target.write() as connection:
            if connection.dialect.name != "postgresql":
                return
            for table in _TABLES:
                if table.autoincrement_column is None:
                    continue
                newest = connection.execute(select(func.max(table.autoincrement_column))).scalar()
                if newest:
                    name = {"table": table.name, "column": table.autoincrement_column.name}
                    connection.execute(
                        text(
                            "SELECT setval(pg_get_serial_sequence(:table, :column), :newest) "
                            "WHERE pg_get_serial_sequence(:table, :column) IS NOT NULL"
                        ),
                        {**name, "newest": newest},
                    )


def _references_to_itself(table: Table) -> tuple[str, ...]:
    """Columns that name a row of the same table, which may come later."""
    return tuple(
        column.name
        for column in table.columns
        if any(key.column.table is table for key in column.foreign_keys)
    )


def _rows(
    connection: Connection, table: Table, after: Key | None, upto: Key | None, limit: int | None
) -> dict[Key, Values]:
    columns = tuple(table.primary_key)
    query = select(table).order_by(*columns).limit(limit)
    if after is not None:
        query = query.where(_follows(columns, after))
    if upto is not None:
        query = query.where(~_follows(columns, upto))
    return {
        tuple(row[column.name] for column in columns): _comparable(dict(row))
        for row in connection.execute(query).mappings()
    }


def _follows(columns: Sequence[Column[Any]], key: Key) -> ColumnElement[bool]:
    if len(columns) == 1:
        return cast("ColumnElement[bool]", columns[0] > key[0])
    return tuple_(*columns) > tuple_(*key)


def _has_key(table: Table, key: Key) -> ColumnElement[bool]:
    return and_(*(c == value for c, value in zip(table.primary_key, key, strict=True)))


def _comparable(row: Values) -> Values:
    """Texts without the character NUL, which PostgreSQL cannot keep."""
    return {
        name: value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value
        for name, value in row.items()
    }


def _index(connection: Connection, which: ColumnElement[bool]) -> None:
    opened = EVENTS.c.verb == "opened"
    query = select(EVENTS.c.id, EVENTS.c.body, opened.label("opened"), INDEXED_TITLE.label("title"))
    joined = query.join(TICKETS, TICKETS.c.id == EVENTS.c.ticket_id).where(which)
    for row in connection.execute(joined).all():
        fulltext.index_event(connection, row.id, row.title if row.opened else "", row.body)
