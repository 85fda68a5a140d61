"""Programs: API keys."""

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
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
