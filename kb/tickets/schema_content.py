"""Which tables keep what editors order and what visitors ask: runs of the index, and queries by
week?

In the same METADATA as ``kb.database.metadata`` and with the same rules. Not for queries.
"""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, PrimaryKeyConstraint, Table, Text, text

from kb.database.metadata import (
    METADATA,
    Instant,
    at_column,
    flag_column,
    link_column,
    words_column,
)

RUNS = Table(
    "runs",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),  # look, check, publish
    flag_column("whole"),  # every file anew
    link_column("person_id", "people.id"),
    at_column("asked_at"),
    Column(
        "state", Text, nullable=False, server_default="waiting"
    ),  # waiting, running, done, failed, cancelled
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    words_column(
        "lease"
    ),  # who has it: random, so that a worker that lost it cannot write any more
    at_column("leased_until", optional=True),
    at_column("started_at", optional=True),
    at_column("ended_at", optional=True),
    words_column("stage"),
    Column("done", Integer, nullable=False, server_default=text("0")),
    Column("total", Integer, nullable=False, server_default=text("0")),
    words_column("sentence"),
    Column("report", JSON, nullable=False, server_default=text("'{}'")),
    Index("ix_runs_open", "id", sqlite_where=text("state IN ('waiting', 'running')")),
)

#: Scrubbed and folded; nobody's name, address or session stands beside it.
ASKED = Table(
    "asked",
    METADATA,
    Column("query", Text, nullable=False),
    Column("audience", Text, nullable=False),
    Column("week", Instant, nullable=False, index=True),  # its Monday
    Column("times", Integer, nullable=False),
    PrimaryKeyConstraint("query", "audience", "week"),
)
