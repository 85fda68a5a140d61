"""What visitors made of suggestions refines a calibration: by much evidence, and a little."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from kb.search import weights
from kb.search.build.calibration import Measured
from kb.search.build.outcomes import MIN_OUTCOMES, distinct, refined
from kb.search.documents import SuggestionOutcome
from kb.search.scoring.confidence import Calibration, logistic

PLAIN = {"threshold": 0.4, "slope": 1.0, "offset": weights.THRESHOLD - 0.4}
MEASURED = Measured(
    threshold=PLAIN["threshold"],
    slope=PLAIN["slope"],
    offset=PLAIN["offset"],
    wanted=10,
    foreign=(-3.0, 1.0),
    own=(0.2, 0.5),
    businesses=(),
    documents=9,
    model="",
).json()


def ask(title: str) -> float:
    """A title says its own log-odds."""
    return float(title.split()[-1])


def visits(count: int, surer: float, *, people: int = 400) -> list[SuggestionOutcome]:
    """Visits whose suggestions are accepted as often as the model says after ``surer`` is added."""
    dice = random.Random(5)
    outcomes = []
    for number in range(count):
        log_odds = round(dice.uniform(-1, 4), 2)
        accepted = dice.random() < logistic(log_odds + PLAIN["offset"] + surer)
        outcomes.append(
            SuggestionOutcome(
                f"title {log_odds}",
                "public",
                f"person {number % people}",
                f"doc/{number}",
                accepted,
            )
        )
    return outcomes


def surer_at_threshold(result: dict[str, Any]) -> float:
    sure = Calibration.from_json(result).probability(PLAIN["threshold"])
    return math.log(sure / (1 - sure)) - weights.THRESHOLD


def test_visitors_who_accept_more_than_expected_make_a_site_surer_and_show_more() -> None:
    result = refined(MEASURED, visits(600, 1.0), ask)
    assert 0.3 < surer_at_threshold(result) <= 1.0
    assert PLAIN["threshold"] - 0.501 <= result["threshold"] < PLAIN["threshold"]
    assert result["outcomes"] == 600
    assert result["threshold"] in {point["threshold"] for point in result["curve"]}


def test_visitors_who_ignore_more_than_expected_make_it_less_sure_and_show_less() -> None:
    result = refined(MEASURED, visits(600, -1.0), ask)
    assert -1.0 <= surer_at_threshold(result) < -0.3
    assert PLAIN["threshold"] < result["threshold"] <= PLAIN["threshold"] + 0.501


def test_visitors_who_do_as_expected_change_hardly_anything() -> None:
    result = refined(MEASURED, visits(600, 0.0), ask)
    assert abs(surer_at_threshold(result)) < 0.3
    assert abs(result["threshold"] - PLAIN["threshold"]) < 0.3


@pytest.mark.parametrize(
    "outcomes",
    [
        visits(MIN_OUTCOMES - 1, 1.0),
        visits(600, 1.0, people=10),
        visits(600, 30.0),  # nothing was ignored
        [],
    ],
    ids=["few", "few people", "one kind", "none"],
)
def test_too_little_evidence_changes_nothing(outcomes: list[SuggestionOutcome]) -> None:
    assert refined(MEASURED, outcomes, ask) == MEASURED


def test_without_its_visitors_a_site_is_what_was_measured_again() -> None:
    assert refined(refined(MEASURED, visits(600, 1.0), ask), [], ask) == MEASURED


def test_a_publish_with_about_the_same_visits_asks_nothing() -> None:
    def refuse(title: str) -> float:
        raise AssertionError(title)

    before = refined(MEASURED, visits(550, 1.0), ask)
    assert refined(before, visits(560, 1.0), refuse) == before


def test_a_person_counts_once_for_each_document_by_what_they_did_last() -> None:
    rows = [
        SuggestionOutcome("first", "public", "alice", "doc/a", False),
        SuggestionOutcome("else", "public", "bob", "doc/a", False),
        SuggestionOutcome("last", "public", "alice", "doc/a", True),
    ]
    assert [(each.title, each.accepted) for each in distinct(rows)] == [
        ("last", True),
        ("else", False),
    ]


def test_somebody_who_floods_a_site_with_ignored_suggestions_moves_it_no_further() -> None:
    honest = visits(300, 0.0)
    flood = [
        SuggestionOutcome(f"attack {n % 7}.5", "public", "mallory", f"doc/{n}", False)
        for n in range(5_000)
    ]
    alone, flooded = (refined(MEASURED, rows, ask) for rows in (honest, honest + flood))
    assert abs(alone["threshold"] - flooded["threshold"]) < 0.1
