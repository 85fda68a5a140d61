"""Up to which id a table is complete, while many writers insert rows into it.

Writers may commit in a different order from the one in which they took the ids of their rows. Each
writer therefore announces the last id given so far before it takes one, with an advisory lock that
ends with its transaction. Rows beyond the lowest announced id may still be incomplete.
"""

from __future__ import annotations

from sqlalchemy import Connection, Table, text

# An advisory lock of two numbers of 32 bits (objsubid 2), apart from those of one number.
_ANNOUNCE = text(
    "SELECT pg_advisory_xact_lock_shared(CAST(CAST(:table AS text) AS regclass)::oid::int, "
    "coalesce(pg_sequence_last_value(pg_get_serial_sequence(:table, 'id')::regclass), 0)::int)"
)
_LAST_ID = text(
    "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence(:table, 'id')::regclass), 0)"
)
_LOWEST_ANNOUNCED = text(
    "SELECT min(objid::bigint) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND classid = CAST(CAST(:table AS text) AS regclass)"
)


def announce(connection: Connection, table: Table) -> None:
    connection.execute(_ANNOUNCE, {"table": table.name})


def settled_id(connection: Connection, table: Table) -> int:
    names = {"table": table.name}
    # In this order: every writer that took an id up to the last one announced it before, and has
    # either committed by now or is still seen as a writer.
    last = connection.execute(_LAST_ID, names).scalar_one()
    lowest = connection.execute(_LOWEST_ANNOUNCED, names).scalar()
    return int(last if lowest is None else min(last, lowest))
