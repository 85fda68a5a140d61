"""Sums of what happened to tickets by day, kept up with the history of events.

Each event is counted once, in the order in which it was saved; a number says how far. ``tickets``
reads the sums.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, func, insert, or_, select

from kb.analytics.tables import DURATION_WEEKS, TARGET_DAYS, TICKET_DAYS
from kb.database import Database
from kb.database.metadata import COUNTERS
from kb.database.statements import one_of, upsert
from kb.sla.target import TargetState
from kb.tickets.lifecycle import VERBS, Verb
from kb.tickets.tables import ANSWER_LINKS, EVENTS, TARGETS, TICKETS
from kb.timezones import start_of_day, start_of_week

_BATCH = 5_000  # events in one transaction, so that filing a ticket never waits for long
_COUNTER = "events in insights"
_DAY = dt.timedelta(days=1)
#: Buckets are so fine that a median is at most a tenth off.
_BUCKETS_PER_DOUBLING = 4
_ENDED = (TargetState.MET.value, TargetState.BREACHED.value)
_IS_REPLY = and_(
    EVENTS.c.by_agent,
    EVENTS.c.public,
    EVENTS.c.verb != Verb.OPEN.value,
    or_(EVENTS.c.verb.in_((Verb.REPLY.value, Verb.LINK.value)), EVENTS.c.body != ""),
)

#: The dimensions by which tickets are summed, beside all of them ("").
PRODUCT, LEVEL, ORGANISATION, AGENT = "product", "level", "organisation", "agent"
#: The kinds of durations.
FIRST_RESPONSE, RESOLUTION = "first response", "resolution"

_Key = tuple[str, dt.datetime, str]  # dimension, day, value


class TicketSums:
    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self) -> int:
        """Counts the events since the last time, and returns how many there were."""
        total = 0
        while counted := self._count_batch():
            total += counted
        return total

    def _count_batch(self) -> int:
        settled = self._database.settled(EVENTS)
        with self._database.read() as connection:
            if not _next_events(connection, settled, 1):
                return 0  # without queueing with the writers
        with self._database.write("ticket sums") as connection:
            events = _next_events(connection, settled, _BATCH)
            if events:
                _count_events(connection, events)
                _count_targets(connection, {event.ticket_id for event in events})
                last = {"name": _COUNTER, "value": events[-1].id}
                upsert(connection, COUNTERS, last, keys=("name",), update=("value",))
            return len(events)


def duration_bucket(duration: dt.timedelta) -> int:
    """The bucket of a duration; each fourth one stands for twice the time.

    >>> duration_bucket(dt.timedelta(minutes=1)), duration_bucket(dt.timedelta(minutes=3))
    (4, 8)
    """
    minutes = max(duration.total_seconds(), 0.0) / 60
    return round(_BUCKETS_PER_DOUBLING * math.log2(1 + minutes))


def bucket_duration(bucket: int) -> dt.timedelta:
    """The duration that a bucket stands for."""
    return dt.timedelta(minutes=2 ** (bucket / _BUCKETS_PER_DOUBLING) - 1)


def _next_events(connection: Connection, settled: int, limit: int) -> Sequence[Row[Any]]:
    counted = select(COUNTERS.c.value).where(COUNTERS.c.name == _COUNTER)
    query = (
        select(
            EVENTS.c.id,
            EVENTS.c.ticket_id,
            EVENTS.c.at,
            EVENTS.c.verb,
            EVENTS.c.actor_id,
            EVENTS.c.by_agent,
            EVENTS.c.facts,
            _IS_REPLY.label("is_reply"),
            TICKETS.c.product,
            TICKETS.c.level,
            TICKETS.c.organisation_id,
            TICKETS.c.created_at,
        )
        .join_from(EVENTS, TICKETS, EVENTS.c.ticket_id == TICKETS.c.id)
        .where(EVENTS.c.id > func.coalesce(counted.scalar_subquery(), 0), EVENTS.c.id <= settled)
        .order_by(EVENTS.c.id)
        .limit(limit)
    )
    return connection.execute(query).all()


def _is_resolution(event: Row[Any]) -> bool:
    """A ticket that was closed for a reason, such as one out of scope, was not resolved."""
    return event.verb == Verb.SOLVE and not event.facts.get("reason")


def _count_events(connection: Connection, events: Sequence[Row[Any]]) -> None:
    first_replies = _first_replies(connection, {e.ticket_id for e in events if e.is_reply})
    ratings = _earlier_ratings(connection, events)
    known = _known(connection, {e.ticket_id for e in events if _is_resolution(e)})
    counts: dict[_Key, Counter[str]] = defaultdict(Counter)
    durations: Counter[tuple[str, dt.datetime, str, str, int]] = Counter()
    for event in events:
        verb = Verb(event.verb)
        keys = list(_keys(event))
        names = {
            "filed": verb is Verb.OPEN,
            "ended": VERBS[verb].closes,
            "resolved": _is_resolution(event),
            "known": _is_resolution(event) and event.ticket_id in known,
            "reopened": verb is Verb.REOPEN,
            "replies": bool(event.is_reply),
        }
        for key in keys:
            counts[key].update(name for name, happened in names.items() if happened)
            if verb is Verb.RATE:
                counts[key].update(ratings=1, scores=int(event.facts.get("score", 0)))
                for at, score in ratings.get(event.id, ()):
                    day = start_of_week(at) if key[0] == ORGANISATION else start_of_day(at)
                    counts[key[0], day, key[2]].update(ratings=-1, scores=-score)

        kinds = [FIRST_RESPONSE] if event.id == first_replies.get(event.ticket_id) else []
        kinds += [RESOLUTION] if _is_resolution(event) else []
        bucket = duration_bucket(event.at - event.created_at)
        durations.update(
            (dimension, start_of_week(event.at), value, kind, bucket)
            for kind in kinds
            for dimension, _, value in keys
            if dimension not in (ORGANISATION, AGENT)
        )
    _save(connection, counts, durations)


def _keys(event: Row[Any]) -> Iterable[_Key]:
    """Where an event counts: in all tickets, in those like its own, and for its agent."""
    day = start_of_day(event.at)
    yield ("", day, "")
    yield (PRODUCT, day, event.product)
    yield (LEVEL, day, event.level)
    if event.organisation_id is not None:
        yield (ORGANISATION, start_of_week(event.at), str(event.organisation_id))
    if event.by_agent and event.actor_id is not None:
        yield (AGENT, day, str(event.actor_id))


def _first_replies(connection: Connection, serials: set[int]) -> dict[int, int]:
    """Ticket -> the event that was the first public reply by an agent."""
    query = (
        select(EVENTS.c.ticket_id, func.min(EVENTS.c.id))
        .where(one_of(connection, EVENTS.c.ticket_id, serials), _IS_REPLY)
        .group_by(EVENTS.c.ticket_id)
    )
    return {serial: event for serial, event in connection.execute(query)}


def _known(connection: Connection, serials: set[int]) -> set[int]:
    """Those of the tickets that were answered with a link to an article."""
    query = select(ANSWER_LINKS.c.ticket_id).where(
        one_of(connection, ANSWER_LINKS.c.ticket_id, serials)
    )
    return set(connection.execute(query).scalars())


def _earlier_ratings(
    connection: Connection, events: Sequence[Row[Any]]
) -> dict[int, list[tuple[dt.datetime, int]]]:
    """A rating's event -> the rating that it replaces: its time and its score."""
    rated = {event.ticket_id for event in events if event.verb == Verb.RATE.value}
    query = (
        select(EVENTS.c.id, EVENTS.c.ticket_id, EVENTS.c.at, EVENTS.c.facts)
        .where(one_of(connection, EVENTS.c.ticket_id, rated), EVENTS.c.verb == Verb.RATE.value)
        .order_by(EVENTS.c.id)
    )
    last: dict[int, tuple[dt.datetime, int]] = {}
    replaced: dict[int, list[tuple[dt.datetime, int]]] = {}
    for row in connection.execute(query):
        if row.ticket_id in last:
            replaced[row.id] = [last[row.ticket_id]]
        last[row.ticket_id] = (row.at, int(row.facts.get("score", 0)))
    return replaced


def _save(
    connection: Connection,
    counts: dict[_Key, Counter[str]],
    durations: Counter[tuple[str, dt.datetime, str, str, int]],
) -> None:
    names = ("filed", "ended", "resolved", "reopened", "replies", "ratings", "scores", "known")
    key_names = ("dimension", "day", "value")
    rows = [
        {**dict(zip(key_names, key, strict=True)), **{name: count[name] for name in names}}
        for key, count in counts.items()
        if any(count.values())
    ]
    upsert(connection, TICKET_DAYS, rows, keys=key_names, add=names)

    bucket_names = ("dimension", "week", "value", "kind", "bucket")
    rows = [
        {**dict(zip(bucket_names, key, strict=True)), "tickets": tickets}
        for key, tickets in durations.items()
    ]
    upsert(connection, DURATION_WEEKS, rows, keys=bucket_names, add=("tickets",))


def _count_targets(connection: Connection, serials: set[int]) -> None:
    """Counts the targets of each day again on which one of these tickets was due."""
    query = select(TARGETS.c.due_at).where(
        one_of(connection, TARGETS.c.ticket_id, serials),
        TARGETS.c.due_at.is_not(None),
        TARGETS.c.state.in_(_ENDED),
    )
    days = {start_of_day(due) for due in connection.execute(query).scalars()}
    for day in days:
        connection.execute(delete(TARGET_DAYS).where(TARGET_DAYS.c.day == day))
        query = (
            select(
                TARGETS.c.level,
                func.count().filter(TARGETS.c.state == TargetState.MET.value).label("met"),
                func.count().filter(TARGETS.c.state == TargetState.BREACHED.value).label("missed"),
            )
            .where(
                TARGETS.c.state.in_(_ENDED), TARGETS.c.due_at >= day, TARGETS.c.due_at < day + _DAY
            )
            .group_by(TARGETS.c.level)
        )
        rows = [
            {"day": day, "level": row.level, "met": row.met, "breached": row.missed}
            for row in connection.execute(query)
        ]
        if rows:
            connection.execute(insert(TARGET_DAYS), rows)
