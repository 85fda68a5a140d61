"""What became of visits: the two windows, tickets by any way in, and needs of people."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from kb.analytics.deflection_report import DeflectionReport, DeflectionSums, replay
from kb.analytics.episode import Episode, read_episodes
from kb.analytics.outcomes import Outcome, find_needs, judge_episode, tickets_of
from kb.errors import Invalid
from tests.world import DAY, FRIDAY, HOUR

SECOND = dt.timedelta(seconds=1)


def visit(number: int = 1, **values: Any) -> dict[str, Any]:
    """One visit by Alice of Acme, to whom suggestions were shown."""
    return {
        "episode": f"e{number}",
        "at": FRIDAY,
        "portal": "portal",
        "form": "form",
        "person": "alice",
        "organisation": "acme",
        "arm": "treatment",
        "intent": True,
        "would_show": True,
        "opened": [],
        "solved": False,
        "filed_at": None,
        "agent": False,
        **values,
    }


def phone_call(number: int, at: dt.datetime, **values: Any) -> dict[str, Any]:
    """A ticket that came in without a visit in which anything could be shown."""
    return visit(number, at=at, filed_at=at, form="phone", intent=False, would_show=False, **values)


def read(*rows: dict[str, Any]) -> list[Episode]:
    return read_episodes(json.dumps(row, default=dt.datetime.isoformat) for row in rows)


def sums_of(*rows: dict[str, Any]) -> DeflectionSums:
    return replay(read(*rows))[0]


READ = [["doc/a", 12]]
GLANCED = [["doc/a", 9.9]]


@pytest.mark.parametrize(
    ("values", "outcome", "clawed_back"),
    [
        ({}, Outcome.UNKNOWN, False),
        ({"opened": GLANCED}, Outcome.UNKNOWN, False),
        ({"opened": [["doc/a", -50], ["doc/b", 1e308]]}, Outcome.ASSUMED, False),
        ({"opened": READ}, Outcome.ASSUMED, False),
        ({"opened": READ, "solved": True}, Outcome.CONFIRMED, False),
        ({"filed_at": FRIDAY + HOUR, "solved": True}, Outcome.SUBMITTED, False),
        ({"filed_at": FRIDAY + DAY, "opened": READ}, Outcome.SUBMITTED, False),
        ({"filed_at": FRIDAY + DAY + SECOND, "opened": READ}, Outcome.ASSUMED, True),
        ({"filed_at": FRIDAY + 7 * DAY, "solved": True}, Outcome.CONFIRMED, True),
        ({"filed_at": FRIDAY + 7 * DAY + SECOND, "solved": True}, Outcome.CONFIRMED, False),
        ({"filed_at": FRIDAY + 2 * DAY}, Outcome.UNKNOWN, False),
        # A clock that jumps: the ticket of a visit is never older than the visit.
        ({"filed_at": FRIDAY - 400 * DAY, "solved": True}, Outcome.SUBMITTED, False),
    ],
)
def test_the_first_rule_that_matches_decides(
    values: dict[str, Any], outcome: Outcome, *, clawed_back: bool
) -> None:
    (episode,) = episodes = read(visit(**values))
    judged = judge_episode(episode, tickets_of(episodes))
    assert (judged.outcome, judged.clawed_back) == (outcome, clawed_back)


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (phone_call(2, FRIDAY + HOUR), (1, 0)),
        (phone_call(2, FRIDAY + 3 * DAY), (0, 1)),
        (phone_call(2, FRIDAY + 3 * DAY, person="anton"), (0, 1)),  # a colleague
        (phone_call(2, FRIDAY + HOUR, person="anton"), (0, 1)),
        (phone_call(2, FRIDAY + HOUR, person="charlie", organisation="globex"), (0, 0)),
        (phone_call(2, FRIDAY - HOUR), (0, 0)),
        (phone_call(2, FRIDAY + 8 * DAY), (0, 0)),
        (phone_call(2, FRIDAY + HOUR, agent=True), (0, 0)),  # apart
    ],
)
def test_a_ticket_by_any_way_in_takes_a_success_back(
    later: dict[str, Any], expected: tuple[int, int]
) -> None:
    sums = sums_of(visit(solved=True), later)
    assert (sums.submitted, sums.clawed_back) == expected
    assert sums.confirmed == (expected == (0, 0))


def test_a_ticket_about_something_else_takes_nothing_back() -> None:
    solved = visit(solved=True, title="The printer jams on page two")
    call = phone_call(2, FRIDAY + 2 * DAY)
    assert not sums_of(solved, call | {"title": "Invoice for March"}).clawed_back
    assert sums_of(solved, call | {"title": "printer jams again on page two"}).clawed_back
    assert sums_of(solved, call).clawed_back


def test_every_visit_with_an_intent_has_one_outcome() -> None:
    sums = sums_of(
        visit(1, person="a", organisation=None, solved=True),
        visit(2, person="b", organisation=None, opened=READ, filed_at=FRIDAY + 2 * DAY),
        visit(3, person="c", organisation=None, filed_at=FRIDAY),
        visit(4, person="d", organisation=None, arm="holdout", filed_at=FRIDAY),
        visit(5, person="e", organisation=None, would_show=False),
        visit(6, person="f", organisation=None, intent=False),
        visit(7, person="bob", organisation=None, agent=True, solved=True),
    )
    document = DeflectionReport.of(sums).as_json()
    assert document["outcomes"] == {"submitted": 2, "confirmed": 1, "assumed": 0, "unknown": 1}
    assert document["clawed_back"] == 1
    assert sum(document["outcomes"].values()) + document["clawed_back"] == document["intent"] == 5
    assert (document["episodes"], document["agents_and_bots"], document["eligible"]) == (6, 1, 4)
    assert document["submitted_after"] == {"read": 0, "shown": 1, "hidden": 1, "nothing": 0}
    assert document["explicit_rate"] == document["implicit_rate"] == document["unknown_rate"] == 0.2


def needs_of(*rows: dict[str, Any]) -> list[tuple[str, bool]]:
    episodes = read(*rows)
    return [(need.first.id, need.filed) for need in find_needs(episodes, tickets_of(episodes))]


def test_visits_of_a_person_within_a_day_are_one_need() -> None:
    assert needs_of(
        visit(1), visit(2, at=FRIDAY + HOUR), visit(3, at=FRIDAY + DAY, filed_at=FRIDAY + DAY)
    ) == [("e1", True)]


def test_a_ticket_counts_for_the_newest_need_before_it() -> None:
    later = FRIDAY + 3 * DAY
    assert needs_of(visit(1), visit(2, at=later, filed_at=later)) == [("e1", False), ("e2", True)]
    assert needs_of(visit(1), phone_call(2, later)) == [("e1", True)]
    assert needs_of(visit(1), phone_call(2, FRIDAY + 8 * DAY)) == [("e1", False)]


def test_people_of_the_holdout_who_come_back_by_another_way_count() -> None:
    sums = sums_of(visit(1, arm="holdout"), phone_call(2, FRIDAY + 2 * DAY, arm="holdout"))
    (_, holdout) = sums.comparisons[0]
    assert (holdout.people, holdout.filed) == (1, 1)


def test_one_person_is_one_observation_in_the_arm_of_the_first_visit() -> None:
    rows = [
        visit(number, at=FRIDAY + 2 * number * DAY, arm="holdout" if number % 2 else "treatment")
        for number in range(20)
    ]
    sums = sums_of(*rows)
    treatment, holdout = sums.comparisons[0]
    assert (treatment.people, holdout.people, sums.compared) == (1, 0, 20)


def test_only_visits_with_something_to_show_are_compared() -> None:
    assert not needs_of(visit(would_show=False, filed_at=FRIDAY))
    assert not needs_of(visit(intent=False))
    assert not needs_of(visit(agent=True))
    assert not needs_of(visit(arm=None))


def test_an_id_that_comes_again_is_the_same_visit() -> None:
    rows = [visit(opened=[["doc/a", 1]] * 100, solved=index == 7) for index in range(1000)]
    sums = sums_of(*rows)
    assert (sums.episodes, sums.confirmed) == (1, 1)


def test_groups_have_the_same_sums() -> None:
    rows = [
        visit(1, person="a", portal="x", opened=[["doc/a", 20], ["doc/b", 1]]),
        visit(2, person="b", portal="y", arm="holdout", at=FRIDAY + 7 * DAY),
    ]
    assert {name: group.intent for name, group in replay(read(*rows), by="portal")[1].items()} == {
        "x": 1,
        "y": 1,
    }
    assert set(replay(read(*rows), by="week")[1]) == {"2026-06-01", "2026-06-08"}
    by_article = replay(read(*rows), by="article")[1]
    assert {name: group.assumed for name, group in by_article.items()} == {"doc/a": 1, "doc/b": 1}
    assert DeflectionReport.of(by_article["doc/a"]).causal.effect is None


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "{",
        "nonsense",
        "[" * 100_000,
        json.dumps({"episode": "e"}),
        json.dumps({"episode": None, "at": "2026-06-05"}),
        json.dumps(visit(at="2026-06-05") | {"at": "yesterday"}),
        json.dumps(visit(at="2026-06-05") | {"at": 1e300}),
        json.dumps(visit(at="2026-06-05") | {"arm": "both"}),
        json.dumps(visit(at="2026-06-05") | {"intent": "yes"}),
        json.dumps(visit(at="2026-06-05") | {"opened": [["doc/a"]]}),
    ],
    ids=lambda line: line[:20],
)
def test_what_is_no_episode_is_refused_with_its_line(line: str) -> None:
    good = json.dumps(visit(), default=dt.datetime.isoformat)
    with pytest.raises(Invalid, match="Line 2"):
        read_episodes([good, line])
