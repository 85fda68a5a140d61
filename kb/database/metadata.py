"""METADATA, in which every table of the database is declared, and the columns that tables share.

The tables stand beside their nouns (``kb.people.tables``, ``kb.tickets.tables`` ...) as they are
after the last migration; a test compares both. Only what belongs to no noun is here: counters and
usage. Instants are whole seconds since 1970 in UTC.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TextClause,
    false,
    text,
    true,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class Instant(TypeDecorator[dt.datetime]):
    """An aware datetime, kept as whole seconds since 1970 (rounded down)."""

    impl = BigInteger  # 32 bits end in 2038
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> int | None:
        del dialect
        return None if value is None else int(value.timestamp() // 1)

    def process_result_value(self, value: int | None, dialect: Dialect) -> dt.datetime | None:
        del dialect
        return None if value is None else dt.datetime.fromtimestamp(value, tz=dt.UTC)


METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def text_column(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="")


def flag_column(name: str, *, default: bool = False) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=true() if default else false())


def instant_column(name: str, *, optional: bool = False) -> Column[dt.datetime]:
    return Column(name, Instant, nullable=optional)


def reference_column(name: str, target: str, *, optional: bool = False) -> Column[int]:
    return Column(name, Integer, ForeignKey(target), nullable=optional)


def partial_index(name: str | None, *columns: str | TextClause, where: str) -> Index:
    """An index of the rows that ``where`` selects; both dialects have them, under two options."""
    condition = text(where)
    return Index(name, *columns, sqlite_where=condition, postgresql_where=condition)


COUNTERS = Table(
    "counters",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Integer, nullable=False),
)

USAGE = Table(
    "uses",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("at", Instant, nullable=False, index=True),
    Index(None, "scope", "key", "at"),
)
