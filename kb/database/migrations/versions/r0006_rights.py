"""What people may rely on: their words can be erased, and sign-ins have second factors."""

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
    """
    CREATE TABLE authenticator_apps (
        person_id INTEGER NOT NULL,
        secret BLOB NOT NULL,
        last_step INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        CONSTRAINT pk_authenticator_apps PRIMARY KEY (person_id),
        CONSTRAINT fk_authenticator_apps_person_id
            FOREIGN KEY(person_id) REFERENCES people (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE TABLE passkeys (
        id INTEGER NOT NULL,
        person_id INTEGER NOT NULL,
        credential_id BLOB NOT NULL,
        credential BLOB NOT NULL,
        sign_count INTEGER NOT NULL,
        name TEXT DEFAULT '' NOT NULL,
        created_at INTEGER NOT NULL,
        used_at INTEGER,
        CONSTRAINT pk_passkeys PRIMARY KEY (id),
        CONSTRAINT fk_passkeys_person_id
            FOREIGN KEY(person_id) REFERENCES people (id) ON DELETE CASCADE,
        CONSTRAINT uq_passkeys_credential_id UNIQUE (credential_id)
    )
    """,
    "CREATE INDEX ix_passkeys_person_id ON passkeys (person_id)",
    """
    CREATE TABLE recovery_codes (
        person_id INTEGER NOT NULL,
        code_hash BLOB NOT NULL,
        CONSTRAINT pk_recovery_codes PRIMARY KEY (person_id, code_hash),
        CONSTRAINT fk_recovery_codes_person_id
            FOREIGN KEY(person_id) REFERENCES people (id) ON DELETE CASCADE
    )
    """,
    "ALTER TABLE sessions ADD COLUMN second_step TEXT DEFAULT '' NOT NULL",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
