"""Which tables keep people, tickets and episodes?

SQLAlchemy Core tables as they are at the last migration; a test compares both. Not for queries.
Instants are whole seconds since 1970 in UTC; secrets are kept as hashes only; events are
append-only by trigger (in the migration).
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


def words_column(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="")


def flag_column(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=text("0"))


def at_column(name: str, *, optional: bool = False) -> Column[dt.datetime]:
    return Column(name, Instant, nullable=optional)


def link_column(name: str, target: str, *, optional: bool = False) -> Column[int]:
    return Column(name, Integer, ForeignKey(target), nullable=optional)


ORGANISATIONS = Table(
    "organisations",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("folded", Text, nullable=False, unique=True),
    words_column("category"),
    at_column("created_at"),
    flag_column("shared_view"),  # contacts see each other's tickets (B34)
    Column("licence_addresses", JSON, nullable=False, server_default=text("'[]'")),
    at_column("contract_from", optional=True),
    at_column("contract_until", optional=True),
    words_column("location"),
    words_column("phone"),
)

PEOPLE = Table(
    "people",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("email", Text, nullable=False),
    flag_column("guest"),  # an address somebody typed: never the account of the same address
    words_column("name"),
    Column("role", Text, nullable=False),
    link_column("organisation_id", "organisations.id", optional=True),
    words_column("category"),
    Column("audience", Text, nullable=False, server_default="public"),
    Column("zone", Text, nullable=False, server_default="UTC"),
    Column("password_hash", Text),
    Column("active", Boolean, nullable=False, server_default=text("1")),
    at_column("created_at"),
    words_column("location"),  # empty: the organisation's
    words_column("phone"),
    UniqueConstraint("email", "guest"),
    Index(None, "organisation_id"),
)

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("token_hash", LargeBinary, primary_key=True),
    Column(
        "person_id",
        Integer,
        ForeignKey("people.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    at_column("created_at"),
    Column("expires_at", Instant, nullable=False, index=True),
    words_column("client"),  # what the browser called itself, for its owner to recognise
)

ATTEMPTS = Table(
    "attempts",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column(
        "account", LargeBinary, nullable=False
    ),  # hashes: a failed sign-in often holds a mistyped secret
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
    link_column("customer_id", "people.id"),
    link_column("organisation_id", "organisations.id", optional=True),
    link_column("assignee_id", "people.id", optional=True),
    Column("title", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("severity", Text, nullable=False),
    words_column("severity_title"),
    words_column("severity_detail"),
    words_column("product"),
    words_column("module"),
    words_column("version"),
    Column("level", Text, nullable=False),
    words_column("level_title"),
    words_column("level_why"),
    words_column("policy_version"),
    words_column("coupon"),
    words_column("episode"),
    Column("source", Text, nullable=False, server_default="web"),
    Column("copy_to", JSON, nullable=False),
    flag_column("urgent"),
    at_column("created_at"),
    at_column("updated_at"),
    at_column("closed_at", optional=True),
    at_column("next_due", optional=True),  # the earliest running promise, kept with every change
    words_column("next_target"),
    at_column("next_at", optional=True),  # the next warning, breach or reminder
    at_column("remind_at", optional=True),  # when a pause ends by itself
    at_column("escalated_at", optional=True),
    Column("merged_into", Integer),
    Index(None, "customer_id", "id"),
    Index(None, "organisation_id", "id", sqlite_where=text("organisation_id IS NOT NULL")),
    Index(None, "assignee_id", "status"),
    # The queue in its own order (urgent lane, due, arrival; what is promised nothing comes last),
    # open tickets only. The columns behind that are what it is filtered by: a filter that few pass
    # is judged without reading any ticket.
    Index(
        "ix_tickets_queue",
        text("urgent DESC"),
        text("(next_due IS NULL)"),
        "next_due",
        "id",
        "status",
        "level",
        "product",
        "assignee_id",
        "created_at",
        sqlite_where=text("status IN ('open', 'waiting', 'paused')"),
    ),
    Index(None, "created_at", "id"),
    Index(
        "ix_tickets_ended_otherwise",
        "status",
        "created_at",
        "id",
        sqlite_where=text("status IN ('cancelled', 'void', 'merged')"),
    ),
    Index("ix_tickets_next_at", "next_at", sqlite_where=text("next_at IS NOT NULL")),
)

TARGETS = Table(
    "targets",
    METADATA,
    Column("id", Integer, primary_key=True),
    link_column("ticket_id", "tickets.id"),
    Column("target", Text, nullable=False),  # first response, next response, resolution
    Column("cycle", Integer, nullable=False, server_default=text("1")),
    Column("level", Text, nullable=False),
    words_column("policy_version"),
    at_column("started_at"),
    at_column("due_at", optional=True),
    at_column("version_at", optional=True),  # since when it is due then
    at_column("met_at", optional=True),
    Column("state", Text, nullable=False),  # running, late, paused, met, breached, cancelled
    flag_column("grace"),
    UniqueConstraint("ticket_id", "target", "cycle"),
    Index(
        "ix_targets_kept",
        "due_at",
        "level",
        "state",
        sqlite_where=text("state IN ('met', 'breached')"),
    ),
)

EVENTS = Table(
    "events",
    METADATA,
    Column("id", Integer, primary_key=True),
    link_column("ticket_id", "tickets.id"),
    at_column("at"),
    Column("verb", Text, nullable=False),
    link_column("actor_id", "people.id", optional=True),
    Column("actor", Text, nullable=False),  # the name as it was
    flag_column("by_agent"),
    flag_column("public"),
    words_column("body"),
    Column("facts", JSON, nullable=False),
    Index(None, "ticket_id", "id"),
)

ATTACHMENTS = Table(
    "attachments",
    METADATA,
    Column("ref", Text, primary_key=True),
    link_column("ticket_id", "tickets.id"),
    link_column("event_id", "events.id"),
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
    link_column("ticket_id", "tickets.id"),
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
    link_column("person_id", "people.id"),
    Column("key", Text, nullable=False),
    link_column("ticket_id", "tickets.id"),
    link_column("event_id", "events.id"),
    at_column("at"),
    PrimaryKeyConstraint("person_id", "key"),
)

LINKS = Table(
    "links",
    METADATA,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("ticket_id", Integer, ForeignKey("tickets.id"), nullable=False, index=True),
    link_column("person_id", "people.id"),
    at_column("created_at"),
    at_column("expires_at"),
)

COUPONS = Table(
    "coupons",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("rule", Text, nullable=False),  # the key of the policy's coupon
    link_column("person_id", "people.id"),
    at_column("valid_from"),
    at_column("valid_until"),
    Column("granted", Integer, nullable=False),
    CheckConstraint("granted >= 0", name="granted"),
)

COUPON_USES = Table(
    "coupon_uses",
    METADATA,
    link_column("coupon_id", "coupons.id"),
    link_column("ticket_id", "tickets.id"),
    at_column("at"),
    at_column("released_at", optional=True),
    PrimaryKeyConstraint("coupon_id", "ticket_id"),
)

NOTICES = Table(
    "notices",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("key", Text, nullable=False, unique=True),  # the same cause never makes a second notice
    link_column("ticket_id", "tickets.id", optional=True),  # none: it is about an account
    Column("kind", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("state", Text, nullable=False, server_default="pending"),  # pending, sent, failed
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    at_column("made_at"),
    at_column("due_at"),
    at_column("leased_until", optional=True),
    at_column("sent_at", optional=True),
    words_column("error"),
    Index("ix_notices_pending", "due_at", sqlite_where=text("state = 'pending'")),
    Index("ix_notices_failed", "due_at", sqlite_where=text("state = 'failed'")),
)

EPISODES = Table(
    "episodes",
    METADATA,
    Column("id", Text, primary_key=True),
    at_column("started_at"),
    Column("last_at", Instant, nullable=False, index=True),
    link_column("person_id", "people.id", optional=True),
    link_column("ticket_id", "tickets.id", optional=True),
    Column("events", Integer, nullable=False, server_default=text("0")),
)

EPISODE_EVENTS = Table(
    "episode_events",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column(
        "episode_id",
        Text,
        ForeignKey("episodes.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("kind", Text, nullable=False),
    at_column("at"),
    Column("facts", JSON, nullable=False),
)

FEEDBACK = Table(
    "feedback",
    METADATA,
    Column("document_id", Text, nullable=False),
    Column("voter", Text, nullable=False),
    Column("helpful", Boolean, nullable=False),
    at_column("at"),
    PrimaryKeyConstraint("document_id", "voter"),
)
