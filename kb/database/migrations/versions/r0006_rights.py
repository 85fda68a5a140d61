"""People's rights: the words of an event can be erased, and still nothing else of it changes."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENTS = (
    "ALTER TABLE tickets ADD COLUMN erased_at INTEGER",
    "DROP TRIGGER events_no_update",
    # What happened, when and in which order stays. A text goes as a whole, or three dots take the
    # place of an address in it; a pseudonym takes the place of the name.
    """
    CREATE TRIGGER events_only_lose_words BEFORE UPDATE ON events
    WHEN NOT (
        NEW.id = OLD.id AND NEW.ticket_id = OLD.ticket_id AND NEW.at = OLD.at
        AND NEW.verb = OLD.verb AND NEW.actor_id IS OLD.actor_id
        AND NEW.by_agent = OLD.by_agent AND NEW.public = OLD.public
        AND (
            NEW.body IN (OLD.body, '')
            OR (instr(NEW.body, '[...]') > 0 AND length(NEW.body) <= length(OLD.body))
        )
        AND length(NEW.facts) <= length(OLD.facts)
        AND (NEW.actor = OLD.actor OR NEW.actor LIKE 'Erased person %')
    )
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
