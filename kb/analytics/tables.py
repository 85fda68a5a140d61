"""Tables of what visitors do: episodes of the suggestion box, votes, and weekly query counts.

Everything that a visitor typed is scrubbed before it is stored here.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from kb.database.metadata import METADATA, Instant, instant_column, reference_column

EPISODES = Table(
    "episodes",
    METADATA,
    Column("id", Text, primary_key=True),
    instant_column("started_at"),
    Column("last_at", Instant, nullable=False, index=True),
    reference_column("person_id", "people.id", optional=True),
    reference_column("ticket_id", "tickets.id", optional=True),
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
    instant_column("at"),
    Column("facts", JSON, nullable=False),
)

FEEDBACK = Table(
    "feedback",
    METADATA,
    Column("document_id", Text, nullable=False),
    Column("voter", Text, nullable=False),
    Column("helpful", Boolean, nullable=False),
    instant_column("at"),
    PrimaryKeyConstraint("document_id", "voter"),
)

#: Scrubbed and folded; nobody's name, address or session stands beside it.
QUERY_COUNTS = Table(
    "asked",
    METADATA,
    Column("query", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("week", Instant, nullable=False, index=True),  # its Monday
    Column("times", Integer, nullable=False),
    PrimaryKeyConstraint("query", "audience", "week"),
)
