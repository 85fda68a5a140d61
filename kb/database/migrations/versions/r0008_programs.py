"""Programs with keys of the API, large files in pieces, answered mail, and what staff are told."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

STATEMENTS = (
    # Nobody ever read them: the timeline of a ticket and the alarm itself say the same.
    "ALTER TABLE alarms DROP COLUMN noticed_at",
    "ALTER TABLE proposals DROP COLUMN decided_at",
    "ALTER TABLE deflection_days ADD COLUMN shown_visits INTEGER DEFAULT 0 NOT NULL",
    "ALTER TABLE deflection_days ADD COLUMN opened_visits INTEGER DEFAULT 0 NOT NULL",
    "ALTER TABLE article_weeks ADD COLUMN shown_visits INTEGER DEFAULT 0 NOT NULL",
    "ALTER TABLE article_weeks ADD COLUMN opened_visits INTEGER DEFAULT 0 NOT NULL",
    "ALTER TABLE ticket_days ADD COLUMN known INTEGER DEFAULT 0 NOT NULL",
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
    CREATE TABLE webhook_endpoints (
        id INTEGER NOT NULL,
        url TEXT NOT NULL,
        events JSON NOT NULL,
        sealed_secret BLOB NOT NULL,
        active BOOLEAN DEFAULT 1 NOT NULL,
        created_at INTEGER NOT NULL,
        CONSTRAINT pk_webhook_endpoints PRIMARY KEY (id)
    )
    """,
    "ALTER TABLE jobs ADD COLUMN endpoint_id INTEGER",
    "CREATE INDEX ix_jobs_endpoint_id_id ON jobs (endpoint_id, id) WHERE endpoint_id IS NOT NULL",
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
    """
    CREATE TABLE received_mails (
        id INTEGER NOT NULL,
        content TEXT NOT NULL,
        message_id TEXT DEFAULT '' NOT NULL,
        file TEXT DEFAULT '' NOT NULL,
        way TEXT DEFAULT '' NOT NULL,
        mailbox TEXT DEFAULT '' NOT NULL,
        sender TEXT DEFAULT '' NOT NULL,
        subject TEXT DEFAULT '' NOT NULL,
        received_at INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        why TEXT DEFAULT '' NOT NULL,
        ticket_id INTEGER,
        event_id INTEGER,
        evidence JSON DEFAULT '{}' NOT NULL,
        folded TEXT DEFAULT '' NOT NULL,
        notes JSON DEFAULT '[]' NOT NULL,
        settled_at INTEGER,
        settled_by INTEGER,
        confirmed_at INTEGER,
        CONSTRAINT pk_received_mails PRIMARY KEY (id),
        CONSTRAINT uq_received_mails_content UNIQUE (content),
        CONSTRAINT fk_received_mails_ticket_id FOREIGN KEY(ticket_id) REFERENCES tickets (id),
        CONSTRAINT fk_received_mails_event_id FOREIGN KEY(event_id) REFERENCES events (id),
        CONSTRAINT fk_received_mails_settled_by FOREIGN KEY(settled_by) REFERENCES people (id)
    )
    """,
    "CREATE INDEX ix_received_mails_message_id ON received_mails (message_id)",
    "CREATE INDEX ix_received_mails_sender_received_at ON received_mails (sender, received_at)",
    "CREATE INDEX ix_received_mails_ticket_id ON received_mails (ticket_id) "
    "WHERE ticket_id IS NOT NULL",
    "CREATE INDEX ix_received_mails_quarantine ON received_mails (received_at) "
    "WHERE outcome = 'quarantined' AND settled_at IS NULL",
    """
    CREATE TABLE unreachable_addresses (
        address TEXT NOT NULL,
        status TEXT DEFAULT '' NOT NULL,
        why TEXT DEFAULT '' NOT NULL,
        at INTEGER NOT NULL,
        CONSTRAINT pk_unreachable_addresses PRIMARY KEY (address)
    )
    """,
    """
    CREATE TABLE experiments (
        id INTEGER NOT NULL,
        name TEXT NOT NULL,
        curations JSON NOT NULL,
        started_at INTEGER NOT NULL,
        ended_at INTEGER,
        result JSON,
        CONSTRAINT pk_experiments PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE experiment_credits (
        experiment_id INTEGER NOT NULL,
        who TEXT NOT NULL,
        present INTEGER DEFAULT 0 NOT NULL,
        candidate INTEGER DEFAULT 0 NOT NULL,
        at INTEGER NOT NULL,
        CONSTRAINT pk_experiment_credits PRIMARY KEY (experiment_id, who),
        CONSTRAINT fk_experiment_credits_experiment_id
            FOREIGN KEY(experiment_id) REFERENCES experiments (id)
    )
    """,
    "CREATE INDEX ix_experiment_credits_at ON experiment_credits (at)",
    """
    CREATE TABLE staff_choices (
        person_id INTEGER NOT NULL,
        choices JSON NOT NULL,
        products JSON NOT NULL,
        CONSTRAINT pk_staff_choices PRIMARY KEY (person_id),
        CONSTRAINT fk_staff_choices_person_id FOREIGN KEY(person_id) REFERENCES people (id)
    )
    """,
    """
    CREATE TABLE staff_news (
        id INTEGER NOT NULL,
        person_id INTEGER NOT NULL,
        ticket_id INTEGER NOT NULL,
        kind TEXT NOT NULL,
        event_id INTEGER,
        cause TEXT NOT NULL,
        at INTEGER NOT NULL,
        seen_at INTEGER,
        CONSTRAINT pk_staff_news PRIMARY KEY (id),
        CONSTRAINT uq_staff_news_person_id_ticket_id_cause UNIQUE (person_id, ticket_id, cause),
        CONSTRAINT fk_staff_news_person_id FOREIGN KEY(person_id) REFERENCES people (id),
        CONSTRAINT fk_staff_news_ticket_id FOREIGN KEY(ticket_id) REFERENCES tickets (id),
        CONSTRAINT fk_staff_news_event_id FOREIGN KEY(event_id) REFERENCES events (id)
    )
    """,
    "CREATE INDEX ix_staff_news_at ON staff_news (at)",
    "CREATE INDEX ix_staff_news_person_id_id ON staff_news (person_id, id)",
    "CREATE INDEX ix_staff_news_ticket_id ON staff_news (ticket_id)",
    "CREATE INDEX ix_staff_news_unseen ON staff_news (person_id) WHERE seen_at IS NULL",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
