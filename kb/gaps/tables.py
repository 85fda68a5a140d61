"""Tables of what the content lacks: gaps, of which the worker replaces all rows, proposals to close
one, and flags.
"""

from __future__ import annotations

from sqlalchemy import JSON, Column, Integer, Table, Text, text

from kb.database.metadata import (
    METADATA,
    instant_column,
    partial_index,
    reference_column,
    text_column,
)

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

#: Aliases whose effect an editor wants to see. The worker computes it, or says what the problem is.
GAP_PROPOSALS = Table(
    "gap_proposals",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("document_id", Text, nullable=False),
    Column("words", JSON, nullable=False),
    instant_column("asked_at"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    instant_column("leased_until", optional=True),
    instant_column("ended_at", optional=True),
    Column("effect", JSON(none_as_null=True), nullable=True),
    text_column("problem"),
)

#: What agents noticed about an article while they answered a ticket.
ARTICLE_FLAGS = Table(
    "article_flags",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("document_id", Text, nullable=False),
    Column("kind", Text, nullable=False),  # wrong, outdated, unclear
    Column("sentence", Text, nullable=False),
    reference_column("agent_id", "people.id"),
    reference_column("ticket_id", "tickets.id", optional=True),
    instant_column("at"),
    instant_column("closed_at", optional=True),
    partial_index("ix_article_flags_open", "document_id", where="closed_at IS NULL"),
)
