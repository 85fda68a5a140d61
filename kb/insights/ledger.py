"""The deflection ledger: counts visits once nothing can change their outcome any more.

Reads visits, their events and the tickets that followed, lets ``kb.analytics`` decide, and adds the
result to the sums of days and weeks. ``deflection`` reads these.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, Table, false, func, select, update

from kb.analytics.causal_effect import ArmSums
from kb.analytics.deflection import REOPENED
from kb.analytics.deflection_report import COUNTS, DeflectionSums, sums_of_person
from kb.analytics.episode import Arm, Episode
from kb.analytics.outcomes import (
    CLAWED_BACK_WITHIN,
    DECIDED_AFTER,
    SETTLED_AFTER,
    FiledTicket,
    JudgedEpisode,
    Need,
    Tickets,
    find_needs,
    judge_episode,
)
from kb.analytics.tables import (
    ARTICLE_ARMS,
    ARTICLE_WEEKS,
    DEFLECTION_DAYS,
    DEFLECTION_PEOPLE,
    DEFLECTION_WEEKS,
    EPISODE_EVENTS,
    EPISODES,
)
from kb.database import Database
from kb.database.statements import one_of, upsert
from kb.people.tables import PEOPLE
from kb.tickets.tables import TICKETS
from kb.timezones import start_of_day, start_of_week

_BATCH = 2_000  # visits in one transaction, so that filing a ticket never waits for long
_IDS_PER_QUERY = 500
#: Names of forms on one website that are told apart: who sends others fills no table.
_MAX_FORMS = 50
_OTHER_FORM = "other"
#: Of a title that is meant: three words, or so many characters; fewer in Chinese and Japanese.
_MIN_WORDS, _MIN_CHARACTERS, _MIN_IDEOGRAPHS = 3, 10, 4
_IDEOGRAPH = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")

#: The number of articles at the top of a list whose effect is measured.
_MOST_COMPARED = 3

Cell = tuple[dt.datetime, str, str, str, int]  # day, portal, form, product, share
_CELL = ("day", "portal", "form", "product", "share")
_ARMS = (Arm.TREATMENT.value, Arm.HOLDOUT.value)
ArticleArm = tuple[dt.datetime, str, str, int, Arm]  # week, portal, article, share, arm


@dataclass(slots=True)
class _Events:
    """What the events of one visit say."""

    shown: set[str] = field(default_factory=set)
    first_shown: tuple[str, ...] = ()  # before suggestions could change what is typed next
    rejected: set[str] = field(default_factory=set)
    opened: dict[str, float] = field(default_factory=dict)
    solved: bool = False
    filed_at: dt.datetime | None = None


class DeflectionLedger:
    def __init__(self, database: Database) -> None:
        self._database = database

    def settle(self, now: dt.datetime) -> int:
        """Counts the visits whose windows are over, oldest first, and returns how many."""
        total = 0
        while counted := self._settle_batch(now):
            total += counted
            if counted < _BATCH:
                break
        return total

    def _settle_batch(self, now: dt.datetime) -> int:
        query = (
            select(EPISODES)
            .where(
                EPISODES.c.counted == false(),  # worded as its index is
                EPISODES.c.started_at <= now - SETTLED_AFTER,
            )
            .order_by(EPISODES.c.started_at, EPISODES.c.id)
            .limit(_BATCH)
        )
        with self._database.read() as connection:
            if connection.execute(query.limit(1)).first() is None:
                return 0  # without queueing with the writers
        with self._database.write() as connection:
            rows = connection.execute(query).all()
            if rows:
                _count(connection, rows)
            return len(rows)


def is_meant(title: str) -> bool:
    """Whether somebody has typed enough to look for an answer.

    >>> is_meant("printer"), is_meant("my printer jams"), is_meant("打印机卡纸")
    (False, True, True)
    """
    title = title.strip()
    return (
        len(title.split()) >= _MIN_WORDS
        or len(title) >= _MIN_CHARACTERS
        or len(_IDEOGRAPH.findall(title)) >= _MIN_IDEOGRAPHS
    )


def _count(connection: Connection, rows: Sequence[Row[Any]]) -> None:
    events = _read_events(connection, [row.id for row in rows])
    guests = _guests(connection, {row.person_id for row in rows if row.person_id is not None})
    forms = _known_forms(connection, rows)
    episodes = [_episode(row, events[row.id], guests, forms) for row in rows]
    tickets = _tickets(connection, episodes)
    people = _counted_people(connection, episodes)

    days: dict[Cell, DeflectionSums] = defaultdict(DeflectionSums)
    articles: dict[tuple[dt.datetime, str, str], DeflectionSums] = defaultdict(DeflectionSums)
    shown: Counter[tuple[dt.datetime, str, str]] = Counter()
    rejected: Counter[tuple[dt.datetime, str, str]] = Counter()
    for episode in episodes:
        judged = judge_episode(episode, tickets)
        days[_cell(episode)].count(judged)
        _count_articles(articles, judged)
        if not episode.agent:
            shown.update(_article(episode, name) for name in events[episode.id].shown)
            rejected.update(_article(episode, name) for name in events[episode.id].rejected)

    needs = _new_needs(connection, episodes, tickets, people)
    _count_needs(connection, days, needs, people)
    _save_sums(connection, DEFLECTION_DAYS, days)
    _save_sums(connection, DEFLECTION_WEEKS, _by_week(days))
    _save_arms(connection, _article_arms(needs, events, people))
    _save_articles(connection, articles, shown, rejected)
    for ids in _chunks([row.id for row in rows]):
        connection.execute(update(EPISODES).where(EPISODES.c.id.in_(ids)).values(counted=True))


# --- rows to values


def _read_events(connection: Connection, ids: Sequence[str]) -> dict[str, _Events]:
    events: dict[str, _Events] = defaultdict(_Events)
    for chunk in _chunks(ids):
        query = (
            select(EPISODE_EVENTS)
            .where(EPISODE_EVENTS.c.episode_id.in_(chunk))
            .order_by(EPISODE_EVENTS.c.id)
        )
        for row in connection.execute(query):
            _learn(events[row.episode_id], row.kind, row.facts, row.at)
    return events


def _learn(events: _Events, kind: str, facts: Mapping[str, Any], at: dt.datetime) -> None:
    document = facts.get("id")
    if kind == "shown" and isinstance(facts.get("ids"), list):
        names = [name for name in facts["ids"] if isinstance(name, str)]
        events.shown.update(names)
        events.first_shown = events.first_shown or tuple(dict.fromkeys(names))[:_MOST_COMPARED]
    elif kind == "open" and isinstance(document, str):
        milliseconds = facts.get("dwell_ms")
        seconds = milliseconds / 1000 if isinstance(milliseconds, int | float) else 0.0
        events.opened[document] = events.opened.get(document, 0.0) + max(seconds, 0.0)
    elif kind == "helped" and facts.get("yes") is True:
        events.solved = True
        if isinstance(document, str):  # a page without a script tells of nothing else
            events.opened.setdefault(document, 0.0)
    elif kind == "helped" and isinstance(document, str):
        events.rejected.add(document)
    elif kind in ("submit", REOPENED):  # a ticket that is open again counts as one that was filed
        events.filed_at = events.filed_at or at


def _guests(connection: Connection, person_ids: set[int]) -> set[int]:
    """Those of the people who have no account: they are only known because they filed a ticket."""
    query = select(PEOPLE.c.id).where(one_of(connection, PEOPLE.c.id, person_ids), PEOPLE.c.guest)
    return set(connection.execute(query).scalars())


def _known_forms(connection: Connection, rows: Sequence[Row[Any]]) -> Mapping[str, set[str]]:
    """Portal -> the forms that are told apart."""
    forms: dict[str, set[str]] = defaultdict(set)
    query = select(DEFLECTION_DAYS.c.portal, DEFLECTION_DAYS.c.form).distinct()
    for row in [*connection.execute(query), *rows]:
        if len(forms[row.portal]) < _MAX_FORMS:
            forms[row.portal].add(row.form)
    return forms


def _episode(
    row: Row[Any], events: _Events, guests: set[int], forms: Mapping[str, set[str]]
) -> Episode:
    is_known = row.person_id is not None and row.person_id not in guests
    return Episode(
        id=row.id,
        at=row.started_at,
        portal=row.portal,
        form=row.form if row.form in forms[row.portal] else _OTHER_FORM,
        product=row.product,
        person=str(row.person_id) if is_known else None,
        organisation=str(row.organisation_id) if row.organisation_id is not None else None,
        arm=Arm(row.arm),
        share=row.share,
        intent=is_meant(row.title),
        would_show=row.would_show,
        opened=tuple(events.opened.items()),
        solved=events.solved,
        filed_at=max(events.filed_at, row.started_at) if events.filed_at else None,
        agent=row.apart,
        title=row.title,
    )


def _tickets(connection: Connection, episodes: Sequence[Episode]) -> Tickets:
    """The tickets that may count: of these people and organisations, and of these visits. Of a
    form whose tickets are kept elsewhere, its visits say when one was filed.
    """
    people = {int(episode.person) for episode in episodes if episode.person is not None}
    organisations = {int(e.organisation) for e in episodes if e.organisation is not None}
    since, until = episodes[0].at, episodes[-1].at + SETTLED_AFTER
    columns = (
        TICKETS.c.customer_id,
        TICKETS.c.organisation_id,
        TICKETS.c.created_at,
        TICKETS.c.title,
        TICKETS.c.episode,
    )
    in_time = TICKETS.c.created_at.between(since, until)
    serials = select(func.min(TICKETS.c.id), func.max(TICKETS.c.id)).where(in_time)
    first, last = connection.execute(serials).one()
    # The indexes by person and organisation go on with the id, so that a company with many tickets
    # costs no more than those of these days.
    in_range = TICKETS.c.id.between(first or 0, last or 0)
    own = {
        episode.id: FiledTicket(
            episode.filed_at, episode.person, episode.organisation, episode.id, episode.title
        )
        for episode in episodes
        if episode.filed_at is not None
    }
    tickets: dict[tuple[int, dt.datetime, str], FiledTicket] = {}
    for column, values in (
        (TICKETS.c.customer_id, people),
        (TICKETS.c.organisation_id, organisations),
    ):
        query = select(*columns).where(one_of(connection, column, values), in_range, in_time)
        for row in connection.execute(query):
            if row.episode in own:
                continue
            organisation = row.organisation_id
            tickets[row.customer_id, row.created_at, row.title] = FiledTicket(
                row.created_at,
                str(row.customer_id),
                None if organisation is None else str(organisation),
                row.episode,
                row.title,
            )
    elsewhere = (
        select(EPISODES, EPISODE_EVENTS.c.at)
        .join_from(EPISODES, EPISODE_EVENTS, EPISODE_EVENTS.c.episode_id == EPISODES.c.id)
        .where(
            one_of(connection, EPISODES.c.person_id, people),
            EPISODES.c.started_at.between(since, until),
            EPISODES.c.apart.is_(False),
            EPISODES.c.ticket_id.is_(None),
            EPISODE_EVENTS.c.kind == "submit",
        )
    )
    for row in connection.execute(elsewhere):
        if row.id not in own:
            organisation = str(row.organisation_id) if row.organisation_id is not None else None
            own[row.id] = FiledTicket(row.at, str(row.person_id), organisation, row.id, row.title)
    titles = (episode.title for episode in episodes)
    return Tickets([*own.values(), *tickets.values()], titles=titles)


# --- needs of people


def _counted_people(connection: Connection, episodes: Sequence[Episode]) -> dict[str, Row[Any]]:
    """Identity -> how far the person is counted."""
    ids = {int(episode.person) for episode in episodes if episode.person is not None}
    query = select(DEFLECTION_PEOPLE).where(one_of(connection, DEFLECTION_PEOPLE.c.person_id, ids))
    return {f"person:{row.person_id}": row for row in connection.execute(query)}


def _new_needs(
    connection: Connection,
    episodes: Sequence[Episode],
    tickets: Tickets,
    people: Mapping[str, Row[Any]],
) -> list[Need]:
    """The needs that arose in these visits. Later visits are looked at, too: a ticket counts for
    the newest need before it.
    """
    ids = {int(episode.person) for episode in episodes if episode.person is not None}
    last = episodes[-1]
    until = last.at + CLAWED_BACK_WITHIN + DECIDED_AFTER
    query = (
        select(EPISODES.c.id, EPISODES.c.started_at, EPISODES.c.person_id, EPISODES.c.title)
        .where(
            one_of(connection, EPISODES.c.person_id, ids),
            EPISODES.c.started_at.between(last.at, until),
            EPISODES.c.would_show,
            EPISODES.c.apart.is_(False),
            EPISODES.c.arm != "",
        )
        .order_by(EPISODES.c.started_at, EPISODES.c.id)
    )
    here = {episode.id for episode in episodes}
    later = [
        Episode(
            row.id,
            row.started_at,
            person=str(row.person_id),
            arm=Arm.TREATMENT,
            intent=is_meant(row.title),
            would_show=True,
        )
        for row in connection.execute(query)
        if row.id not in here
    ]
    latest = {identity: row.need_at for identity, row in people.items()}
    needs = find_needs([*episodes, *later], tickets, latest=latest)
    return [need for need in needs if need.first.id in here]


def _count_needs(
    connection: Connection,
    days: dict[Cell, DeflectionSums],
    needs: Iterable[Need],
    people: Mapping[str, Row[Any]],
) -> None:
    """A person stays in the arm and the cell of the first need; the share of needs that ended with
    a ticket is replaced by the new one.
    """
    by_person: dict[str, list[Need]] = defaultdict(list)
    for need in needs:
        if need.first.person is None:
            _compare(days[_cell(need.first)], need.first.share, need.first.arm, 1, int(need.filed))
        else:
            by_person[need.first.identity].append(need)

    rows = []
    for identity, own in by_person.items():
        known, first = people.get(identity), own[0].first
        cell = _cell(first) if known is None else tuple(getattr(known, name) for name in _CELL)
        arm = first.arm if known is None else Arm(known.arm)
        before = (known.needs, known.filed) if known else (0, 0)
        after = (before[0] + len(own), before[1] + sum(need.filed for need in own))
        share = cell[-1]
        if known is not None:
            _compare(days[cell], share, arm, *before, sign=-1)
        _compare(days[cell], share, arm, *after)
        rows.append(
            {
                "person_id": int(str(first.person)),
                **dict(zip(_CELL, cell, strict=True)),
                "arm": arm.value,
                "needs": after[0],
                "filed": after[1],
                "need_at": own[-1].first.at,
            }
        )
    upsert(
        connection,
        DEFLECTION_PEOPLE,
        rows,
        keys=("person_id",),
        update=("needs", "filed", "need_at"),
    )


def _compare(
    sums: DeflectionSums, share: int, arm: Arm, needs: int, filed: int, *, sign: int = 1
) -> None:
    person = sums_of_person(needs, filed)
    person = ArmSums(sign * person.people, sign * person.filed, sign * person.squares)
    pair = (person, ArmSums()) if arm is Arm.TREATMENT else (ArmSums(), person)
    sums.compare(share, *pair)


def _article_arms(
    needs: Iterable[Need], events: Mapping[str, _Events], people: Mapping[str, Row[Any]]
) -> dict[ArticleArm, tuple[int, int]]:
    """For each arm, how many people an article would be suggested to, and how many of them filed.

    Only the first list of a person's first need counts: it does not depend on what the arm shows.
    """
    arms: dict[ArticleArm, tuple[int, int]] = {}
    seen = set(people)
    for need in needs:
        first = need.first
        if first.identity in seen:
            continue
        seen.add(first.identity)
        for name in events[first.id].first_shown:
            arm = (*_article(first, name), first.share, first.arm)
            count, filed = arms.get(arm, (0, 0))
            arms[arm] = (count + 1, filed + need.filed)
    return arms


# --- sums to rows


def _cell(episode: Episode) -> Cell:
    return (start_of_day(episode.at), episode.portal, episode.form, episode.product, episode.share)


def _article(episode: Episode, name: str) -> tuple[dt.datetime, str, str]:
    return (start_of_week(episode.at), episode.portal, name[:300])


def _count_articles(
    articles: dict[tuple[dt.datetime, str, str], DeflectionSums], judged: JudgedEpisode
) -> None:
    for name, _ in judged.episode.opened:
        articles[_article(judged.episode, name)].count(judged)


def _by_week(days: Mapping[Cell, DeflectionSums]) -> Mapping[Cell, DeflectionSums]:
    weeks: dict[Cell, DeflectionSums] = defaultdict(DeflectionSums)
    for (day, portal, form, product, share), sums in days.items():
        weeks[start_of_week(day), portal, form, product, share].add(sums)
    return weeks


def _save_sums(connection: Connection, table: Table, cells: Mapping[Cell, DeflectionSums]) -> None:
    rows = []
    for cell, sums in cells.items():
        treatment, holdout = sums.comparisons.get(cell[-1], (ArmSums(), ArmSums()))
        rows.append(
            {
                **dict(zip(_CELL, cell, strict=True)),
                **{name: getattr(sums, name) for name in COUNTS},
                **{f"treatment_{name}": getattr(treatment, name) for name in ArmSums.__slots__},
                **{f"holdout_{name}": getattr(holdout, name) for name in ArmSums.__slots__},
            }
        )
    _add(connection, table, rows, _CELL)


def _save_arms(connection: Connection, arms: Mapping[ArticleArm, tuple[int, int]]) -> None:
    key = ("week", "portal", "document_id", "share")
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for (*cell, arm), (count, filed) in arms.items():
        row = rows.setdefault(
            tuple(cell),
            dict(zip(key, cell, strict=True))
            | {f"{each}_{name}": 0 for each in _ARMS for name in ("people", "filed")},
        )
        row[f"{arm.value}_people"] = count
        row[f"{arm.value}_filed"] = filed
    _add(connection, ARTICLE_ARMS, list(rows.values()), key)


def _save_articles(
    connection: Connection,
    articles: Mapping[tuple[dt.datetime, str, str], DeflectionSums],
    shown: Mapping[tuple[dt.datetime, str, str], int],
    rejected: Mapping[tuple[dt.datetime, str, str], int],
) -> None:
    key = ("week", "portal", "document_id")
    nothing = DeflectionSums()
    rows = [
        {
            **dict(zip(key, article, strict=True)),
            "shown": shown.get(article, 0),
            "rejected": rejected.get(article, 0),
            **{name: getattr(articles.get(article, nothing), name) for name in COUNTS},
        }
        for article in {**articles, **shown, **rejected}
    ]
    _add(connection, ARTICLE_WEEKS, rows, key)


def _add(
    connection: Connection, table: Table, rows: list[dict[str, Any]], key: Sequence[str]
) -> None:
    if rows:
        added = [name for name in rows[0] if name not in key]
        upsert(connection, table, rows, keys=key, add=added)


def _chunks(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[start : start + _IDS_PER_QUERY] for start in range(0, len(ids), _IDS_PER_QUERY))
