"""What operators rely on: heartbeats of long-running programs."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS = (
    """
    CREATE TABLE heartbeats (
        name TEXT NOT NULL,
        at INTEGER NOT NULL,
        CONSTRAINT pk_heartbeats PRIMARY KEY (name)
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
