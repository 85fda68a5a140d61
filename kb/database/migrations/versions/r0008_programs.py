"""Programs with keys of the API, and large files that arrive in pieces."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

STATEMENTS = (
    """
    CREATE TABLE api_keys (
        id INTEGER NOT NULL,
        name TEXT NOT NULL,
        key_hash BLOB NOT NULL,
        hint TEXT NOT NULL,
        scopes JSON NOT NULL,
        person_id INTEGER,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        revoked_at INTEGER,
        used_at INTEGER,
        CONSTRAINT pk_api_keys PRIMARY KEY (id),
        CONSTRAINT uq_api_keys_key_hash UNIQUE (key_hash),
        CONSTRAINT fk_api_keys_person_id
            FOREIGN KEY(person_id) REFERENCES people (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX ix_api_keys_person_id ON api_keys (person_id)",
    """
    CREATE TABLE upload_links (
        ticket_id INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        CONSTRAINT pk_upload_links PRIMARY KEY (ticket_id),
        CONSTRAINT fk_upload_links_ticket_id FOREIGN KEY(ticket_id) REFERENCES tickets (id)
    )
    """,
    """
    CREATE TABLE uploads (
        ref TEXT NOT NULL,
        ticket_id INTEGER NOT NULL,
        person_id INTEGER NOT NULL,
        name TEXT NOT NULL,
        size INTEGER NOT NULL,
        begun_at INTEGER NOT NULL,
        attached_at INTEGER,
        CONSTRAINT pk_uploads PRIMARY KEY (ref),
        CONSTRAINT fk_uploads_ticket_id FOREIGN KEY(ticket_id) REFERENCES tickets (id),
        CONSTRAINT fk_uploads_person_id FOREIGN KEY(person_id) REFERENCES people (id)
    )
    """,
    "CREATE INDEX ix_uploads_ticket_id ON uploads (ticket_id)",
    "CREATE INDEX ix_uploads_person_id ON uploads (person_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
