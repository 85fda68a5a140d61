"""The measured effect where an article is suggested, and when each article was published.

Written for SQLite and for PostgreSQL.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, Text, text

revision = "0009"
down_revision = "0008"

_INSTANT = Integer().with_variant(BigInteger(), "postgresql")
_TEXT = Text().with_variant(Text(collation="C"), "postgresql")
_NONE = text("0")


def upgrade() -> None:
    op.create_table(
        "article_arms",
        Column("week", _INSTANT, nullable=False),
        Column("portal", _TEXT, nullable=False),
        Column("document_id", _TEXT, nullable=False),
        Column("share", Integer, nullable=False),
        Column("treatment_people", Integer, nullable=False, server_default=_NONE),
        Column("treatment_filed", Integer, nullable=False, server_default=_NONE),
        Column("holdout_people", Integer, nullable=False, server_default=_NONE),
        Column("holdout_filed", Integer, nullable=False, server_default=_NONE),
        PrimaryKeyConstraint("week", "portal", "document_id", "share", name="pk_article_arms"),
    )
    op.create_index("ix_article_arms_document_id_week", "article_arms", ["document_id", "week"])
    op.create_index(
        "ix_article_weeks_filed", "article_weeks", ["document_id", "week", "portal", "filed_read"]
    )
    op.create_table(
        "article_publications",
        Column("document_id", _TEXT, nullable=False),
        Column("published_at", _INSTANT, nullable=True),
        PrimaryKeyConstraint("document_id", name="pk_article_publications"),
    )
