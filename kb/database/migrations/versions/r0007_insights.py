"""The loop closed: what was deflected, and sums of tickets by day; known problems and who follows
them; and what the support sites of vendors need: licences, and accounts that became one.
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

STATEMENTS = (
    "ALTER TABLE episodes ADD COLUMN portal TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE episodes ADD COLUMN form TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE episodes ADD COLUMN product TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE episodes ADD COLUMN organisation_id INTEGER REFERENCES organisations (id)",
    "ALTER TABLE episodes ADD COLUMN arm TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE episodes ADD COLUMN share INTEGER DEFAULT 0 NOT NULL",
    "ALTER TABLE episodes ADD COLUMN apart BOOLEAN DEFAULT 0 NOT NULL",
    "ALTER TABLE episodes ADD COLUMN title TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE episodes ADD COLUMN would_show BOOLEAN DEFAULT 0 NOT NULL",
    "ALTER TABLE episodes ADD COLUMN counted BOOLEAN DEFAULT 0 NOT NULL",
    "CREATE INDEX ix_episodes_uncounted ON episodes (started_at) WHERE counted = 0",
    "CREATE INDEX ix_episodes_person ON episodes (person_id, started_at) "
    "WHERE person_id IS NOT NULL",
    "ALTER TABLE feedback ADD COLUMN reason TEXT DEFAULT '' NOT NULL",
    "CREATE INDEX ix_feedback_at ON feedback (at)",
    "ALTER TABLE asked ADD COLUMN empty INTEGER DEFAULT 0 NOT NULL",
    "CREATE INDEX ix_asked_empty ON asked (week, query, audience, times, empty) WHERE empty > 0",
    "CREATE INDEX ix_targets_open ON targets (due_at, level) WHERE state IN ('running', 'late')",
    """
    CREATE TABLE deflection_days (
        day INTEGER NOT NULL,
        portal TEXT NOT NULL,
        form TEXT NOT NULL,
        product TEXT NOT NULL,
        share INTEGER NOT NULL,
        episodes INTEGER DEFAULT 0 NOT NULL,
        apart INTEGER DEFAULT 0 NOT NULL,
        intent INTEGER DEFAULT 0 NOT NULL,
        eligible INTEGER DEFAULT 0 NOT NULL,
        compared INTEGER DEFAULT 0 NOT NULL,
        filed_read INTEGER DEFAULT 0 NOT NULL,
        filed_shown INTEGER DEFAULT 0 NOT NULL,
        filed_hidden INTEGER DEFAULT 0 NOT NULL,
        filed_nothing INTEGER DEFAULT 0 NOT NULL,
        confirmed INTEGER DEFAULT 0 NOT NULL,
        assumed INTEGER DEFAULT 0 NOT NULL,
        unknown INTEGER DEFAULT 0 NOT NULL,
        confirmed_clawed_back INTEGER DEFAULT 0 NOT NULL,
        assumed_clawed_back INTEGER DEFAULT 0 NOT NULL,
        treatment_people INTEGER DEFAULT 0 NOT NULL,
        treatment_filed FLOAT DEFAULT 0 NOT NULL,
        treatment_squares FLOAT DEFAULT 0 NOT NULL,
        holdout_people INTEGER DEFAULT 0 NOT NULL,
        holdout_filed FLOAT DEFAULT 0 NOT NULL,
        holdout_squares FLOAT DEFAULT 0 NOT NULL,
        CONSTRAINT pk_deflection_days PRIMARY KEY (day, portal, form, product, share)
    )
    """,
    """
    CREATE TABLE article_weeks (
        week INTEGER NOT NULL,
        portal TEXT NOT NULL,
        document_id TEXT NOT NULL,
        shown INTEGER DEFAULT 0 NOT NULL,
        rejected INTEGER DEFAULT 0 NOT NULL,
        episodes INTEGER DEFAULT 0 NOT NULL,
        apart INTEGER DEFAULT 0 NOT NULL,
        intent INTEGER DEFAULT 0 NOT NULL,
        eligible INTEGER DEFAULT 0 NOT NULL,
        compared INTEGER DEFAULT 0 NOT NULL,
        filed_read INTEGER DEFAULT 0 NOT NULL,
        filed_shown INTEGER DEFAULT 0 NOT NULL,
        filed_hidden INTEGER DEFAULT 0 NOT NULL,
        filed_nothing INTEGER DEFAULT 0 NOT NULL,
        confirmed INTEGER DEFAULT 0 NOT NULL,
        assumed INTEGER DEFAULT 0 NOT NULL,
        unknown INTEGER DEFAULT 0 NOT NULL,
        confirmed_clawed_back INTEGER DEFAULT 0 NOT NULL,
        assumed_clawed_back INTEGER DEFAULT 0 NOT NULL,
        CONSTRAINT pk_article_weeks PRIMARY KEY (week, portal, document_id)
    )
    """,
    """
    CREATE TABLE deflection_people (
        person_id INTEGER NOT NULL,
        day INTEGER NOT NULL,
        portal TEXT NOT NULL,
        form TEXT NOT NULL,
        product TEXT NOT NULL,
        share INTEGER NOT NULL,
        arm TEXT NOT NULL,
        needs INTEGER NOT NULL,
        filed INTEGER NOT NULL,
        need_at INTEGER NOT NULL,
        CONSTRAINT pk_deflection_people PRIMARY KEY (person_id),
        CONSTRAINT fk_deflection_people_person_id
            FOREIGN KEY(person_id) REFERENCES people (id)
    )
    """,
    "CREATE INDEX ix_deflection_people_need_at ON deflection_people (need_at)",
    """
    CREATE TABLE ticket_days (
        dimension TEXT NOT NULL,
        day INTEGER NOT NULL,
        value TEXT NOT NULL,
        filed INTEGER DEFAULT 0 NOT NULL,
        ended INTEGER DEFAULT 0 NOT NULL,
        resolved INTEGER DEFAULT 0 NOT NULL,
        reopened INTEGER DEFAULT 0 NOT NULL,
        replies INTEGER DEFAULT 0 NOT NULL,
        ratings INTEGER DEFAULT 0 NOT NULL,
        scores INTEGER DEFAULT 0 NOT NULL,
        CONSTRAINT pk_ticket_days PRIMARY KEY (dimension, day, value)
    )
    """,
    """
    CREATE TABLE duration_weeks (
        dimension TEXT NOT NULL,
        week INTEGER NOT NULL,
        value TEXT NOT NULL,
        kind TEXT NOT NULL,
        bucket INTEGER NOT NULL,
        tickets INTEGER DEFAULT 0 NOT NULL,
        CONSTRAINT pk_duration_weeks PRIMARY KEY (dimension, week, value, kind, bucket)
    )
    """,
    """
    CREATE TABLE target_days (
        day INTEGER NOT NULL,
        level TEXT NOT NULL,
        met INTEGER DEFAULT 0 NOT NULL,
        breached INTEGER DEFAULT 0 NOT NULL,
        CONSTRAINT pk_target_days PRIMARY KEY (day, level)
    )
    """,
    # --- tickets
    "ALTER TABLE tickets ADD COLUMN closed_for TEXT DEFAULT '' NOT NULL",
    """
    CREATE TABLE releases (
        id INTEGER NOT NULL,
        name TEXT NOT NULL,
        planned_at INTEGER,
        shipped_at INTEGER,
        CONSTRAINT pk_releases PRIMARY KEY (id),
        CONSTRAINT uq_releases_name UNIQUE (name)
    )
    """,
    """
    ALTER TABLE tickets ADD COLUMN release_id INTEGER
        CONSTRAINT fk_tickets_release_id REFERENCES releases (id)
    """,
    "ALTER TABLE tickets ADD COLUMN shipped_at INTEGER",
    "CREATE INDEX ix_tickets_release_id ON tickets (release_id) WHERE release_id IS NOT NULL",
    """
    CREATE TABLE reply_drafts (
        ticket_id INTEGER NOT NULL,
        person_id INTEGER NOT NULL,
        form TEXT NOT NULL,
        body TEXT NOT NULL,
        at INTEGER NOT NULL,
        CONSTRAINT pk_reply_drafts PRIMARY KEY (ticket_id, person_id, form),
        CONSTRAINT fk_reply_drafts_ticket_id FOREIGN KEY(ticket_id) REFERENCES tickets (id),
        CONSTRAINT fk_reply_drafts_person_id FOREIGN KEY(person_id) REFERENCES people (id)
    )
    """,
    "CREATE INDEX ix_reply_drafts_person_id ON reply_drafts (person_id)",
    # --- people
    """
    ALTER TABLE people ADD COLUMN merged_into INTEGER
        CONSTRAINT fk_people_merged_into REFERENCES people (id)
    """,
    "CREATE INDEX ix_people_merged_into ON people (merged_into) WHERE merged_into IS NOT NULL",
    """
    CREATE TABLE licences (
        id INTEGER NOT NULL,
        organisation_id INTEGER NOT NULL,
        number TEXT NOT NULL,
        kind TEXT DEFAULT 'licence' NOT NULL,
        product TEXT DEFAULT '' NOT NULL,
        order_number TEXT DEFAULT '' NOT NULL,
        bought_at INTEGER,
        valid_from INTEGER,
        valid_until INTEGER,
        CONSTRAINT pk_licences PRIMARY KEY (id),
        CONSTRAINT fk_licences_organisation_id
            FOREIGN KEY(organisation_id) REFERENCES organisations (id),
        CONSTRAINT uq_licences_organisation_id_number UNIQUE (organisation_id, number)
    )
    """,
    """
    CREATE TABLE subscriptions (
        topic TEXT NOT NULL,
        address TEXT NOT NULL,
        token TEXT NOT NULL,
        choice TEXT DEFAULT '' NOT NULL,
        seen TEXT DEFAULT '' NOT NULL,
        at INTEGER NOT NULL,
        CONSTRAINT pk_subscriptions PRIMARY KEY (topic, address),
        CONSTRAINT uq_subscriptions_token UNIQUE (token)
    )
    """,
    "CREATE INDEX ix_subscriptions_address ON subscriptions (address)",
    """
    CREATE TABLE problems (
        id INTEGER NOT NULL,
        title TEXT NOT NULL,
        status TEXT NOT NULL,
        symptoms TEXT DEFAULT '' NOT NULL,
        workaround TEXT DEFAULT '' NOT NULL,
        product TEXT DEFAULT '' NOT NULL,
        versions TEXT DEFAULT '' NOT NULL,
        audience TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        resolved_at INTEGER,
        CONSTRAINT pk_problems PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX ix_problems_open ON problems (updated_at) WHERE resolved_at IS NULL",
    """
    CREATE TABLE problem_updates (
        id INTEGER NOT NULL,
        problem_id INTEGER NOT NULL,
        at INTEGER NOT NULL,
        status TEXT NOT NULL,
        body TEXT NOT NULL,
        agent_id INTEGER NOT NULL,
        CONSTRAINT pk_problem_updates PRIMARY KEY (id),
        CONSTRAINT fk_problem_updates_problem_id
            FOREIGN KEY(problem_id) REFERENCES problems (id),
        CONSTRAINT fk_problem_updates_agent_id
            FOREIGN KEY(agent_id) REFERENCES people (id)
    )
    """,
    "CREATE INDEX ix_problem_updates_problem_id_id ON problem_updates (problem_id, id)",
    """
    CREATE TABLE problem_tickets (
        problem_id INTEGER NOT NULL,
        ticket_id INTEGER NOT NULL,
        at INTEGER NOT NULL,
        settled_at INTEGER,
        CONSTRAINT pk_problem_tickets PRIMARY KEY (ticket_id),
        CONSTRAINT fk_problem_tickets_problem_id
            FOREIGN KEY(problem_id) REFERENCES problems (id),
        CONSTRAINT fk_problem_tickets_ticket_id
            FOREIGN KEY(ticket_id) REFERENCES tickets (id)
    )
    """,
    "CREATE INDEX ix_problem_tickets_problem_id ON problem_tickets (problem_id)",
    """
    CREATE TABLE problem_reports (
        problem_id INTEGER NOT NULL,
        reporter TEXT NOT NULL,
        at INTEGER NOT NULL,
        CONSTRAINT pk_problem_reports PRIMARY KEY (problem_id, reporter),
        CONSTRAINT fk_problem_reports_problem_id
            FOREIGN KEY(problem_id) REFERENCES problems (id)
    )
    """,
    # --- fields of the site on tickets
    "ALTER TABLE tickets ADD COLUMN severity_explanation TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE tickets ADD COLUMN topic TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE tickets ADD COLUMN fields JSON DEFAULT '{}' NOT NULL",
    "ALTER TABLE tickets ADD COLUMN field_words TEXT DEFAULT '' NOT NULL",
    """
    CREATE TABLE ticket_secrets (
        ticket_id INTEGER NOT NULL,
        field TEXT NOT NULL,
        title TEXT NOT NULL,
        sealed BLOB NOT NULL,
        given_at INTEGER NOT NULL,
        shown_at INTEGER,
        shown_to INTEGER,
        wiped_at INTEGER,
        CONSTRAINT pk_ticket_secrets PRIMARY KEY (ticket_id, field),
        CONSTRAINT fk_ticket_secrets_ticket_id FOREIGN KEY(ticket_id) REFERENCES tickets (id),
        CONSTRAINT fk_ticket_secrets_shown_to FOREIGN KEY(shown_to) REFERENCES people (id)
    )
    """,
    """
    CREATE TABLE gaps (
        id INTEGER NOT NULL,
        title TEXT NOT NULL,
        queries INTEGER NOT NULL,
        tickets INTEGER NOT NULL,
        cause TEXT NOT NULL,
        document_id TEXT DEFAULT '' NOT NULL,
        aliases JSON NOT NULL,
        at INTEGER NOT NULL,
        CONSTRAINT pk_gaps PRIMARY KEY (id)
    )
    """,
    """
    CREATE TABLE article_flags (
        id INTEGER NOT NULL,
        document_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        sentence TEXT NOT NULL,
        agent_id INTEGER NOT NULL,
        ticket_id INTEGER,
        at INTEGER NOT NULL,
        closed_at INTEGER,
        CONSTRAINT pk_article_flags PRIMARY KEY (id),
        CONSTRAINT fk_article_flags_agent_id FOREIGN KEY(agent_id) REFERENCES people (id),
        CONSTRAINT fk_article_flags_ticket_id FOREIGN KEY(ticket_id) REFERENCES tickets (id)
    )
    """,
    """
    CREATE INDEX ix_article_flags_open ON article_flags (document_id) WHERE closed_at IS NULL
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
