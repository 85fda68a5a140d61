"""Table of the index runs that editors order and workers carry out."""

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

INDEX_RUNS = Table(
    "runs",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),  # look, check, publish
    flag_column("whole"),  # every file is read again, changed or not
    flag_column("allow_public"),  # the editor agrees that pages become public
    reference_column("person_id", "people.id"),
    instant_column("asked_at"),
    # waiting, running, done, failed, cancelled
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    # The holder's random secret: a worker that has lost its lease can no longer write.
    text_column("lease"),
    instant_column("leased_until", optional=True),
    instant_column("started_at", optional=True),
    instant_column("ended_at", optional=True),
    text_column("stage"),
    Column("done", Integer, nullable=False, server_default=text("0")),
    Column("total", Integer, nullable=False, server_default=text("0")),
    text_column("sentence"),
    Column("report", JSON, nullable=False, server_default=text("'{}'")),
    partial_index("ix_runs_open", "id", where="state IN ('waiting', 'running')"),
)
