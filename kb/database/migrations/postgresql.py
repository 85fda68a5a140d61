"""The schema of a PostgreSQL database: a new one gets today's tables at once.

An older one runs the steps that it lacks, as SQLite does. The first version that knew PostgreSQL
had revision 0008, so only later steps have to be written for both.
"""

from __future__ import annotations

from alembic import command
from sqlalchemy import (
    Connection,
    MetaData,
    Text,
    insert,
    text,
)

from kb.database.metadata import COUNTERS, METADATA
from kb.database.migrations.upgrade import config, upgrade

FIRST_SERIAL = 1000  # the first ticket is the next one: KB-1001

#: What METADATA does not declare: full text, and tables whose history cannot be rewritten.
_FURTHER = (
    "CREATE TABLE words (event_id BIGINT PRIMARY KEY, lexemes tsvector NOT NULL)",
    "CREATE INDEX ix_words_lexemes ON words USING gin (lexemes)",
    """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = '23000'; END
    $$
    """,
    # What happened, when and in which order stays. A text goes as a whole, or three dots take the
    # place of an address in it; a pseudonym takes the place of the name.
    """
    CREATE TRIGGER events_only_lose_words BEFORE UPDATE ON events FOR EACH ROW
    WHEN (NOT (
        NEW.id = OLD.id AND NEW.ticket_id = OLD.ticket_id AND NEW.at = OLD.at
        AND NEW.verb = OLD.verb AND NEW.actor_id IS NOT DISTINCT FROM OLD.actor_id
        AND NEW.by_agent = OLD.by_agent AND NEW.public = OLD.public
        AND (
            NEW.body IN (OLD.body, '')
            OR (strpos(NEW.body, '[...]') > 0 AND length(NEW.body) <= length(OLD.body))
        )
        AND length(NEW.facts::text) <= length(OLD.facts::text)
        AND (NEW.actor = OLD.actor OR NEW.actor LIKE 'Erased person %')
    ))
    EXECUTE FUNCTION refuse_change()
    """,
    "CREATE TRIGGER events_no_delete BEFORE DELETE ON events FOR EACH ROW "
    "EXECUTE FUNCTION refuse_change()",
    "CREATE TRIGGER audit_log_never_changes BEFORE UPDATE ON audit_log FOR EACH ROW "
    "EXECUTE FUNCTION refuse_change()",
    """
    CREATE FUNCTION refuse_unless_oldest() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT 1 FROM audit_log WHERE id < OLD.id) THEN
            RAISE EXCEPTION 'only the oldest entry can be deleted' USING ERRCODE = '23000';
        END IF;
        RETURN OLD;
    END
    $$
    """,
    "CREATE TRIGGER audit_log_ends_at_its_oldest BEFORE DELETE ON audit_log FOR EACH ROW "
    "EXECUTE FUNCTION refuse_unless_oldest()",
)


def create_or_upgrade(connection: Connection, revision: str | None) -> None:
    """From ``revision``, None for a database without tables, to the last one.

    Works inside the caller's transaction: PostgreSQL can roll back what creates tables.
    """
    if revision is not None:
        upgrade(connection)
        return

    # Importing the inventory declares every table in METADATA.
    import kb.privacy.inventory  # noqa: F401

    _postgresql_tables().create_all(connection)
    for statement in _FURTHER:
        connection.execute(text(statement))
    connection.execute(insert(COUNTERS).values(name="ticket", value=FIRST_SERIAL))
    settings = config()
    settings.attributes["connection"] = connection
    command.stamp(settings, "head")


def _postgresql_tables() -> MetaData:
    """METADATA with texts compared by code points, as SQLite does."""
    tables = MetaData(naming_convention=METADATA.naming_convention)
    for table in METADATA.sorted_tables:
        table.to_metadata(tables)
    for table in tables.tables.values():
        for column in table.columns:
            if isinstance(column.type, Text):
                column.type = Text(collation="C")
    return tables
