"""Tables of operation: the heartbeats of long-running programs."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from kb.database.metadata import METADATA, instant_column

HEARTBEATS = Table(
    "heartbeats",
    METADATA,
    Column("name", Text, primary_key=True),  # "worker"
    instant_column("at"),
)
