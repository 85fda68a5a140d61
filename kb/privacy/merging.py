"""Merging two accounts of one person: what the first has belongs to the second from then on.

The events of tickets are append-only and go on naming the first account, of which a row without an
address stays. ``people.merged_into`` leads from it to the second, so that an export and an erasure
of the one address find both.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Column, Connection, delete, select, update

from kb.analytics.tables import DEFLECTION_PEOPLE, EPISODES, FEEDBACK
from kb.errors import Conflict
from kb.jobs.tables import INDEX_RUNS
from kb.mail.tables import RECEIVED_MAILS
from kb.notifications.queue import NewNotice, add_notices
from kb.people.person import Person
from kb.people.repository.accounts import remove_account
from kb.people.repository.organisations import set_contact_roles
from kb.people.tables import COUPONS, INVITATIONS, PEOPLE
from kb.programs.tables import API_KEYS
from kb.tickets.tables import (
    IDEMPOTENCY_KEYS,
    PRESENCE,
    RATINGS,
    REPLY_DRAFTS,
    SAVED_VIEWS,
    STAFF_CHOICES,
    STAFF_NEWS,
    TICKETS,
    UPLOADS,
    WATCHERS,
)

#: Columns that simply name the other account.
_RENAMED: tuple[Column[int], ...] = (
    TICKETS.c.customer_id,
    TICKETS.c.assignee_id,
    RATINGS.c.person_id,
    COUPONS.c.person_id,
    INDEX_RUNS.c.person_id,
    EPISODES.c.person_id,
    API_KEYS.c.person_id,
    UPLOADS.c.person_id,
    RECEIVED_MAILS.c.settled_by,
)
#: Columns of rows that the second account may have already: those of the first then go.
_UNIQUE: tuple[tuple[Column[int], Column[object]], ...] = (
    (WATCHERS.c.person_id, WATCHERS.c.ticket_id),
    (SAVED_VIEWS.c.person_id, SAVED_VIEWS.c.name),
)
#: What means nothing any longer.
_DROPPED: tuple[Column[int], ...] = (
    PRESENCE.c.person_id,
    IDEMPOTENCY_KEYS.c.person_id,
    REPLY_DRAFTS.c.person_id,
    DEFLECTION_PEOPLE.c.person_id,
    STAFF_CHOICES.c.person_id,
    STAFF_NEWS.c.person_id,
)


def check_mergeable(source: Person, target: Person) -> None:
    """Raises Conflict for one account and for accounts with different roles."""
    if source.id == target.id:
        raise Conflict("An account cannot be merged into itself. Give another address.")
    if source.role is not target.role:
        raise Conflict(
            f"{source.email} has the role {source.role}, and {target.email} the role "
            f"{target.role}. Give both the same role first."
        )


def merge_rows(connection: Connection, source: Person, target: Person, now: dt.datetime) -> None:
    """Everything of ``source`` becomes ``target``'s, and nobody signs in to ``source`` again.

    The second account keeps its name, address, password and organisation; without an organisation,
    it takes over that of the first one and the contact roles there.
    """
    check_mergeable(source, target)
    for column in _RENAMED:
        connection.execute(
            update(column.table).where(column == source.id).values({column.name: target.id})
        )
    for person_id, other in _UNIQUE:
        held = select(other).where(person_id == target.id)
        connection.execute(delete(person_id.table).where(person_id == source.id, other.in_(held)))
        connection.execute(
            update(person_id.table)
            .where(person_id == source.id)
            .values({person_id.name: target.id})
        )
    for column in _DROPPED:
        connection.execute(delete(column.table).where(column == source.id))
    _merge_votes(connection, source, target)
    _merge_contact(connection, source, target)
    connection.execute(delete(INVITATIONS).where(INVITATIONS.c.email == source.email))

    parts = PEOPLE.c.merged_into == source.id
    connection.execute(update(PEOPLE).where(parts).values(merged_into=target.id))
    remove_account(connection, source)
    this = PEOPLE.c.id == source.id
    connection.execute(update(PEOPLE).where(this).values(merged_into=target.id))
    notices = [NewNotice("account-merged", person.email) for person in (source, target)]
    add_notices(connection, None, f"{now.timestamp()}", notices, now)


def _merge_votes(connection: Connection, source: Person, target: Person) -> None:
    """One vote of one person on one page: that of the second account counts."""
    voter = FEEDBACK.c.voter
    held = select(FEEDBACK.c.document_id).where(voter == f"person:{target.id}")
    of_source = voter == f"person:{source.id}"
    connection.execute(delete(FEEDBACK).where(of_source, FEEDBACK.c.document_id.in_(held)))
    connection.execute(update(FEEDBACK).where(of_source).values(voter=f"person:{target.id}"))


def _merge_contact(connection: Connection, source: Person, target: Person) -> None:
    if target.organisation_id is None and source.organisation_id is not None:
        this = PEOPLE.c.id == target.id
        values = {"organisation_id": source.organisation_id}
        connection.execute(update(PEOPLE).where(this).values(values))
    elif target.organisation_id != source.organisation_id:
        return
    roles = sorted({*source.contact_roles, *target.contact_roles})
    set_contact_roles(connection, target.id, roles)
