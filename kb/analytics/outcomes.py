"""Outcomes: what became of each episode, and which needs of which people ended with a ticket.

The two windows are here. A visit that proves nothing is unknown and is never counted as a success.
Pure functions; rates are computed in ``deflection_report``.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from kb.analytics.episode import Arm, Episode

#: A ticket within this time was filed in spite of the visit. Visits of one person within it are one
#: need: a second tab, or a form that was opened again.
DECIDED_AFTER = dt.timedelta(hours=24)
#: A ticket within this time takes a success back, by whatever way it comes in.
CLAWED_BACK_WITHIN = dt.timedelta(days=7)
#: After it, nothing can change what became of a visit.
SETTLED_AFTER = DECIDED_AFTER + CLAWED_BACK_WITHIN
#: Somebody who leaves a document sooner has not read it.
READ_SECONDS = 10.0
#: The cosine from which two titles are about the same.
_ALIKE = 0.35
#: Words, and each letter of scripts without blanks between words.
_WORDS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w+")


class Outcome(StrEnum):
    SUBMITTED = "submitted"  # a ticket came within a day
    CONFIRMED = "confirmed"  # the visitor said that a document solved it
    ASSUMED = "assumed"  # the visitor read a document, and left
    UNKNOWN = "unknown"


class Before(StrEnum):
    """What somebody who filed a ticket had seen before."""

    READ = "read"
    SHOWN = "shown"
    HIDDEN = "hidden"  # by the holdout
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class FiledTicket:
    """A ticket, whatever way it came in. ``episode`` is the visit that it ended, if any."""

    at: dt.datetime
    person: str | None = None
    organisation: str | None = None
    episode: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class JudgedEpisode:
    """``before`` belongs to submitted ones. ``clawed_back``: the success turned out to be none."""

    episode: Episode
    outcome: Outcome
    before: Before | None
    clawed_back: bool


@dataclass(frozen=True, slots=True)
class Need:
    """The visits of one person within a day, the first of which is ``first``."""

    first: Episode
    filed: bool


class Tickets:
    """Tickets by who filed them. One that is about something else takes no success back."""

    def __init__(self, tickets: Iterable[FiledTicket], *, titles: Iterable[str] = ()) -> None:
        in_order = sorted(tickets, key=lambda ticket: ticket.at)
        self._by_person = _grouped(in_order, "person")
        self._by_organisation = _grouped(in_order, "organisation")
        self._by_episode = _grouped(in_order, "episode")
        self._titles = _TitleVectors([*titles, *(ticket.title for ticket in in_order)])

    def by_identity(self, episode: Episode, until: dt.datetime) -> bool:
        """Whether the visitor filed a ticket from the visit on and before ``until``."""
        return bool(
            _between(self._by_episode.get(episode.id, ()), episode.at, until)
            or _between(self._by_person.get(episode.person, ()), episode.at, until)
        )

    def take_back(self, episode: Episode) -> bool:
        """Whether the visitor, or somebody of the organisation, filed a ticket about it after
        all. Of a ticket or visit without a title, nobody knows that it is about something else.
        """
        until = episode.at + CLAWED_BACK_WITHIN + _INSTANT
        candidates = [
            *_between(self._by_episode.get(episode.id, ()), episode.at, until),
            *_between(self._by_person.get(episode.person, ()), episode.at, until),
            *_between(self._by_organisation.get(episode.organisation, ()), episode.at, until),
        ]
        return any(
            ticket.episode == episode.id or self._titles.alike(ticket.title, episode.title)
            for ticket in candidates
        )


def tickets_of(episodes: Sequence[Episode]) -> Tickets:
    """The tickets that the episodes themselves tell of. No clock is trusted: one that was filed
    before its visit began was filed when it began.
    """
    return Tickets(
        (
            FiledTicket(
                max(episode.filed_at, episode.at),
                episode.person,
                episode.organisation,
                episode.id,
                episode.title,
            )
            for episode in episodes
            if episode.filed_at is not None and not episode.agent
        ),
        titles=(episode.title for episode in episodes),
    )


def judge_episode(episode: Episode, tickets: Tickets) -> JudgedEpisode:
    if tickets.by_identity(episode, episode.at + DECIDED_AFTER + _INSTANT):
        return JudgedEpisode(episode, Outcome.SUBMITTED, _before(episode), clawed_back=False)
    outcome = Outcome.UNKNOWN
    if episode.solved:
        outcome = Outcome.CONFIRMED
    elif any(seconds >= READ_SECONDS for _, seconds in episode.opened):
        outcome = Outcome.ASSUMED
    clawed_back = outcome is not Outcome.UNKNOWN and tickets.take_back(episode)
    return JudgedEpisode(episode, outcome, None, clawed_back)


def find_needs(
    episodes: Iterable[Episode],
    tickets: Tickets,
    *,
    latest: Mapping[str, dt.datetime] | None = None,
) -> list[Need]:
    """The needs that arose in eligible episodes of the experiment, which are in order of time.

    ``latest`` has, by identity, when the latest need that is counted already arose. A ticket counts
    for the newest need before it, in both arms alike, and by whatever way it comes in.
    """
    firsts: dict[str, list[Episode]] = {}
    latest = latest or {}
    for episode in episodes:
        if not episode.is_eligible or episode.arm is Arm.NONE:
            continue
        earlier = firsts.setdefault(episode.identity, [])
        began = earlier[-1].at if earlier else latest.get(episode.identity)
        if began is None or episode.at - began > DECIDED_AFTER:
            earlier.append(episode)

    needs = []
    for own in firsts.values():
        for position, first in enumerate(own):
            until = first.at + CLAWED_BACK_WITHIN + _INSTANT
            if position + 1 < len(own):
                until = min(until, own[position + 1].at)
            needs.append(Need(first, tickets.by_identity(first, until)))
    return needs


_INSTANT = dt.timedelta(microseconds=1)  # the windows include their last instant


def _before(episode: Episode) -> Before:
    if episode.opened:
        return Before.READ
    if not episode.would_show:
        return Before.NOTHING
    return Before.HIDDEN if episode.arm is Arm.HOLDOUT else Before.SHOWN


def _grouped(tickets: Iterable[FiledTicket], name: str) -> dict[str | None, list[FiledTicket]]:
    """Those with a value, by it."""
    groups: dict[str | None, list[FiledTicket]] = defaultdict(list)
    for ticket in tickets:
        if value := getattr(ticket, name):
            groups[value].append(ticket)
    return groups


def _between(
    tickets: Sequence[FiledTicket], since: dt.datetime, until: dt.datetime
) -> Sequence[FiledTicket]:
    """Those from ``since`` on and before ``until``."""
    start = bisect_left(tickets, since, key=lambda ticket: ticket.at)
    end = bisect_left(tickets, until, lo=start, key=lambda ticket: ticket.at)
    return tickets[start:end]


class _TitleVectors:
    """The similarity of titles: the cosine of TF-IDF vectors over all titles at hand."""

    def __init__(self, titles: Iterable[str]) -> None:
        self._frequencies: Counter[str] = Counter()
        self._titles = 0
        for title in titles:
            if title:
                self._titles += 1
                self._frequencies.update(set(_words(title)))

    def alike(self, left: str, right: str) -> bool:
        if not left or not right or left == right:
            return True
        one, other = self._vector(left), self._vector(right)
        product = sum(weight * other.get(word, 0.0) for word, weight in one.items())
        length = math.hypot(*one.values()) * math.hypot(*other.values())
        return not length or product / length >= _ALIKE

    def _vector(self, title: str) -> dict[str, float]:
        return {
            word: times * (1 + math.log((1 + self._titles) / (1 + self._frequencies[word])))
            for word, times in Counter(_words(title)).items()
        }


def _words(title: str) -> list[str]:
    return _WORDS.findall(title.casefold())
