"""Tables of tickets: the ticket, its events, SLA targets, alarms and everything that belongs to
them.

Events are append-only, which a trigger in the migrations enforces. The words of tickets are in a
full-text table that SQLAlchemy does not know: see ``kb.tickets.repository.fulltext``.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    case,
    text,
)

from kb.database.metadata import (
    METADATA,
    Instant,
    flag_column,
    instant_column,
    partial_index,
    reference_column,
    text_column,
)

#: What tickets wait for: a release, or the fix of a defect.
RELEASES = Table(
    "releases",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    instant_column("planned_at", optional=True),
    instant_column("shipped_at", optional=True),
)

TICKETS = Table(
    "tickets",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),  # the serial of the number
    reference_column("customer_id", "people.id"),
    reference_column("organisation_id", "organisations.id", optional=True),
    reference_column("assignee_id", "people.id", optional=True),
    Column("title", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("severity", Text, nullable=False),
    text_column("severity_title"),
    text_column("severity_detail"),
    text_column("severity_explanation"),  # of a severity that has another detail, too
    text_column("topic"),
    text_column("product"),
    text_column("module"),
    text_column("version"),
    Column("fields", JSON, nullable=False, server_default=text("'{}'")),  # the site's own, by key
    text_column("field_words"),  # what the full text has of them, beside the title
    Column("level", Text, nullable=False),
    text_column("level_title"),
    text_column("level_why"),
    text_column("policy_version"),
    text_column("coupon"),
    text_column("episode"),
    Column("source", Text, nullable=False, server_default="web"),
    Column("copy_to", JSON, nullable=False),
    flag_column("urgent"),
    instant_column("created_at"),
    instant_column("updated_at"),
    instant_column("closed_at", optional=True),
    text_column("closed_for"),  # the title of the closing reason; empty: it was resolved
    instant_column("next_due", optional=True),  # the earliest running target
    text_column("next_target"),
    instant_column("next_at", optional=True),  # the next warning, breach or reminder
    instant_column("remind_at", optional=True),  # when a pause ends by itself
    instant_column("escalated_at", optional=True),
    Column("merged_into", Integer),
    reference_column("release_id", "releases.id", optional=True),  # that it waits for
    instant_column("shipped_at", optional=True),  # when the customer learned that it is there
    instant_column("erased_at", optional=True),  # when its texts were
    Index(None, "customer_id", "id"),
    partial_index(None, "organisation_id", "id", where="organisation_id IS NOT NULL"),
    Index(None, "assignee_id", "status"),
    # Open tickets in the order of the queue: urgent first, then by due time, those without last,
    # then by arrival. The columns behind these are filters: the index alone decides them.
    partial_index(
        "ix_tickets_queue",
        text("urgent DESC"),
        text("(next_due IS NULL)"),
        "next_due",
        "id",
        "status",
        "level",
        "product",
        "assignee_id",
        "created_at",
        where="status IN ('open', 'waiting', 'paused')",
    ),
    Index(None, "created_at", "id"),
    partial_index(
        "ix_tickets_ended_otherwise",
        "status",
        "created_at",
        "id",
        where="status IN ('cancelled', 'void', 'merged')",
    ),
    partial_index(None, "release_id", where="release_id IS NOT NULL"),
    partial_index("ix_tickets_next_at", "next_at", where="next_at IS NOT NULL"),
)

TARGETS = Table(
    "targets",
    METADATA,
    Column("id", Integer, primary_key=True),
    reference_column("ticket_id", "tickets.id"),
    Column("target", Text, nullable=False),  # first response, next response, resolution
    Column("cycle", Integer, nullable=False, server_default=text("1")),
    Column("level", Text, nullable=False),
    text_column("policy_version"),
    instant_column("started_at"),
    instant_column("due_at", optional=True),
    instant_column("version_at", optional=True),  # when this due time was computed
    instant_column("met_at", optional=True),
    Column("state", Text, nullable=False),  # running, late, paused, met, breached, cancelled
    flag_column("grace"),
    UniqueConstraint("ticket_id", "target", "cycle"),
    partial_index(
        "ix_targets_kept", "due_at", "level", "state", where="state IN ('met', 'breached')"
    ),
    partial_index("ix_targets_open", "due_at", "level", where="state IN ('running', 'late')"),
)

EVENTS = Table(
    "events",
    METADATA,
    Column("id", Integer, primary_key=True),
    reference_column("ticket_id", "tickets.id"),
    instant_column("at"),
    Column("verb", Text, nullable=False),
    reference_column("actor_id", "people.id", optional=True),
    Column("actor", Text, nullable=False),  # the name as it was
    flag_column("by_agent"),
    flag_column("public"),
    text_column("body"),
    Column("facts", JSON, nullable=False),
    Index(None, "ticket_id", "id"),
)

ATTACHMENTS = Table(
    "attachments",
    METADATA,
    Column("ref", Text, primary_key=True),
    reference_column("ticket_id", "tickets.id"),
    reference_column("event_id", "events.id"),
    Column("position", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("key", Text, nullable=False, index=True),
    Index(None, "ticket_id"),
    Index(None, "event_id"),
)

#: A ticket that takes large files, until its upload link ends.
UPLOAD_LINKS = Table(
    "upload_links",
    METADATA,
    Column("ticket_id", Integer, ForeignKey("tickets.id"), primary_key=True, autoincrement=False),
    instant_column("expires_at"),
)

#: Large files that arrive in pieces, each in a file of its ``ref`` until it is attached.
UPLOADS = Table(
    "uploads",
    METADATA,
    Column("ref", Text, primary_key=True),
    Column("ticket_id", Integer, ForeignKey("tickets.id"), nullable=False, index=True),
    reference_column("person_id", "people.id"),
    Column("name", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    # Bytes of a file whose pieces are in a store. For one in a folder, its length is the number.
    Column("arrived", BigInteger, nullable=False, server_default=text("0")),
    instant_column("begun_at"),
    instant_column("attached_at", optional=True),
    Index(None, "person_id"),
)

CONSULTED = Table(
    "consulted",
    METADATA,
    reference_column("ticket_id", "tickets.id"),
    Column("position", Integer, nullable=False),
    Column("document_id", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    PrimaryKeyConstraint("ticket_id", "document_id"),
    Index(None, "document_id"),
)

IDEMPOTENCY_KEYS = Table(
    "idempotency_keys",
    METADATA,
    reference_column("person_id", "people.id"),
    Column("key", Text, nullable=False),
    reference_column("ticket_id", "tickets.id"),
    reference_column("event_id", "events.id"),
    instant_column("at"),
    PrimaryKeyConstraint("person_id", "key"),
)

GUEST_LINKS = Table(
    "links",
    METADATA,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("ticket_id", Integer, ForeignKey("tickets.id"), nullable=False, index=True),
    reference_column("person_id", "people.id"),
    instant_column("created_at"),
    instant_column("expires_at"),
    instant_column("opened_at", optional=True),  # last; links in use outlive those that are not
)

#: What each address that is copied has chosen, once a mail has told it how.
COPIES = Table(
    "copies",
    METADATA,
    reference_column("ticket_id", "tickets.id"),
    Column("address", Text, nullable=False),
    Column("mailbox", Text, nullable=False),  # the same for all spellings of the address
    # Not a hash: the same link stands in every mail, and it opens nothing.
    Column("token", Text, nullable=False, unique=True),
    text_column("choice"),  # empty while nothing was chosen; confirmed, left, refused
    instant_column("at"),
    PrimaryKeyConstraint("ticket_id", "address"),
    partial_index("ix_copies_refused", "mailbox", where="choice = 'refused'"),
)

COUPON_USES = Table(
    "coupon_uses",
    METADATA,
    reference_column("coupon_id", "coupons.id"),
    reference_column("ticket_id", "tickets.id"),
    instant_column("at"),
    instant_column("released_at", optional=True),
    PrimaryKeyConstraint("coupon_id", "ticket_id"),
)

RATINGS = Table(
    "ratings",
    METADATA,
    Column("ticket_id", Integer, ForeignKey("tickets.id"), primary_key=True, autoincrement=False),
    reference_column("person_id", "people.id"),
    Column("score", Integer, nullable=False),
    text_column("words"),
    instant_column("at"),
    CheckConstraint("score BETWEEN 1 AND 5", name="score"),
)

#: Tickets whose history belongs to another one: merged into it, or the one it was split from.
TICKET_LINKS = Table(
    "kin",
    METADATA,
    reference_column("ticket_id", "tickets.id"),
    reference_column("other_id", "tickets.id"),
    Column("kind", Text, nullable=False),  # merged, split
    instant_column("since"),
    instant_column("at"),
    PrimaryKeyConstraint("ticket_id", "other_id"),
    Index(None, "other_id"),
)

WATCHERS = Table(
    "watchers",
    METADATA,
    reference_column("ticket_id", "tickets.id"),
    reference_column("person_id", "people.id"),
    PrimaryKeyConstraint("ticket_id", "person_id"),
)

PROPOSALS = Table(
    "proposals",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("ticket_id", Integer, ForeignKey("tickets.id"), nullable=False, index=True),
    Column("severity", Text, nullable=False),
    text_column("detail"),
    text_column("why"),
    # open, agreed, declined, replaced
    Column("state", Text, nullable=False, server_default="open"),
    instant_column("at"),
)

ANSWER_LINKS = Table(
    "answers",
    METADATA,
    reference_column("event_id", "events.id"),
    Column("ticket_id", Integer, ForeignKey("tickets.id"), nullable=False, index=True),
    Column("document_id", Text, nullable=False),
    text_column("title"),
    PrimaryKeyConstraint("event_id", "document_id"),
)

ALARMS = Table(
    "alarms",
    METADATA,
    Column("id", Integer, primary_key=True),
    reference_column("ticket_id", "tickets.id"),
    Column("target", Text, nullable=False),
    Column("cycle", Integer, nullable=False),
    Column("threshold", Text, nullable=False),  # breach, or the warning's: 50%, 3600s
    instant_column("due_at"),  # the version of the due time it is about
    instant_column("at"),  # the computed instant
    UniqueConstraint("ticket_id", "target", "cycle", "threshold", "due_at"),
)

#: What a customer gave for a field of the kind "secret"; ``sealed`` is empty once it is wiped.
SECRETS = Table(
    "ticket_secrets",
    METADATA,
    reference_column("ticket_id", "tickets.id"),
    Column("field", Text, nullable=False),
    Column("title", Text, nullable=False),  # of the field, when it was given
    Column("sealed", LargeBinary, nullable=False),
    instant_column("given_at"),
    instant_column("shown_at", optional=True),
    reference_column("shown_to", "people.id", optional=True),
    instant_column("wiped_at", optional=True),
    PrimaryKeyConstraint("ticket_id", "field"),
)
#: The title of a ticket as the full text has it.
INDEXED_TITLE = case(
    (TICKETS.c.field_words == "", TICKETS.c.title),
    else_=TICKETS.c.title + "\n" + TICKETS.c.field_words,
)

POLICIES = Table(
    "policies",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("version", Text, nullable=False),
    instant_column("effective_at"),
    Column("sources", JSON, nullable=False),  # file name to text, the policy file first
)

SAVED_VIEWS = Table(
    "views",
    METADATA,
    Column("id", Integer, primary_key=True),
    reference_column("person_id", "people.id"),
    Column("name", Text, nullable=False),
    Column("narrowed", JSON, nullable=False),
    flag_column("shared"),
    UniqueConstraint("person_id", "name"),
)

#: What an agent has typed on a ticket's page and not sent: the text of each form by its name.
REPLY_DRAFTS = Table(
    "reply_drafts",
    METADATA,
    reference_column("ticket_id", "tickets.id"),
    reference_column("person_id", "people.id"),
    Column("form", Text, nullable=False),
    Column("body", Text, nullable=False),
    instant_column("at"),
    PrimaryKeyConstraint("ticket_id", "person_id", "form"),
    Index(None, "person_id"),
)

#: What a member of staff wants to be told of; without a row, what their role is told of.
STAFF_CHOICES = Table(
    "staff_choices",
    METADATA,
    Column("person_id", Integer, ForeignKey("people.id"), primary_key=True, autoincrement=False),
    Column("choices", JSON, nullable=False),  # by event, and the person's "hours" if any
    Column("products", JSON, nullable=False),  # empty: all
)

#: What members of staff were told on their page of notifications.
STAFF_NEWS = Table(
    "staff_news",
    METADATA,
    Column("id", Integer, primary_key=True),
    reference_column("person_id", "people.id"),
    Column("ticket_id", Integer, ForeignKey("tickets.id"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    reference_column("event_id", "events.id", optional=True),
    Column("cause", Text, nullable=False),  # one cause never tells anybody twice
    Column("at", Instant, nullable=False, index=True),
    instant_column("seen_at", optional=True),
    UniqueConstraint("person_id", "ticket_id", "cause"),
    Index(None, "person_id", "id"),
    partial_index("ix_staff_news_unseen", "person_id", where="seen_at IS NULL"),
)

PRESENCE = Table(
    "presence",
    METADATA,
    reference_column("ticket_id", "tickets.id"),
    reference_column("person_id", "people.id"),
    Column("answering", Boolean, nullable=False),
    instant_column("at"),
    PrimaryKeyConstraint("ticket_id", "person_id"),
)
