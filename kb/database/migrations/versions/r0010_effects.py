"""Proposals for gaps whose effect the worker computes; sums and indexes for yearly reports.

Written for SQLite and for PostgreSQL.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    Integer,
    PrimaryKeyConstraint,
    Text,
    text,
)

revision = "0010"
down_revision = "0009"

_INSTANT = Integer().with_variant(BigInteger(), "postgresql")
_TEXT = Text().with_variant(Text(collation="C"), "postgresql")
_NONE = text("0")
_CELL = ("day", "portal", "form", "product", "share")
_COUNTS = (
    "episodes",
    "apart",
    "intent",
    "eligible",
    "compared",
    "filed_read",
    "filed_shown",
    "filed_hidden",
    "filed_nothing",
    "confirmed",
    "assumed",
    "unknown",
    "confirmed_clawed_back",
    "assumed_clawed_back",
    "shown_visits",
    "opened_visits",
    "treatment_people",
    "holdout_people",
)
_SUMS = ("treatment_filed", "treatment_squares", "holdout_filed", "holdout_squares")
#: The Monday of a day; 1970 began on a Thursday.
_MONDAY = "day - ((day / 86400 + 3) % 7) * 86400"


def upgrade() -> None:
    _add_proposals()
    _add_weeks()
    op.drop_index("ix_article_weeks_filed", "article_weeks")
    with_tickets = text("filed_read > 0")
    op.create_index(
        "ix_article_weeks_filed",
        "article_weeks",
        ["document_id", "week", "portal", "filed_read"],
        sqlite_where=with_tickets,
        postgresql_where=with_tickets,
    )
    op.create_index("ix_article_weeks_document_id_week", "article_weeks", ["document_id", "week"])
    counts = ["filed", "ended", "resolved", "reopened", "replies", "ratings", "scores", "known"]
    op.create_index("ix_ticket_days_value", "ticket_days", ["dimension", "value", "day", *counts])
    op.create_index(
        "ix_duration_weeks_value",
        "duration_weeks",
        ["dimension", "value", "kind", "bucket", "week", "tickets"],
    )
    op.create_index("ix_feedback_document", "feedback", ["document_id", "at", "helpful"])


def _add_weeks() -> None:
    op.create_table(
        "asked_weeks",
        Column("week", _INSTANT, nullable=False),
        Column("times", Integer, nullable=False, server_default=_NONE),
        Column("empty", Integer, nullable=False, server_default=_NONE),
        PrimaryKeyConstraint("week", name="pk_asked_weeks"),
    )
    op.execute(
        "INSERT INTO asked_weeks (week, times, empty) "
        "SELECT week, sum(times), sum(empty) FROM asked GROUP BY week"
    )
    op.create_table(
        "deflection_weeks",
        Column("day", _INSTANT, nullable=False),
        *(Column(name, _TEXT, nullable=False) for name in ("portal", "form", "product")),
        Column("share", Integer, nullable=False),
        *(Column(name, Integer, nullable=False, server_default=_NONE) for name in _COUNTS),
        *(Column(name, Float, nullable=False, server_default=_NONE) for name in _SUMS),
        PrimaryKeyConstraint(*_CELL, name="pk_deflection_weeks"),
    )
    names = (*_COUNTS, *_SUMS)
    op.execute(
        f"INSERT INTO deflection_weeks ({', '.join((*_CELL, *names))}) "  # noqa: S608 - our columns
        f"SELECT {_MONDAY}, portal, form, product, share, "
        f"{', '.join(f'sum({name})' for name in names)} "
        f"FROM deflection_days GROUP BY {_MONDAY}, portal, form, product, share"
    )


def _add_proposals() -> None:
    op.create_table(
        "gap_proposals",
        Column("id", Integer, nullable=False),
        Column("document_id", _TEXT, nullable=False),
        Column("words", JSON, nullable=False),
        Column("asked_at", _INSTANT, nullable=False),
        Column("attempts", Integer, nullable=False, server_default=text("0")),
        Column("leased_until", _INSTANT, nullable=True),
        Column("ended_at", _INSTANT, nullable=True),
        Column("effect", JSON, nullable=True),
        Column("problem", _TEXT, nullable=False, server_default=""),
        PrimaryKeyConstraint("id", name="pk_gap_proposals"),
    )
