"""Indexes that let the queue and the lists stay fast beside a million tickets."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    "DROP INDEX ix_tickets_queue",
    "CREATE INDEX ix_tickets_queue ON tickets (urgent DESC, (next_due IS NULL), next_due, id, "
    "status, level, product, "
    "assignee_id, created_at) WHERE status IN ('open', 'waiting', 'paused')",
    "CREATE INDEX ix_tickets_created_at_id ON tickets (created_at, id)",
    "CREATE INDEX ix_tickets_ended_otherwise ON tickets (status, created_at, id) "
    "WHERE status IN ('cancelled', 'void', 'merged')",
    # How often a word is said is counted as far as it matters; this counted all of it.
    "DROP TABLE words_known",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
