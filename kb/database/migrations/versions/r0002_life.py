"""Tables for a ticket's life: alarms, webhook jobs, links, ratings, contacts and full text."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

COLUMNS = (
    "organisations ADD COLUMN shared_view BOOLEAN DEFAULT 0 NOT NULL",
    "organisations ADD COLUMN licence_addresses JSON DEFAULT '[]' NOT NULL",
    "organisations ADD COLUMN contract_from INTEGER",
    "organisations ADD COLUMN contract_until INTEGER",
    "organisations ADD COLUMN location TEXT DEFAULT '' NOT NULL",
    "organisations ADD COLUMN phone TEXT DEFAULT '' NOT NULL",
    "people ADD COLUMN location TEXT DEFAULT '' NOT NULL",
    "people ADD COLUMN phone TEXT DEFAULT '' NOT NULL",
    "sessions ADD COLUMN client TEXT DEFAULT '' NOT NULL",
    "tickets ADD COLUMN next_at INTEGER",
    "tickets ADD COLUMN remind_at INTEGER",
    "tickets ADD COLUMN escalated_at INTEGER",
    "tickets ADD COLUMN merged_into INTEGER",
    "targets ADD COLUMN version_at INTEGER",
    "targets ADD COLUMN grace BOOLEAN DEFAULT 0 NOT NULL",
    "targets DROP COLUMN ledger",  # derived from the events whenever somebody looks
)
INDEXES = (
    "DROP INDEX ix_tickets_queue",
    "DROP INDEX ix_tickets_next_due",
    "CREATE INDEX ix_tickets_queue ON tickets (urgent DESC, (next_due IS NULL), next_due, id) "
    "WHERE status IN ('open', 'waiting', 'paused')",
    "CREATE INDEX ix_tickets_next_at ON tickets (next_at) WHERE next_at IS NOT NULL",
    "CREATE INDEX ix_tickets_organisation_id_id ON tickets (organisation_id, id) WHERE "
    "organisation_id IS NOT NULL",
    "CREATE INDEX ix_targets_kept ON targets (due_at, level, state) WHERE state IN ('met', "
    "'breached')",
)
TABLES = (
    """
    CREATE TABLE jobs (
        id INTEGER NOT NULL,
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        facts JSON NOT NULL,
        state TEXT DEFAULT 'pending' NOT NULL,
        attempts INTEGER DEFAULT 0 NOT NULL,
        due_at INTEGER NOT NULL,
        leased_until INTEGER,
        done_at INTEGER,
        error TEXT DEFAULT '' NOT NULL,
        CONSTRAINT pk_jobs PRIMARY KEY (id),
        CONSTRAINT uq_jobs_key UNIQUE (key)
    )
    """,
    "CREATE INDEX ix_jobs_pending ON jobs (due_at) WHERE state = 'pending'",
    """
    CREATE TABLE policies (
        id INTEGER NOT NULL,
        version TEXT NOT NULL,
        effective_at INTEGER NOT NULL,
        sources JSON NOT NULL,
        CONSTRAINT pk_policies PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE tokens (
        token_hash BLOB NOT NULL,
        purpose TEXT NOT NULL,
        email TEXT NOT NULL,
        facts JSON NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        used_at INTEGER,
        CONSTRAINT pk_tokens PRIMARY KEY (token_hash)
    )
    """,
    "CREATE INDEX ix_tokens_email ON tokens (email)",
    """
    CREATE TABLE uses (
        id INTEGER NOT NULL,
        scope TEXT NOT NULL,
        key BLOB NOT NULL,
        at INTEGER NOT NULL,
        CONSTRAINT pk_uses PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX ix_uses_at ON uses (at)",
    "CREATE INDEX ix_uses_scope_key_at ON uses (scope, key, at)",
    """
    CREATE TABLE contact_roles (
        person_id INTEGER NOT NULL,
        role TEXT NOT NULL,
        CONSTRAINT pk_contact_roles PRIMARY KEY (person_id, role),
        CONSTRAINT fk_contact_roles_person_id FOREIGN KEY(person_id) REFERENCES people (id)
    )
    """,
    """
    CREATE TABLE views (
        id INTEGER NOT NULL,
        person_id INTEGER NOT NULL,
        name TEXT NOT NULL,
        narrowed JSON NOT NULL,
        shared BOOLEAN DEFAULT 0 NOT NULL,
        CONSTRAINT pk_views PRIMARY KEY (id),
        CONSTRAINT uq_views_person_id_name UNIQUE (person_id, name),
        CONSTRAINT fk_views_person_id FOREIGN KEY(person_id) REFERENCES people (id)
    )
    """,
    """
    CREATE TABLE alarms (
        id INTEGER NOT NULL,
        ticket_id INTEGER NOT NULL,
        target TEXT NOT NULL,
        cycle INTEGER NOT NULL,
        threshold TEXT NOT NULL,
        due_at INTEGER NOT NULL,
        at INTEGER NOT NULL,
        noticed_at INTEGER NOT NULL,
        CONSTRAINT pk_alarms PRIMARY KEY (id),
        CONSTRAINT uq_alarms_ticket_id_target_cycle_threshold_due_at
            UNIQUE (ticket_id, target, cycle, threshold, due_at),
        CONSTRAINT fk_alarms_ticket_id FOREIGN KEY(ticket_id) REFERENCES tickets (id)
    )
    """,
    """
    CREATE TABLE kin (
        ticket_id INTEGER NOT NULL,
        other_id INTEGER NOT NULL,
        kind TEXT NOT NULL,
        since INTEGER NOT NULL,
        at INTEGER NOT NULL,
        CONSTRAINT pk_kin PRIMARY KEY (ticket_id, other_id),
        CONSTRAINT fk_kin_ticket_id FOREIGN KEY(ticket_id) REFERENCES tickets (id),
        CONSTRAINT fk_kin_other_id FOREIGN KEY(other_id) REFERENCES tickets (id)
    )
    """,
    "CREATE INDEX ix_kin_other_id ON kin (other_id)",
    """
    CREATE TABLE presence (
        ticket_id INTEGER NOT NULL,
        person_id INTEGER NOT NULL,
        answering BOOLEAN NOT NULL,
        at INTEGER NOT NULL,
        CONSTRAINT pk_presence PRIMARY KEY (ticket_id, person_id),
        CONSTRAINT fk_presence_ticket_id FOREIGN KEY(ticket_id) REFERENCES tickets (id),
        CONSTRAINT fk_presence_person_id FOREIGN KEY(person_id) REFERENCES people (id)
    )
    """,
    """
    CREATE TABLE proposals (
        id INTEGER NOT NULL,
        ticket_id INTEGER NOT NULL,
        severity TEXT NOT NULL,
        detail TEXT DEFAULT '' NOT NULL,
        why TEXT DEFAULT '' NOT NULL,
        state TEXT DEFAULT 'open' NOT NULL,
        at INTEGER NOT NULL,
        decided_at INTEGER,
        CONSTRAINT pk_proposals PRIMARY KEY (id),
        CONSTRAINT fk_proposals_ticket_id FOREIGN KEY(ticket_id) REFERENCES tickets (id)
    )
    """,
    "CREATE INDEX ix_proposals_ticket_id ON proposals (ticket_id)",
    """
    CREATE TABLE ratings (
        ticket_id INTEGER NOT NULL,
        person_id INTEGER NOT NULL,
        score INTEGER NOT NULL,
        words TEXT DEFAULT '' NOT NULL,
        at INTEGER NOT NULL,
        CONSTRAINT pk_ratings PRIMARY KEY (ticket_id),
        CONSTRAINT ck_ratings_score CHECK (score BETWEEN 1 AND 5),
        CONSTRAINT fk_ratings_ticket_id FOREIGN KEY(ticket_id) REFERENCES tickets (id),
        CONSTRAINT fk_ratings_person_id FOREIGN KEY(person_id) REFERENCES people (id)
    )
    """,
    """
    CREATE TABLE watchers (
        ticket_id INTEGER NOT NULL,
        person_id INTEGER NOT NULL,
        CONSTRAINT pk_watchers PRIMARY KEY (ticket_id, person_id),
        CONSTRAINT fk_watchers_ticket_id FOREIGN KEY(ticket_id) REFERENCES tickets (id),
        CONSTRAINT fk_watchers_person_id FOREIGN KEY(person_id) REFERENCES people (id)
    )
    """,
    """
    CREATE TABLE answers (
        event_id INTEGER NOT NULL,
        ticket_id INTEGER NOT NULL,
        document_id TEXT NOT NULL,
        title TEXT DEFAULT '' NOT NULL,
        CONSTRAINT pk_answers PRIMARY KEY (event_id, document_id),
        CONSTRAINT fk_answers_event_id FOREIGN KEY(event_id) REFERENCES events (id),
        CONSTRAINT fk_answers_ticket_id FOREIGN KEY(ticket_id) REFERENCES tickets (id)
    )
    """,
    "CREATE INDEX ix_answers_ticket_id ON answers (ticket_id)",
)
#: A notice may be about an account now, so two columns lose NOT NULL, which needs the table anew.
NOTICES = (
    "ALTER TABLE notices RENAME TO notices_0001",
    "DROP INDEX ix_notices_pending",
    """
    CREATE TABLE notices (
        id INTEGER NOT NULL,
        key TEXT NOT NULL,
        ticket_id INTEGER,
        kind TEXT NOT NULL,
        recipient TEXT NOT NULL,
        facts JSON NOT NULL,
        state TEXT DEFAULT 'pending' NOT NULL,
        attempts INTEGER DEFAULT 0 NOT NULL,
        made_at INTEGER NOT NULL,
        due_at INTEGER NOT NULL,
        leased_until INTEGER,
        sent_at INTEGER,
        error TEXT DEFAULT '' NOT NULL,
        CONSTRAINT pk_notices PRIMARY KEY (id),
        CONSTRAINT uq_notices_key UNIQUE (key),
        CONSTRAINT fk_notices_ticket_id FOREIGN KEY(ticket_id) REFERENCES tickets (id)
    )
    """,
    "CREATE INDEX ix_notices_failed ON notices (due_at) WHERE state = 'failed'",
    "CREATE INDEX ix_notices_pending ON notices (due_at) WHERE state = 'pending'",
    "INSERT INTO notices (id, key, ticket_id, kind, recipient, facts, state, attempts, made_at, "
    "due_at, sent_at) "
    "SELECT id, key, ticket_id, kind, recipient, facts, state, attempts, due_at, due_at, sent_at "
    "FROM notices_0001",
    "DROP TABLE notices_0001",
)
#: The words of each event, found by its id: only the index is kept. ``words_known`` counts how
#: often each occurs.
WORDS = (
    "CREATE VIRTUAL TABLE words USING fts5(title, said, content='', tokenize='unicode61 "
    "remove_diacritics 2')",
    "CREATE VIRTUAL TABLE words_known USING fts5vocab('words', 'row')",
)
_BATCH = 1000


def upgrade() -> None:
    for change in COLUMNS:
        op.execute(f"ALTER TABLE {change}")
    for statement in (*INDEXES, *TABLES, *NOTICES, *WORDS):
        op.execute(statement)
    # What runs already gets its next alarm from the worker's first look; nothing is promised anew.
    op.execute("UPDATE targets SET version_at = started_at")
    op.execute("UPDATE tickets SET next_at = created_at WHERE status IN ('open', 'waiting')")
    _learn_words()


def _learn_words() -> None:
    # By then the spelling of scripts without blanks is what the reader of this index expects.
    from kb.tickets.repository.fulltext import space_letters

    connection = op.get_bind()
    rows = connection.execute(
        sa.text(
            "SELECT events.id, events.body, CASE events.verb WHEN 'opened' THEN tickets.title "
            "ELSE '' END "
            "FROM events JOIN tickets ON tickets.id = events.ticket_id"
        )
    )
    put = sa.text("INSERT INTO words (rowid, title, said) VALUES (:id, :title, :said)")
    while found := rows.fetchmany(_BATCH):
        connection.execute(
            put,
            [
                {"id": r[0], "title": space_letters(r[2]), "said": space_letters(r[1])}
                for r in found
            ],
        )
