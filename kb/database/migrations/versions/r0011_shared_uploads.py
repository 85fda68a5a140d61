"""How many bytes have arrived of large files whose pieces are in a store.

Written for SQLite and for PostgreSQL.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, text

revision = "0011"
down_revision = "0010"

#: SQLite stores integers of up to 64 bits in any column, so its columns stay as they are.
_BYTES = Integer().with_variant(BigInteger(), "postgresql")


def upgrade() -> None:
    op.add_column("uploads", Column("arrived", _BYTES, nullable=False, server_default=text("0")))
    if op.get_context().dialect.name == "postgresql":
        op.alter_column("uploads", "size", type_=BigInteger(), existing_nullable=False)
