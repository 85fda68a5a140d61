"""Up to which id a table is complete, while many writers insert rows into it.

Writers commit in another order than that in which they took the ids of their rows. So each of them
announces, before it takes one, the last id that was given so far, as an advisory lock that ends
with its transaction. What is beyond the lowest announced id may still be incomplete.
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
    # In this order: whoever took an id up to the last one had announced it before, and has either
    # committed by now or is still seen as a writer.
    last = connection.execute(_LAST_ID, names).scalar_one()
    lowest = connection.execute(_LOWEST_ANNOUNCED, names).scalar()
    return int(last if lowest is None else min(last, lowest))
