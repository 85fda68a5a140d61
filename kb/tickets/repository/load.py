"""Load: how rows become a ticket again, and the facts that decisions are made from.

Functions on an open connection, so that their caller reads one consistent snapshot. Nothing here
writes. Lists of tickets are in ``kb.tickets.repository.lists``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, bindparam, or_, select

from kb import ids
from kb.database.statements import one_of
from kb.notifications.tables import NOTICES
from kb.people.repository.people import entitled
from kb.people.tables import ORGANISATIONS, PEOPLE
from kb.sla.clock import SlaEvent, SlaEventKind
from kb.sla.target import TargetState
from kb.tickets.changeset import TicketFacts, UndoableEnd
from kb.tickets.lifecycle import UNDOABLE_VERBS, VERBS, Status, Verb
from kb.tickets.permissions import Ownership, ticket_not_found
from kb.tickets.repository.copies import confirmed_copies
from kb.tickets.repository.lists import ASSIGNEE, row_of
from kb.tickets.sla_targets import (
    MERGED_EVENTS,
    SPLIT_EVENTS,
    TargetRow,
    as_merged,
    clock_events,
    target_view,
    without_end,
)
from kb.tickets.staff.repository import staff_members
from kb.tickets.tables import (
    ALARMS,
    ATTACHMENTS,
    CONSULTED,
    COUPON_USES,
    EVENTS,
    PROPOSALS,
    RATINGS,
    RELEASES,
    SECRETS,
    TARGETS,
    TICKET_LINKS,
    TICKETS,
    WATCHERS,
)
from kb.tickets.ticket import (
    Alarm,
    Attachment,
    Consulted,
    Event,
    GivenSecret,
    Proposal,
    Rating,
    Release,
    Ticket,
)

_FACTS = (
    select(
        TICKETS,
        PEOPLE.c.email.label("customer_email"),
        PEOPLE.c.guest.label("customer_guest"),
        PEOPLE.c.created_at.label("customer_created_at"),
        PEOPLE.c.category.label("own_category"),
        ORGANISATIONS.c.name.label("organisation"),
        ORGANISATIONS.c.category.label("organisation_category"),
        ORGANISATIONS.c.shared_view,
        ORGANISATIONS.c.licence_addresses,
        ORGANISATIONS.c.contract_from,
        ORGANISATIONS.c.contract_until,
        ASSIGNEE.c.email.label("assignee_email"),
        COUPON_USES.c.released_at.label("released_at"),
    )
    .select_from(TICKETS.join(PEOPLE, TICKETS.c.customer_id == PEOPLE.c.id))
    .outerjoin(ORGANISATIONS, TICKETS.c.organisation_id == ORGANISATIONS.c.id)
    .outerjoin(ASSIGNEE, TICKETS.c.assignee_id == ASSIGNEE.c.id)
    .outerjoin(COUPON_USES, COUPON_USES.c.ticket_id == TICKETS.c.id)
)
_OWNERSHIP = (
    select(
        TICKETS.c.id,
        TICKETS.c.customer_id,
        TICKETS.c.organisation_id,
        TICKETS.c.status,
        ORGANISATIONS.c.shared_view,
    )
    .select_from(TICKETS.outerjoin(ORGANISATIONS, TICKETS.c.organisation_id == ORGANISATIONS.c.id))
    .where(TICKETS.c.id == bindparam("serial"))
)


# --- Facts for a decision


def ticket_subject(serial: int) -> str:
    """The subject of a change to a ticket, so that two changes never decide on the same facts."""
    return f"ticket {serial}"


def ownership(connection: Connection, serial: int) -> tuple[Ownership, Status]:
    """Raises NotFound."""
    row = connection.execute(_OWNERSHIP, {"serial": serial}).first()
    if row is None:
        raise ticket_not_found()
    owner = Ownership(row.id, row.customer_id, row.organisation_id, bool(row.shared_view))
    return owner, Status(row.status)


def ticket_facts(connection: Connection, serial: int) -> TicketFacts:
    """Raises NotFound."""
    row = connection.execute(_FACTS.where(TICKETS.c.id == serial)).first()
    if row is None:
        raise ticket_not_found()
    events = _events_by_ticket(connection, (serial,))
    category, licence = entitled(row, row.customer_email, row.created_at)
    return TicketFacts(
        ownership=Ownership(row.id, row.customer_id, row.organisation_id, bool(row.shared_view)),
        status=Status(row.status),
        level=row.level,
        level_title=row.level_title or row.level,
        type=row.type,
        topic=row.topic,
        severity=row.severity,
        product=row.product,
        fields=row.fields,
        channel=row.source,
        category=category,
        licence=licence,
        organisation=row.organisation or "",
        customer_since=None if row.customer_guest else row.contract_from or row.customer_created_at,
        coupon=row.coupon if row.released_at is None else "",
        coupon_level=_first_level(events[serial], row.level) if row.coupon else "",
        customer_email=row.customer_email,
        customer_guest=row.customer_guest,
        assignee_email=row.assignee_email or "",
        watchers=_watchers(connection, serial, "email"),
        copy_to=tuple(row.copy_to),
        confirmed=confirmed_copies(connection, serial),
        created=row.created_at,
        last_at=events[serial][-1].at,
        last_speaker=_last_speaker(events[serial]),
        remind_at=row.remind_at,
        next_at=row.next_at,
        proposal=_open_proposal(connection, serial),
        target_rows=stored_targets(connection, (serial,)).get(serial, ()),
        history=_histories(connection, {serial: row.level}, events)[serial],
        end=_undoable_end(events[serial]),
        urgent=row.urgent,
        staff=staff_members(connection),
        revision=events[serial][-1].id,
    )


def _undoable_end(events: Sequence[Any]) -> UndoableEnd | None:
    """The last merge or mark as spam or duplicate. Events from before 0007 cannot be undone."""
    for event in reversed(events):
        if event.verb == Verb.UNDO:
            return None
        if event.verb in UNDOABLE_VERBS and event.facts.get("before"):
            remind_at = event.facts.get("remind_at")
            return UndoableEnd(
                Verb(event.verb),
                event.at,
                Status(event.facts["before"]),
                dt.datetime.fromisoformat(remind_at) if remind_at else None,
                event.facts.get("into", ""),
                event.public,
            )
    return None


def _last_speaker(events: Sequence[Any]) -> str:
    """Who wrote last in public: agent or customer."""
    for event in reversed(events):
        verb = Verb(event.verb)
        if verb is Verb.SET_TO_PENDING and event.facts.get("said"):
            return "agent"
        if event.public and VERBS[verb].clock is SlaEventKind.COMMENT:
            return "agent" if event.by_agent else "customer"
    return "customer"


# --- What the SLA clock hears


def clock_histories(
    connection: Connection, levels: Mapping[int, str]
) -> dict[int, tuple[SlaEvent, ...]]:
    """The history of each ticket, with that of linked ones; ``levels`` of today by serial."""
    return _histories(connection, levels, _events_by_ticket(connection, list(levels)))


def _events_by_ticket(connection: Connection, serials: Sequence[int]) -> dict[int, list[Any]]:
    """The events of each ticket without their texts, oldest first."""
    c = EVENTS.c
    query = select(c.id, c.ticket_id, c.at, c.verb, c.by_agent, c.public, c.facts)
    events: dict[int, list[Any]] = {serial: [] for serial in serials}
    of_tickets = query.where(one_of(connection, c.ticket_id, serials))
    for row in connection.execute(of_tickets.order_by(c.id)):
        events[row.ticket_id].append(row)
    return events


def _histories(
    connection: Connection, levels: Mapping[int, str], events: Mapping[int, list[Any]]
) -> dict[int, tuple[SlaEvent, ...]]:
    links = connection.execute(
        select(TICKET_LINKS).where(one_of(connection, TICKET_LINKS.c.ticket_id, levels))
    ).all()
    others = {link.other_id for link in links} - set(levels)
    if others:
        events = {**events, **_events_by_ticket(connection, sorted(others))}

    histories = {serial: _heard(events[serial], level) for serial, level in levels.items()}
    for link in links:
        history, level = histories[link.ticket_id], levels[link.ticket_id]
        if link.kind == "split":
            first_level = _first_level(events[link.ticket_id], level)
            history.append(SlaEvent(link.since, SlaEventKind.ACCEPTED, level=first_level))
        kinds = MERGED_EVENTS if link.kind == "merged" else SPLIT_EVENTS
        history += [
            as_merged(event, level)
            for event in _heard(events[link.other_id], level)
            if event.kind in kinds and event.at <= link.at
        ]
    return {serial: tuple(history) for serial, history in histories.items()}


def _heard(events: Sequence[Any], level: str) -> list[SlaEvent]:
    first_level = _first_level(events, level)
    heard: list[SlaEvent] = []
    for event in events:
        if event.verb == Verb.UNDO:
            heard = list(without_end(heard))
        heard += clock_events(
            Verb(event.verb),
            event.at,
            by_agent=event.by_agent,
            facts=event.facts,
            level=first_level,
        )
    return heard


def _first_level(events: Sequence[Any], level: str) -> str:
    """The level that a ticket was filed at; old ones say it only in their first move."""
    for event in events:
        if event.verb == Verb.OPEN and event.facts.get("level"):
            return str(event.facts["level"])
        if event.facts.get("from_level"):
            return str(event.facts["from_level"])
    return level


def stored_targets(
    connection: Connection, serials: Sequence[int]
) -> dict[int, tuple[TargetRow, ...]]:
    """The SLA targets by ticket, oldest first."""
    of_tickets = one_of(connection, TARGETS.c.ticket_id, serials)
    query = select(TARGETS).where(of_tickets).order_by(TARGETS.c.id)
    rows: dict[int, list[TargetRow]] = {}
    for row in connection.execute(query):
        target = TargetRow(
            target=row.target,
            started_at=row.started_at,
            due_at=row.due_at,
            level=row.level,
            policy_version=row.policy_version,
            cycle=row.cycle,
            state=TargetState(row.state),
            met_at=row.met_at,
            version_at=row.version_at,
            grace=row.grace,
        )
        rows.setdefault(row.ticket_id, []).append(target)
    return {serial: tuple(targets) for serial, targets in rows.items()}


# --- The whole ticket


def load_ticket(
    connection: Connection,
    row: Any,
    ownership: Ownership,
    now: dt.datetime,
    *,
    internal: bool,
    owner: bool,
) -> Ticket:
    """The ticket without its ledgers, which the desk computes from the policies."""
    serial = row["id"]
    rating = connection.execute(select(RATINGS).where(RATINGS.c.ticket_id == serial)).first()
    targets = stored_targets(connection, (serial,)).get(serial, ())
    return Ticket(
        row=row_of(row, now),
        ownership=ownership,
        type=row["type"],
        module=row["module"],
        version=row["version"],
        severity_title=row["severity_title"],
        severity_detail=row["severity_detail"],
        level_why=row["level_why"],
        copy_to=tuple(row["copy_to"]),
        dues=tuple(
            target_view(
                target.target,
                target.state,
                target.due_at,
                target.met_at,
                now,
                cycle=target.cycle,
                grace=target.grace,
            )
            for target in targets
        ),
        ledger=(),
        consulted=_consulted(connection, serial),
        events=_events(connection, serial, internal),
        level_key=row["level"],
        severity=row["severity"],
        proposal=_open_proposal(connection, serial),
        rating=Rating(rating.score, rating.words, rating.at) if rating else None,
        remind_at=row["remind_at"],
        merged_into=ids.ticket_number(row["merged_into"]) if row["merged_into"] else "",
        release=_release(connection, row["release_id"]) if row["release_id"] else None,
        erased_at=row["erased_at"],
        related=_related(connection, serial),
        coupon=_coupon(connection, serial, row["coupon"]) if owner or internal else "",
        severity_explanation=row["severity_explanation"],
        topic=row["topic"],
        fields=row["fields"],
        secrets=_secrets(connection, serial) if row["has_secrets"] else (),
        undelivered=(owner or internal) and _is_undelivered(connection, row),
        alarms=_alarms(connection, serial) if internal else (),
        watchers=_watchers(connection, serial, "name") if internal else (),
        revision=row["revision"],
    )


def _events(connection: Connection, serial: int, internal: bool) -> tuple[Event, ...]:
    files: dict[int, list[Attachment]] = {}
    attachments = (
        select(ATTACHMENTS)
        .where(ATTACHMENTS.c.ticket_id == serial)
        .order_by(ATTACHMENTS.c.position)
    )
    for row in connection.execute(attachments):
        files.setdefault(row.event_id, []).append(attachment_of(row))

    visible = EVENTS.c.ticket_id == serial
    if not internal:
        visible = and_(visible, EVENTS.c.public)
    return tuple(
        Event(
            at=row.at,
            verb=Verb(row.verb),
            actor=row.actor,
            by_agent=row.by_agent,
            public=row.public,
            body=row.body,
            facts=row.facts,
            attachments=tuple(files.get(row.id, ())),
            id=row.id,
        )
        for row in connection.execute(select(EVENTS).where(visible).order_by(EVENTS.c.id))
    )


def attachment_of(row: Any) -> Attachment:
    return Attachment(row.ref, row.name, row.media_type, row.size, row.key)


def _watchers(connection: Connection, serial: int, column: str) -> tuple[str, ...]:
    query = (
        select(PEOPLE.c[column])
        .select_from(WATCHERS.join(PEOPLE, WATCHERS.c.person_id == PEOPLE.c.id))
        .where(WATCHERS.c.ticket_id == serial, PEOPLE.c.active)
        .order_by(PEOPLE.c.email)
    )
    return tuple(connection.execute(query).scalars())


def _open_proposal(connection: Connection, serial: int) -> Proposal | None:
    query = select(PROPOSALS).where(PROPOSALS.c.ticket_id == serial, PROPOSALS.c.state == "open")
    row = connection.execute(query.order_by(PROPOSALS.c.id.desc())).first()
    return Proposal(row.severity, row.detail, row.why, row.at) if row else None


def _coupon(connection: Connection, serial: int, code: str) -> str:
    used = select(COUPON_USES.c.ticket_id).where(
        COUPON_USES.c.ticket_id == serial, COUPON_USES.c.released_at.is_(None)
    )
    return code if code and connection.execute(used).first() else ""


def _release(connection: Connection, release_id: int) -> Release:
    row = connection.execute(select(RELEASES).where(RELEASES.c.id == release_id)).one()
    return Release(row.id, row.name, row.planned_at, row.shipped_at)


def _related(connection: Connection, serial: int) -> tuple[str, ...]:
    links = select(TICKET_LINKS.c.ticket_id, TICKET_LINKS.c.other_id).where(
        or_(TICKET_LINKS.c.ticket_id == serial, TICKET_LINKS.c.other_id == serial)
    )
    serials = {either for link in connection.execute(links) for either in link} - {serial}
    return tuple(ids.ticket_number(other) for other in sorted(serials))


def _secrets(connection: Connection, serial: int) -> tuple[GivenSecret, ...]:
    query = (
        select(SECRETS, PEOPLE.c.name)
        .select_from(SECRETS.outerjoin(PEOPLE, SECRETS.c.shown_to == PEOPLE.c.id))
        .where(SECRETS.c.ticket_id == serial)
        .order_by(SECRETS.c.field)
    )
    return tuple(
        GivenSecret(row.field, row.title, row.given_at, row.shown_at, row.name or "", row.wiped_at)
        for row in connection.execute(query)
    )


def _is_undelivered(connection: Connection, row: Any) -> bool:
    """Whether the newest mail to the requester was given up; later ones may have arrived."""
    address = select(PEOPLE.c.email).where(PEOPLE.c.id == row["customer_id"]).scalar_subquery()
    newest = (
        select(NOTICES.c.state)
        .where(NOTICES.c.ticket_id == row["id"], NOTICES.c.recipient == address)
        .order_by(NOTICES.c.id.desc())
        .limit(1)
    )
    failed = select(NOTICES.c.id).where(
        NOTICES.c.state == "failed", NOTICES.c.ticket_id == row["id"]
    )
    # The partial index of failed mails answers for nearly every ticket.
    if connection.execute(failed.limit(1)).first() is None:
        return False
    return connection.execute(newest).scalar() == "failed"


def _alarms(connection: Connection, serial: int) -> tuple[Alarm, ...]:
    query = select(ALARMS).where(ALARMS.c.ticket_id == serial).order_by(ALARMS.c.at, ALARMS.c.id)
    return tuple(
        Alarm(row.target, row.cycle, row.threshold, row.due_at, row.at)
        for row in connection.execute(query)
    )


def _consulted(connection: Connection, serial: int) -> tuple[Consulted, ...]:
    query = select(CONSULTED).where(CONSULTED.c.ticket_id == serial).order_by(CONSULTED.c.position)
    return tuple(
        Consulted(row.document_id, row.title, row.outcome) for row in connection.execute(query)
    )
