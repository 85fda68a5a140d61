"""Which tables keep what happens around a ticket: alarms, deliveries, proposals, ratings, kin,
views, contacts?

The second half of ``kb.database.metadata``, in the same METADATA and with the same rules. The words
of tickets are in an FTS5 table that SQLAlchemy does not know; ``kb.tickets.repository.fulltext`` is
the only module that speaks to it.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from kb.database.metadata import (
    METADATA,
    Instant,
    at_column,
    flag_column,
    link_column,
    words_column,
)

CONTACT_ROLES = Table(
    "contact_roles",
    METADATA,
    link_column("person_id", "people.id"),
    Column("role", Text, nullable=False),
    PrimaryKeyConstraint("person_id", "role"),
)

TOKENS = Table(
    "tokens",
    METADATA,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("purpose", Text, nullable=False),  # register, invite, reset
    Column("email", Text, nullable=False, index=True),
    Column("facts", JSON, nullable=False),
    at_column("created_at"),
    at_column("expires_at"),
    at_column("used_at", optional=True),
)

USES = Table(
    "uses",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("at", Instant, nullable=False, index=True),
    Index(None, "scope", "key", "at"),
)

RATINGS = Table(
    "ratings",
    METADATA,
    Column("ticket_id", Integer, ForeignKey("tickets.id"), primary_key=True, autoincrement=False),
    link_column("person_id", "people.id"),
    Column("score", Integer, nullable=False),
    words_column("words"),
    at_column("at"),
    CheckConstraint("score BETWEEN 1 AND 5", name="score"),
)

#: Whose history counts for a ticket too: one merged into it, or the one it was split from.
KIN = Table(
    "kin",
    METADATA,
    link_column("ticket_id", "tickets.id"),
    link_column("other_id", "tickets.id"),
    Column("kind", Text, nullable=False),  # merged, split
    at_column("since"),
    at_column("at"),
    PrimaryKeyConstraint("ticket_id", "other_id"),
    Index(None, "other_id"),
)

WATCHERS = Table(
    "watchers",
    METADATA,
    link_column("ticket_id", "tickets.id"),
    link_column("person_id", "people.id"),
    PrimaryKeyConstraint("ticket_id", "person_id"),
)

PROPOSALS = Table(
    "proposals",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("ticket_id", Integer, ForeignKey("tickets.id"), nullable=False, index=True),
    Column("severity", Text, nullable=False),
    words_column("detail"),
    words_column("why"),
    Column(
        "state", Text, nullable=False, server_default="open"
    ),  # open, agreed, declined, replaced
    at_column("at"),
    at_column("decided_at", optional=True),
)

ANSWERS = Table(
    "answers",
    METADATA,
    link_column("event_id", "events.id"),
    Column("ticket_id", Integer, ForeignKey("tickets.id"), nullable=False, index=True),
    Column("document_id", Text, nullable=False),
    words_column("title"),
    PrimaryKeyConstraint("event_id", "document_id"),
)

ALARMS = Table(
    "alarms",
    METADATA,
    Column("id", Integer, primary_key=True),
    link_column("ticket_id", "tickets.id"),
    Column("target", Text, nullable=False),
    Column("cycle", Integer, nullable=False),
    Column("threshold", Text, nullable=False),  # breach, or the warning's: 50%, 3600s
    at_column("due_at"),  # the version of the due time it is about
    at_column("at"),  # the computed instant
    at_column("noticed_at"),
    UniqueConstraint("ticket_id", "target", "cycle", "threshold", "due_at"),
)

POLICIES = Table(
    "policies",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("version", Text, nullable=False),
    at_column("effective_at"),
    Column("sources", JSON, nullable=False),  # file name to text, the policy file first
)

JOBS = Table(
    "jobs",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False, unique=True),
    Column("facts", JSON, nullable=False),
    Column("state", Text, nullable=False, server_default="pending"),  # pending, done, failed
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    at_column("due_at"),
    at_column("leased_until", optional=True),
    at_column("done_at", optional=True),
    words_column("error"),
    Index("ix_jobs_pending", "due_at", sqlite_where=text("state = 'pending'")),
)

VIEWS = Table(
    "views",
    METADATA,
    Column("id", Integer, primary_key=True),
    link_column("person_id", "people.id"),
    Column("name", Text, nullable=False),
    Column("narrowed", JSON, nullable=False),
    flag_column("shared"),
    UniqueConstraint("person_id", "name"),
)

PRESENCE = Table(
    "presence",
    METADATA,
    link_column("ticket_id", "tickets.id"),
    link_column("person_id", "people.id"),
    Column("answering", Boolean, nullable=False),
    at_column("at"),
    PrimaryKeyConstraint("ticket_id", "person_id"),
)
