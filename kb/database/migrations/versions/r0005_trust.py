"""What operators rely on: heartbeats of long-running programs, and who is a demo person."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

#: The demo people that earlier versions created, whose passwords are public.
DEMO_ADDRESSES = (
    "alice@example.com",
    "vera@example.com",
    "charlie@example.com",
    "bob@example.com",
    "erin@example.com",
    "ada@example.com",
)
_DEMO_LIST = ", ".join(f"'{address}'" for address in DEMO_ADDRESSES)

STATEMENTS = (
    """
    CREATE TABLE heartbeats (
        name TEXT NOT NULL,
        at INTEGER NOT NULL,
        CONSTRAINT pk_heartbeats PRIMARY KEY (name)
    )
    """,
    "ALTER TABLE people ADD COLUMN demo BOOLEAN DEFAULT 0 NOT NULL",
    f"UPDATE people SET demo = 1 WHERE guest = 0 AND email IN ({_DEMO_LIST})",  # noqa: S608
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
