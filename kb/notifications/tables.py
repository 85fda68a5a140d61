"""Tables of the outbox: notices, which leave as mails, and webhook jobs.

Both are leased queues; ``kb.notifications.outbox`` claims and settles their rows.
"""

from __future__ import annotations

from sqlalchemy import JSON, Column, Integer, Table, Text, text

from kb.database.metadata import (
    METADATA,
    flag_column,
    instant_column,
    partial_index,
    reference_column,
    text_column,
)

NOTICES = Table(
    "notices",
    METADATA,
    Column("id", Integer, primary_key=True),
    # The cause and the recipient: one cause never makes a second notice.
    Column("key", Text, nullable=False, unique=True),
    reference_column("ticket_id", "tickets.id", optional=True),  # NULL: it is about an account
    Column("kind", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("state", Text, nullable=False, server_default="pending"),  # pending, sent, failed
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    instant_column("made_at"),
    instant_column("due_at"),
    instant_column("leased_until", optional=True),
    instant_column("sent_at", optional=True),
    text_column("error"),
    flag_column("held"),  # a cap delayed it: it leaves with what else was held for the recipient
    partial_index("ix_notices_pending", "due_at", where="state = 'pending'"),
    partial_index("ix_notices_failed", "due_at", where="state = 'failed'"),
)

WEBHOOK_JOBS = Table(
    "jobs",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False, unique=True),
    Column("facts", JSON, nullable=False),
    Column("endpoint_id", Integer),  # NULL: a URL of the settings
    Column("state", Text, nullable=False, server_default="pending"),  # pending, done, failed
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    instant_column("due_at"),
    instant_column("leased_until", optional=True),
    instant_column("done_at", optional=True),
    text_column("error"),
    partial_index("ix_jobs_pending", "due_at", where="state = 'pending'"),
    partial_index(None, "endpoint_id", "id", where="endpoint_id IS NOT NULL"),
)
