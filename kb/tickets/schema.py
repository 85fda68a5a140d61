"""Which tables keep people, tickets and episodes?

SQLAlchemy Core tables as they are at the last migration; a test compares both. Not for queries. Instants are whole
seconds since 1970 in UTC; secrets are kept as hashes only; events are append-only by trigger (in the migration).
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class Instant(TypeDecorator[dt.datetime]):
    """An aware datetime, kept as whole seconds since 1970 (rounded down)."""

    impl = Integer
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


def _words(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="")


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=text("0"))


def _at(name: str, *, optional: bool = False) -> Column[dt.datetime]:
    return Column(name, Instant, nullable=optional)


def _to(name: str, target: str, *, optional: bool = False) -> Column[int]:
    return Column(name, Integer, ForeignKey(target), nullable=optional)


ORGANISATIONS = Table(
    "organisations",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("folded", Text, nullable=False, unique=True),
    _words("category"),
    _at("created_at"),
)

PEOPLE = Table(
    "people",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("email", Text, nullable=False),
    _flag("guest"),  # an address somebody typed: never the account of the same address
    _words("name"),
    Column("role", Text, nullable=False),
    _to("organisation_id", "organisations.id", optional=True),
    _words("category"),
    Column("audience", Text, nullable=False, server_default="public"),
    Column("zone", Text, nullable=False, server_default="UTC"),
    Column("password_hash", Text),
    Column("active", Boolean, nullable=False, server_default=text("1")),
    _at("created_at"),
    UniqueConstraint("email", "guest"),
    Index(None, "organisation_id"),
)

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("person_id", Integer, ForeignKey("people.id", ondelete="CASCADE"), nullable=False, index=True),
    _at("created_at"),
    Column("expires_at", Instant, nullable=False, index=True),
)

ATTEMPTS = Table(
    "attempts",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("account", LargeBinary, nullable=False),  # hashes: a failed sign-in often holds a mistyped secret
    Column("address", LargeBinary, nullable=False),
    Column("at", Instant, nullable=False, index=True),
    Index(None, "account", "at"),
    Index(None, "address", "at"),
)

COUNTERS = Table(
    "counters",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", Integer, nullable=False),
)

TICKETS = Table(
    "tickets",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),  # the serial of the number
    _to("customer_id", "people.id"),
    _to("organisation_id", "organisations.id", optional=True),
    _to("assignee_id", "people.id", optional=True),
    Column("title", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("severity", Text, nullable=False),
    _words("severity_title"),
    _words("severity_detail"),
    _words("product"),
    _words("module"),
    _words("version"),
    Column("level", Text, nullable=False),
    _words("level_title"),
    _words("level_why"),
    _words("policy_version"),
    _words("coupon"),
    _words("episode"),
    Column("source", Text, nullable=False, server_default="web"),
    Column("copy_to", JSON, nullable=False),
    _flag("urgent"),
    _at("created_at"),
    _at("updated_at"),
    _at("closed_at", optional=True),
    _at("next_due", optional=True),  # the earliest running promise, kept with every change
    _words("next_target"),
    Index(None, "customer_id", "id"),
    Index(None, "assignee_id", "status"),
    # The queue in its own order (urgent lane, due, arrival; what is promised nothing comes last), open tickets only.
    Index(
        "ix_tickets_queue",
        text("urgent DESC"),
        text("(next_due IS NULL)"),
        "next_due",
        "id",
        sqlite_where=text("status IN ('open', 'waiting')"),
    ),
    Index("ix_tickets_next_due", "next_due", sqlite_where=text("next_due IS NOT NULL")),
)

TARGETS = Table(
    "targets",
    METADATA,
    Column("id", Integer, primary_key=True),
    _to("ticket_id", "tickets.id"),
    Column("target", Text, nullable=False),  # first response, next response, resolution
    Column("cycle", Integer, nullable=False, server_default=text("1")),
    Column("level", Text, nullable=False),
    _words("policy_version"),
    _at("started_at"),
    _at("due_at", optional=True),
    _at("met_at", optional=True),
    Column("state", Text, nullable=False),  # running, met, breached, cancelled
    Column("ledger", JSON, nullable=False),
    UniqueConstraint("ticket_id", "target", "cycle"),
)

EVENTS = Table(
    "events",
    METADATA,
    Column("id", Integer, primary_key=True),
    _to("ticket_id", "tickets.id"),
    _at("at"),
    Column("verb", Text, nullable=False),
    _to("actor_id", "people.id", optional=True),
    Column("actor", Text, nullable=False),  # the name as it was
    _flag("by_agent"),
    _flag("public"),
    _words("body"),
    Column("facts", JSON, nullable=False),
    Index(None, "ticket_id", "id"),
)

ATTACHMENTS = Table(
    "attachments",
    METADATA,
    Column("ref", Text, primary_key=True),
    _to("ticket_id", "tickets.id"),
    _to("event_id", "events.id"),
    Column("position", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("key", Text, nullable=False, index=True),
    Index(None, "ticket_id"),
    Index(None, "event_id"),
)

CONSULTED = Table(
    "consulted",
    METADATA,
    _to("ticket_id", "tickets.id"),
    Column("position", Integer, nullable=False),
    Column("document_id", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    PrimaryKeyConstraint("ticket_id", "document_id"),
    Index(None, "document_id"),
)

KEYS = Table(
    "idempotency_keys",
    METADATA,
    _to("person_id", "people.id"),
    Column("key", Text, nullable=False),
    _to("ticket_id", "tickets.id"),
    _to("event_id", "events.id"),
    _at("at"),
    PrimaryKeyConstraint("person_id", "key"),
)

LINKS = Table(
    "links",
    METADATA,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("ticket_id", Integer, ForeignKey("tickets.id"), nullable=False, index=True),
    _to("person_id", "people.id"),
    _at("created_at"),
    _at("expires_at"),
)

COUPONS = Table(
    "coupons",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("rule", Text, nullable=False),  # the key of the policy's coupon
    _to("person_id", "people.id"),
    _at("valid_from"),
    _at("valid_until"),
    Column("granted", Integer, nullable=False),
    CheckConstraint("granted >= 0", name="granted"),
)

COUPON_USES = Table(
    "coupon_uses",
    METADATA,
    _to("coupon_id", "coupons.id"),
    _to("ticket_id", "tickets.id"),
    _at("at"),
    _at("released_at", optional=True),
    PrimaryKeyConstraint("coupon_id", "ticket_id"),
)

NOTICES = Table(
    "notices",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False, unique=True),  # the same cause never makes a second notice
    _to("ticket_id", "tickets.id"),
    _to("event_id", "events.id"),
    Column("kind", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("state", Text, nullable=False, server_default="pending"),  # pending, sent, failed
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    _at("due_at"),
    _at("sent_at", optional=True),
    Index("ix_notices_pending", "due_at", sqlite_where=text("state = 'pending'")),
)

EPISODES = Table(
    "episodes",
    METADATA,
    Column("id", Text, primary_key=True),
    _at("started_at"),
    Column("last_at", Instant, nullable=False, index=True),
    _to("person_id", "people.id", optional=True),
    _to("ticket_id", "tickets.id", optional=True),
    Column("events", Integer, nullable=False, server_default=text("0")),
)

EPISODE_EVENTS = Table(
    "episode_events",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("episode_id", Text, ForeignKey("episodes.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    _at("at"),
    Column("facts", JSON, nullable=False),
)

FEEDBACK = Table(
    "feedback",
    METADATA,
    Column("document_id", Text, nullable=False),
    Column("voter", Text, nullable=False),
    Column("helpful", Boolean, nullable=False),
    _at("at"),
    PrimaryKeyConstraint("document_id", "voter"),
)
