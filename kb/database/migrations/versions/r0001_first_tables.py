"""The first tables: people, tickets with events and SLA targets, notices, episodes and votes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

FIRST_SERIAL = 1000  # the first ticket is the next one: KB-1001


def upgrade() -> None:
    _attempts()
    _counters()
    _feedback()
    _organisations()
    _people()
    _coupons()
    _sessions()
    _tickets()
    _consulted()
    _coupon_uses()
    _episodes()
    _events()
    _links()
    _targets()
    _attachments()
    _episode_events()
    _idempotency_keys()
    _notices()
    op.execute(f"INSERT INTO counters (name, value) VALUES ('ticket', {FIRST_SERIAL})")  # noqa: S608
    for change in ("UPDATE", "DELETE"):
        _append_only(change)


def _append_only(change: str) -> None:
    """The history of a ticket cannot be rewritten, not even by a bug of ours."""
    op.execute(
        f"CREATE TRIGGER events_no_{change.lower()} BEFORE {change} ON events "
        "BEGIN SELECT RAISE(ABORT, 'events are append-only'); END"
    )


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account", sa.LargeBinary(), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
    )
    op.create_index("ix_attempts_account_at", "attempts", ["account", "at"], unique=False)
    op.create_index("ix_attempts_address_at", "attempts", ["address", "at"], unique=False)
    op.create_index("ix_attempts_at", "attempts", ["at"], unique=False)


def _counters() -> None:
    op.create_table(
        "counters",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_counters"),
    )


def _feedback() -> None:
    op.create_table(
        "feedback",
        sa.Column("document_id", sa.Text(), nullable=False),
        sa.Column("voter", sa.Text(), nullable=False),
        sa.Column("helpful", sa.Boolean(), nullable=False),
        sa.Column("at", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("document_id", "voter", name="pk_feedback"),
    )


def _organisations() -> None:
    op.create_table(
        "organisations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_organisations"),
        sa.UniqueConstraint("folded", name="uq_organisations_folded"),
    )


def _people() -> None:
    op.create_table(
        "people",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("guest", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("organisation_id", sa.Integer(), nullable=True),
        sa.Column("category", sa.Text(), server_default="", nullable=False),
        sa.Column("audience", sa.Text(), server_default="public", nullable=False),
        sa.Column("zone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name="fk_people_organisation_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_people"),
        sa.UniqueConstraint("email", "guest", name="uq_people_email_guest"),
    )
    op.create_index("ix_people_organisation_id", "people", ["organisation_id"], unique=False)


def _coupons() -> None:
    op.create_table(
        "coupons",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Integer(), nullable=False),
        sa.Column("valid_until", sa.Integer(), nullable=False),
        sa.Column("granted", sa.Integer(), nullable=False),
        sa.CheckConstraint("granted >= 0", name="ck_coupons_granted"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_coupons_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_coupons"),
        sa.UniqueConstraint("code", name="uq_coupons_code"),
    )


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.id"], name="fk_sessions_person_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name="pk_sessions"),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"], unique=False)
    op.create_index("ix_sessions_person_id", "sessions", ["person_id"], unique=False)


def _tickets() -> None:
    op.create_table(
        "tickets",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("organisation_id", sa.Integer(), nullable=True),
        sa.Column("assignee_id", sa.Integer(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("severity_title", sa.Text(), server_default="", nullable=False),
        sa.Column("severity_detail", sa.Text(), server_default="", nullable=False),
        sa.Column("product", sa.Text(), server_default="", nullable=False),
        sa.Column("module", sa.Text(), server_default="", nullable=False),
        sa.Column("version", sa.Text(), server_default="", nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("level_title", sa.Text(), server_default="", nullable=False),
        sa.Column("level_why", sa.Text(), server_default="", nullable=False),
        sa.Column("policy_version", sa.Text(), server_default="", nullable=False),
        sa.Column("coupon", sa.Text(), server_default="", nullable=False),
        sa.Column("episode", sa.Text(), server_default="", nullable=False),
        sa.Column("source", sa.Text(), server_default="web", nullable=False),
        sa.Column("copy_to", sa.JSON(), nullable=False),
        sa.Column("urgent", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.Integer(), nullable=False),
        sa.Column("closed_at", sa.Integer(), nullable=True),
        sa.Column("next_due", sa.Integer(), nullable=True),
        sa.Column("next_target", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["assignee_id"], ["people.id"], name="fk_tickets_assignee_id"),
        sa.ForeignKeyConstraint(["customer_id"], ["people.id"], name="fk_tickets_customer_id"),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name="fk_tickets_organisation_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_tickets"),
    )
    _tickets_indexes()


def _tickets_indexes() -> None:
    op.create_index(
        "ix_tickets_assignee_id_status", "tickets", ["assignee_id", "status"], unique=False
    )
    op.create_index("ix_tickets_customer_id_id", "tickets", ["customer_id", "id"], unique=False)
    op.create_index(
        "ix_tickets_next_due",
        "tickets",
        ["next_due"],
        unique=False,
        sqlite_where=sa.text("next_due IS NOT NULL"),
    )
    op.create_index(
        "ix_tickets_queue",
        "tickets",
        [sa.text("urgent DESC"), sa.text("(next_due IS NULL)"), "next_due", "id"],
        sqlite_where=sa.text("status IN ('open', 'waiting')"),
    )


def _consulted() -> None:
    op.create_table(
        "consulted",
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name="fk_consulted_ticket_id"),
        sa.PrimaryKeyConstraint("ticket_id", "document_id", name="pk_consulted"),
    )
    op.create_index("ix_consulted_document_id", "consulted", ["document_id"], unique=False)


def _coupon_uses() -> None:
    op.create_table(
        "coupon_uses",
        sa.Column("coupon_id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Integer(), nullable=False),
        sa.Column("released_at", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["coupon_id"], ["coupons.id"], name="fk_coupon_uses_coupon_id"),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name="fk_coupon_uses_ticket_id"),
        sa.PrimaryKeyConstraint("coupon_id", "ticket_id", name="pk_coupon_uses"),
    )


def _episodes() -> None:
    op.create_table(
        "episodes",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("ticket_id", sa.Integer(), nullable=True),
        sa.Column("events", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_episodes_person_id"),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name="fk_episodes_ticket_id"),
        sa.PrimaryKeyConstraint("id", name="pk_episodes"),
    )
    op.create_index("ix_episodes_last_at", "episodes", ["last_at"], unique=False)


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Integer(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("by_agent", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("public", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("body", sa.Text(), server_default="", nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["people.id"], name="fk_events_actor_id"),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name="fk_events_ticket_id"),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
    )
    op.create_index("ix_events_ticket_id_id", "events", ["ticket_id", "id"], unique=False)


def _links() -> None:
    op.create_table(
        "links",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_links_person_id"),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name="fk_links_ticket_id"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_links"),
    )
    op.create_index("ix_links_ticket_id", "links", ["ticket_id"], unique=False)


def _targets() -> None:
    op.create_table(
        "targets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("cycle", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("policy_version", sa.Text(), server_default="", nullable=False),
        sa.Column("started_at", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.Integer(), nullable=True),
        sa.Column("met_at", sa.Integer(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("ledger", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name="fk_targets_ticket_id"),
        sa.PrimaryKeyConstraint("id", name="pk_targets"),
        sa.UniqueConstraint(
            "ticket_id", "target", "cycle", name="uq_targets_ticket_id_target_cycle"
        ),
    )


def _attachments() -> None:
    op.create_table(
        "attachments",
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name="fk_attachments_event_id"),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name="fk_attachments_ticket_id"),
        sa.PrimaryKeyConstraint("ref", name="pk_attachments"),
    )
    op.create_index("ix_attachments_event_id", "attachments", ["event_id"], unique=False)
    op.create_index("ix_attachments_key", "attachments", ["key"], unique=False)
    op.create_index("ix_attachments_ticket_id", "attachments", ["ticket_id"], unique=False)


def _episode_events() -> None:
    op.create_table(
        "episode_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("episode_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.Integer(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["episode_id"], ["episodes.id"], name="fk_episode_events_episode_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_episode_events"),
    )
    op.create_index("ix_episode_events_episode_id", "episode_events", ["episode_id"], unique=False)


def _idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name="fk_idempotency_keys_event_id"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_idempotency_keys_person_id"),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name="fk_idempotency_keys_ticket_id"
        ),
        sa.PrimaryKeyConstraint("person_id", "key", name="pk_idempotency_keys"),
    )


def _notices() -> None:
    op.create_table(
        "notices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("due_at", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name="fk_notices_event_id"),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name="fk_notices_ticket_id"),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
        sa.UniqueConstraint("key", name="uq_notices_key"),
    )
    op.create_index(
        "ix_notices_pending",
        "notices",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
    )
