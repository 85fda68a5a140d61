"""What operators and customers trust: audit log, heartbeats, demo people, copies, invitations."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"

#: The demo people that earlier versions created, whose passwords are public.
DEMO_ADDRESSES = (
    "alice@example.com",
    "vera@example.com",
    "charlie@example.com",
    "bob@example.com",
    "erin@example.com",
    "ada@example.com",
)
_DEMO_LIST = ", ".join(f"'{address}'" for address in DEMO_ADDRESSES)

STATEMENTS = (
    """
    CREATE TABLE heartbeats (
        name TEXT NOT NULL,
        at INTEGER NOT NULL,
        CONSTRAINT pk_heartbeats PRIMARY KEY (name)
    )
    """,
    "ALTER TABLE people ADD COLUMN demo BOOLEAN DEFAULT 0 NOT NULL",
    "ALTER TABLE runs ADD COLUMN allow_public BOOLEAN DEFAULT 0 NOT NULL",
    f"UPDATE people SET demo = 1 WHERE guest = 0 AND email IN ({_DEMO_LIST})",  # noqa: S608
    """
    CREATE TABLE copies (
        ticket_id INTEGER NOT NULL,
        address TEXT NOT NULL,
        mailbox TEXT NOT NULL,
        token TEXT NOT NULL,
        choice TEXT DEFAULT '' NOT NULL,
        at INTEGER NOT NULL,
        CONSTRAINT pk_copies PRIMARY KEY (ticket_id, address),
        CONSTRAINT fk_copies_ticket_id FOREIGN KEY(ticket_id) REFERENCES tickets (id),
        CONSTRAINT uq_copies_token UNIQUE (token)
    )
    """,
    "CREATE INDEX ix_copies_refused ON copies (mailbox) WHERE choice = 'refused'",
    """
    CREATE TABLE audit_log (
        id INTEGER NOT NULL,
        at INTEGER NOT NULL,
        actor_id INTEGER,
        action TEXT NOT NULL,
        target TEXT DEFAULT '' NOT NULL,
        address TEXT DEFAULT '' NOT NULL,
        request_id TEXT DEFAULT '' NOT NULL,
        facts JSON NOT NULL,
        CONSTRAINT pk_audit_log PRIMARY KEY (id)
    )
    """,
    # Append-only, also for whoever has the program's own connection: no entry changes, and only
    # the oldest can be deleted, which is how retention works.
    """
    CREATE TRIGGER audit_log_never_changes BEFORE UPDATE ON audit_log
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END
    """,
    """
    CREATE TRIGGER audit_log_ends_at_its_oldest BEFORE DELETE ON audit_log
    WHEN EXISTS (SELECT 1 FROM audit_log WHERE id < OLD.id)
    BEGIN SELECT RAISE(ABORT, 'only the oldest entry can be deleted'); END
    """,
    "ALTER TABLE people ADD COLUMN deactivated_by TEXT DEFAULT '' NOT NULL",
    # Nobody knows by whom: so only the operator reactivates.
    "UPDATE people SET deactivated_by = 'operator' WHERE active = 0",
    """
    CREATE TABLE invitations (
        id INTEGER NOT NULL,
        organisation_id INTEGER NOT NULL,
        email TEXT NOT NULL,
        name TEXT DEFAULT '' NOT NULL,
        roles JSON DEFAULT '[]' NOT NULL,
        location TEXT DEFAULT '' NOT NULL,
        phone TEXT DEFAULT '' NOT NULL,
        expires_at INTEGER NOT NULL,
        CONSTRAINT pk_invitations PRIMARY KEY (id),
        CONSTRAINT fk_invitations_organisation_id
            FOREIGN KEY(organisation_id) REFERENCES organisations (id),
        CONSTRAINT uq_invitations_organisation_id_email UNIQUE (organisation_id, email)
    )
    """,
    "ALTER TABLE notices ADD COLUMN held BOOLEAN DEFAULT 0 NOT NULL",
    "ALTER TABLE links ADD COLUMN opened_at INTEGER",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
