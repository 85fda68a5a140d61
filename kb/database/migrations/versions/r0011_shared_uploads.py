"""How much has arrived of large files whose pieces are in a store.

Written for SQLite and for PostgreSQL.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Integer, text

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("uploads", Column("arrived", Integer, nullable=False, server_default=text("0")))
