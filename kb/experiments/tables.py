"""Tables of experiments, and of what each person or visit opened of either ranking."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Integer, PrimaryKeyConstraint, Table, Text, text

from kb.database.metadata import METADATA, Instant, instant_column, reference_column

EXPERIMENTS = Table(
    "experiments",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("curations", JSON, nullable=False),
    instant_column("started_at"),
    instant_column("ended_at", optional=True),
    Column("result", JSON, nullable=True),  # what was known when it ended
)

#: ``who`` is ``person:ID`` or ``visit:ID``: all that somebody opens is one observation.
EXPERIMENT_CREDITS = Table(
    "experiment_credits",
    METADATA,
    reference_column("experiment_id", "experiments.id"),
    Column("who", Text, nullable=False),
    Column("present", Integer, nullable=False, server_default=text("0")),
    Column("candidate", Integer, nullable=False, server_default=text("0")),
    Column("at", Instant, nullable=False, index=True),
    PrimaryKeyConstraint("experiment_id", "who"),
)
