"""Tables of known problems: the problem, its updates, its tickets and who has it too.

All texts were written and confirmed for the public by an agent. Followers are in
``kb.subscriptions``.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, PrimaryKeyConstraint, Table, Text

from kb.database.metadata import (
    METADATA,
    instant_column,
    partial_index,
    reference_column,
    text_column,
)

PROBLEMS = Table(
    "problems",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("title", Text, nullable=False),
    Column("status", Text, nullable=False),  # investigating, identified, monitoring, resolved
    text_column("symptoms"),
    text_column("workaround"),
    text_column("product"),
    text_column("versions"),
    Column("audience", Text, nullable=False),  # whoever may see its documents sees the problem
    instant_column("created_at"),
    instant_column("updated_at"),
    instant_column("resolved_at", optional=True),
    partial_index("ix_problems_open", "updated_at", where="resolved_at IS NULL"),
)

PROBLEM_UPDATES = Table(
    "problem_updates",
    METADATA,
    Column("id", Integer, primary_key=True),
    reference_column("problem_id", "problems.id"),
    instant_column("at"),
    Column("status", Text, nullable=False),
    Column("body", Text, nullable=False),
    reference_column("agent_id", "people.id"),
    Index(None, "problem_id", "id"),
)

PROBLEM_TICKETS = Table(
    "problem_tickets",
    METADATA,
    reference_column("problem_id", "problems.id"),
    reference_column("ticket_id", "tickets.id"),
    instant_column("at"),
    instant_column("settled_at", optional=True),  # when it got the answer of the resolved problem
    PrimaryKeyConstraint("ticket_id"),  # a ticket waits for one problem
    Index(None, "problem_id"),
)

#: "I have this too": one row for each person or browser.
PROBLEM_REPORTS = Table(
    "problem_reports",
    METADATA,
    reference_column("problem_id", "problems.id"),
    Column("reporter", Text, nullable=False),
    instant_column("at"),
    PrimaryKeyConstraint("problem_id", "reporter"),
)
