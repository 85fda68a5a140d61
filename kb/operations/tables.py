"""Tables of operation: the audit log, and the heartbeats of long-running programs."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Integer, Table, Text

from kb.database.metadata import METADATA, instant_column, text_column

HEARTBEATS = Table(
    "heartbeats",
    METADATA,
    Column("name", Text, primary_key=True),  # as in ``heartbeats``
    instant_column("at"),
)

AUDIT_LOG = Table(
    "audit_log",
    METADATA,
    Column("id", Integer, primary_key=True),
    instant_column("at"),
    # No foreign key: an entry outlives the account.
    Column("actor_id", Integer, nullable=True),
    Column("action", Text, nullable=False),
    text_column("target"),  # "person:7", "generation:000012"
    text_column("address"),
    text_column("request_id"),
    Column("facts", JSON, nullable=False),
)
