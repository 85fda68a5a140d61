"""The deflection report: sums of judged episodes, and the rates that are computed from them.

The sums of two sets of episodes can be added, so that a report over a year is read from sums of
days. ``kb insights --replay`` and the portal's own ledger use the same functions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from kb.analytics.causal_effect import ArmSums, CausalEffect, causal_effect
from kb.analytics.episode import Arm, Episode
from kb.analytics.outcomes import (
    Before,
    JudgedEpisode,
    Need,
    Outcome,
    find_needs,
    judge_episode,
    tickets_of,
)
from kb.timezones import start_of_week

_COUNTED_OUTCOMES = (Outcome.CONFIRMED, Outcome.ASSUMED, Outcome.UNKNOWN)


@dataclass(slots=True)
class DeflectionSums:
    """Counts of episodes. Those of agents and bots are ``apart``, and in no other count.

    Suggestions were really shown in ``shown_visits``, and ``opened_visits`` of these opened one.
    ``compared`` are the eligible ones of the experiment; of all with an intent, each is in exactly
    one of the counts from ``filed_read`` to ``assumed_clawed_back``. A success that was taken back
    is in one of the last two of these only.
    """

    episodes: int = 0
    apart: int = 0
    intent: int = 0
    eligible: int = 0
    compared: int = 0
    filed_read: int = 0
    filed_shown: int = 0
    filed_hidden: int = 0
    filed_nothing: int = 0
    confirmed: int = 0
    assumed: int = 0
    unknown: int = 0
    confirmed_clawed_back: int = 0
    assumed_clawed_back: int = 0
    shown_visits: int = 0
    opened_visits: int = 0
    #: Share of the holdout in percent -> the sums of treatment and holdout.
    comparisons: dict[int, tuple[ArmSums, ArmSums]] = field(default_factory=dict)

    def add(self, other: DeflectionSums) -> None:
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for share, (treatment, holdout) in other.comparisons.items():
            self.compare(share, treatment, holdout)

    def compare(self, share: int, treatment: ArmSums, holdout: ArmSums) -> None:
        """Adds to the sums of both arms."""
        earlier = self.comparisons.get(share, (ArmSums(), ArmSums()))
        self.comparisons[share] = (earlier[0] + treatment, earlier[1] + holdout)

    def count(self, judged: JudgedEpisode) -> None:
        episode = judged.episode
        if episode.agent:
            self.apart += 1
            return
        self.episodes += 1
        if not episode.intent:
            return
        self.intent += 1
        self.eligible += episode.is_eligible
        self.compared += episode.is_eligible and episode.arm is not Arm.NONE
        is_shown = episode.is_eligible and episode.arm is not Arm.HOLDOUT
        self.shown_visits += is_shown
        self.opened_visits += is_shown and bool(episode.opened)
        name = f"filed_{judged.before.value}" if judged.before else judged.outcome.value
        name += "_clawed_back" if judged.clawed_back else ""
        setattr(self, name, getattr(self, name) + 1)

    @property
    def submitted(self) -> int:
        return self.filed_read + self.filed_shown + self.filed_hidden + self.filed_nothing

    @property
    def people_compared(self) -> int:
        return sum(arm.people for pair in self.comparisons.values() for arm in pair)

    @property
    def clawed_back(self) -> int:
        return self.confirmed_clawed_back + self.assumed_clawed_back


#: The names of what is counted, which are columns in the sums of days, too.
COUNTS = tuple(part.name for part in fields(DeflectionSums) if part.name != "comparisons")


@dataclass(slots=True)
class PersonShare:
    """One person in the comparison: the first eligible episode decides on the arm and on where the
    person is counted.
    """

    first: Episode
    needs: int = 0
    filed: int = 0

    @property
    def sums(self) -> ArmSums:
        return sums_of_person(self.needs, self.filed)


def sums_of_person(needs: int, filed: int) -> ArmSums:
    share = filed / needs
    return ArmSums(1, share, share * share)


@dataclass(frozen=True, slots=True)
class DeflectionReport:
    """What was deflected in one set of episodes."""

    sums: DeflectionSums
    causal: CausalEffect

    @classmethod
    def of(cls, sums: DeflectionSums, *, visits: int | None = None) -> DeflectionReport:
        """``visits`` are those behind the comparison, by default all that are eligible."""
        compared = sums.compared if visits is None else visits
        return cls(sums, causal_effect(sums.comparisons.values(), visits=compared))

    @property
    def explicit_rate(self) -> float | None:
        return _rate(self.sums.confirmed, self.sums.intent)

    @property
    def implicit_rate(self) -> float | None:
        return _rate(self.sums.confirmed + self.sums.assumed, self.sums.intent)

    @property
    def unknown_rate(self) -> float | None:
        return _rate(self.sums.unknown, self.sums.intent)

    @property
    def failed_content(self) -> float | None:
        """Of those who read something, the share that filed a ticket all the same."""
        read = self.sums.filed_read + self.sums.confirmed + self.sums.assumed
        return _rate(self.sums.filed_read, read)

    @property
    def click_through(self) -> float | None:
        """Of the visits to which suggestions were shown, the share that opened one."""
        return _rate(self.sums.opened_visits, self.sums.shown_visits)

    def as_json(self) -> dict[str, Any]:
        sums = self.sums
        counts = {
            Outcome.SUBMITTED.value: sums.submitted,
            **{outcome.value: getattr(sums, outcome.value) for outcome in _COUNTED_OUTCOMES},
        }
        return {
            "episodes": sums.episodes,
            "intent": sums.intent,
            "eligible": sums.eligible,
            "explicit_rate": self.explicit_rate,
            "implicit_rate": self.implicit_rate,
            "unknown_rate": self.unknown_rate,
            "failed_content": self.failed_content,
            "click_through": self.click_through,
            "causal": self.causal.as_json(),
            "outcomes": counts,
            "submitted_after": {
                before.value: getattr(sums, f"filed_{before.value}") for before in Before
            },
            "clawed_back": sums.clawed_back,
            "agents_and_bots": sums.apart,
        }


#: Name of a grouping -> the groups of an episode. One that read three articles is in three groups.
GROUPINGS: Mapping[str, Callable[[Episode], tuple[str, ...]]] = MappingProxyType(
    {
        "portal": lambda episode: (episode.portal,),
        "form": lambda episode: (episode.form,),
        "product": lambda episode: (episode.product,),
        "article": lambda episode: tuple(dict.fromkeys(name for name, _ in episode.opened)),
        "week": lambda episode: (start_of_week(episode.at).date().isoformat(),),
    }
)


def report_json(
    whole: DeflectionSums, groups: Mapping[str, DeflectionSums] | None = None, *, by: str = ""
) -> dict[str, Any]:
    """The whole, and with ``by`` each group with the same keys."""
    document = DeflectionReport.of(whole).as_json()
    if by:
        # The counts of an article cover visits that read it; the comparison covers people to whom
        # it would be suggested.
        document["by"] = [
            {
                by: name,
                **DeflectionReport.of(
                    sums, visits=sums.people_compared if by == "article" else None
                ).as_json(),
            }
            for name, sums in sorted((groups or {}).items())
        ]
    return document


def replay(
    episodes: Sequence[Episode],
    *,
    by: str = "",
    keep: Callable[[Episode], bool] = lambda _: True,
) -> tuple[DeflectionSums, dict[str, DeflectionSums]]:
    """The sums of the episodes that ``keep`` keeps, and those of each group of ``by``.

    The other episodes are still searched for tickets. All windows are taken as over.
    There is no comparison by article, because visitors choose which articles they open, and a file
    does not say to whom an article was suggested.
    """
    tickets = tickets_of(episodes)
    group_names = GROUPINGS[by] if by else (lambda _: ())
    whole = DeflectionSums()
    groups: dict[str, DeflectionSums] = defaultdict(DeflectionSums)
    for episode in episodes:
        if keep(episode):
            judged = judge_episode(episode, tickets)
            whole.count(judged)
            for name in group_names(episode):
                groups[name].count(judged)

    kept = [episode for episode in episodes if keep(episode)]
    for share in person_shares(find_needs(kept, tickets)):
        add_share(whole, share)
        if by != "article":
            for name in group_names(share.first):
                add_share(groups[name], share)
    return whole, dict(groups)


def person_shares(needs: Iterable[Need]) -> Iterable[PersonShare]:
    shares: dict[str, PersonShare] = {}
    for need in needs:
        share = shares.setdefault(need.first.identity, PersonShare(need.first))
        share.needs += 1
        share.filed += need.filed
    return shares.values()


def add_share(sums: DeflectionSums, share: PersonShare) -> None:
    pair = (share.sums, ArmSums())
    treatment, holdout = pair if share.first.arm is Arm.TREATMENT else reversed(pair)
    sums.compare(share.first.share, treatment, holdout)


def _rate(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None
