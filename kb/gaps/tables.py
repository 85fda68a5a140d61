"""The table of gaps as they were found last; the worker replaces all of its rows."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Integer, Table, Text

from kb.database.metadata import METADATA, instant_column, text_column

GAPS = Table(
    "gaps",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("title", Text, nullable=False),
    Column("queries", Integer, nullable=False),
    Column("tickets", Integer, nullable=False),
    Column("cause", Text, nullable=False),
    text_column("document_id"),
    Column("aliases", JSON, nullable=False),
    instant_column("at"),
)
