"""Tables of mail: what arrived and became of it, and addresses that mails do not reach.

The mails themselves are files: see ``kb.mail.spool``.
"""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, Table, Text, text

from kb.database.metadata import (
    METADATA,
    instant_column,
    partial_index,
    reference_column,
    text_column,
)

RECEIVED_MAILS = Table(
    "received_mails",
    METADATA,
    Column("id", Integer, primary_key=True),
    # A hash of what the sender wrote: a mail has one effect, however often it is delivered.
    Column("content", Text, nullable=False, unique=True),
    text_column("message_id"),
    text_column("file"),  # in the spool; empty once it was deleted
    text_column("way"),
    text_column("mailbox"),
    text_column("sender"),
    text_column("subject"),
    instant_column("received_at"),
    Column("outcome", Text, nullable=False),  # ticket, comment, quarantined, ignored
    text_column("why"),
    reference_column("ticket_id", "tickets.id", optional=True),
    reference_column("event_id", "events.id", optional=True),
    Column("evidence", JSON, nullable=False, server_default=text("'{}'")),
    text_column("folded"),  # the quotation and the signature below a message
    Column("notes", JSON, nullable=False, server_default=text("'[]'")),  # what was left out
    instant_column("settled_at", optional=True),  # an agent has decided about a quarantined mail
    reference_column("settled_by", "people.id", optional=True),
    instant_column("confirmed_at", optional=True),  # its sender has confirmed to have written it
    Index(None, "message_id"),
    Index(None, "sender", "received_at"),
    partial_index(None, "ticket_id", where="ticket_id IS NOT NULL"),
    partial_index(
        "ix_received_mails_quarantine",
        "received_at",
        where="outcome = 'quarantined' AND settled_at IS NULL",
    ),
)

#: Addresses whose mail server has refused a mail for good.
UNREACHABLE_ADDRESSES = Table(
    "unreachable_addresses",
    METADATA,
    Column("address", Text, primary_key=True),
    text_column("status"),  # RFC 3463, such as 5.1.1
    text_column("why"),
    instant_column("at"),
)
