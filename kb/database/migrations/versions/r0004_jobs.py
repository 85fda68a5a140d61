"""Tables of index runs and of query counts."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

TABLES = (
    """
    CREATE TABLE runs (
        id INTEGER NOT NULL,
        kind TEXT NOT NULL,
        whole BOOLEAN DEFAULT 0 NOT NULL,
        person_id INTEGER NOT NULL,
        asked_at INTEGER NOT NULL,
        state TEXT DEFAULT 'waiting' NOT NULL,
        attempts INTEGER DEFAULT 0 NOT NULL,
        lease TEXT DEFAULT '' NOT NULL,
        leased_until INTEGER,
        started_at INTEGER,
        ended_at INTEGER,
        stage TEXT DEFAULT '' NOT NULL,
        done INTEGER DEFAULT 0 NOT NULL,
        total INTEGER DEFAULT 0 NOT NULL,
        sentence TEXT DEFAULT '' NOT NULL,
        report JSON DEFAULT '{}' NOT NULL,
        CONSTRAINT pk_runs PRIMARY KEY (id),
        CONSTRAINT fk_runs_person_id FOREIGN KEY(person_id) REFERENCES people (id)
    )
    """,
    "CREATE INDEX ix_runs_open ON runs (id) WHERE state IN ('waiting', 'running')",
    """
    CREATE TABLE asked (
        query TEXT NOT NULL,
        audience TEXT NOT NULL,
        week INTEGER NOT NULL,
        times INTEGER NOT NULL,
        CONSTRAINT pk_asked PRIMARY KEY (query, audience, week)
    )
    """,
    "CREATE INDEX ix_asked_week ON asked (week)",
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
