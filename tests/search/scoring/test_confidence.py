"""Which suggestions are shown, and how sure we are of each."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from kb.search import weights
from kb.search.analysis.passages import SectionPassage
from kb.search.array_types import Totals
from kb.search.display.hits import phrase_share
from kb.search.display.passage_text import PassageText
from kb.search.results import Tier
from kb.search.scoring.confidence import NOTHING, Calibration, Judgement, judge, tier
from kb.search.snapshot import WeighedDocuments


def test_more_evidence_makes_a_candidate_likelier_and_takes_it_from_the_others() -> None:
    alone = judge({"title": np.array([1.0]), "letters": np.array([0.8])})
    beside = judge({"title": np.array([1.0, 1.0]), "letters": np.array([0.8, 0.8])})
    calibration = Calibration()
    assert beside.log_odds > alone.log_odds
    assert beside.confidences(calibration)[0] < alone.confidences(calibration)[0]


def test_how_many_are_asked_for_changes_nothing() -> None:
    evidence = {"letters": np.linspace(0.9, 0.1, 9)}
    few = judge({"letters": evidence["letters"][: weights.CONSIDERED]})
    many = judge(evidence)
    assert few.log_odds == many.log_odds
    shown = many.confidences(Calibration())[: weights.CONSIDERED]
    assert np.array_equal(few.confidences(Calibration()), shown)


def test_evidence_has_the_sign_that_its_name_promises() -> None:
    against = {"missing", "corrected", "common", "behind"}
    for model in (weights.CONFIDENCE, weights.CONFIDENCE_READ, weights.CONFIDENCE_BY_WORDS):
        for name, weight in model.items():
            assert weight <= 0 if name in against else weight >= 0, name


def test_without_candidates_nothing_is_likely() -> None:
    assert judge({"letters": np.zeros(0)}) is NOTHING
    assert NOTHING.confidences(Calibration()).size == 0


def test_a_site_moves_the_threshold_and_stays_as_sure_there_as_any_other() -> None:
    strict = Calibration(threshold=1.0, offset=weights.THRESHOLD - 1.0)
    assert strict.probability(1.0) == pytest.approx(Calibration().probability(weights.THRESHOLD))


def judged(log_odds: float, own: float = 0.0) -> Judgement:
    return Judgement(log_odds, np.full(20, own), {})


def chosen(
    judgement: Judgement, confidences: Totals, pinned: NDArray[np.bool_], *, threshold: float
) -> list[int]:
    """What is shown where the ranks decide the order."""
    by_rank = -np.arange(confidences.size, dtype=np.float64)
    shown = WeighedDocuments(judgement, confidences, by_rank, pinned).worth_showing(threshold)
    return [int(rank) for rank in shown]


def test_strong_ones_come_first_and_unlikely_ones_are_left_out() -> None:
    confidences = np.array([0.2, 0.7, 0.01, 0.08, 0.06])
    pinned = np.zeros(5, dtype=bool)
    assert chosen(judged(1.0), confidences, pinned, threshold=0.0) == [1, 0, 3]
    without_strong = np.array([0.2, 0.3, 0.01, 0.08, 0.06])
    shown = chosen(judged(1.0), without_strong, pinned, threshold=0.0)
    assert shown == [0, 1, 3, 4]
    assert len(chosen(judged(-0.1), confidences, pinned, threshold=0.0)) == 0
    everything = chosen(judged(-9.0), confidences, pinned, threshold=-math.inf)
    assert everything == [0, 1, 2, 3, 4]
    assert tier(0.7) is Tier.STRONG
    assert tier(0.2) is Tier.PERHAPS


def test_a_good_answer_is_shown_beside_a_better_one() -> None:
    confidences, pinned = np.array([0.99, 0.01]), np.zeros(2, dtype=bool)
    beside = chosen(judged(9.0, weights.ALONE), confidences, pinned, threshold=0.0)
    assert beside == [0, 1]


def test_what_an_editor_pinned_is_shown_first_however_unlikely() -> None:
    pinned = np.array([False, True])
    unlikely, likely = np.array([0.02, 0.01]), np.array([0.3, 0.0])
    assert chosen(judged(-9.0), unlikely, pinned, threshold=0.0) == [1]
    assert chosen(judged(9.0), likely, pinned, threshold=0.0) == [1, 0]


def test_what_is_preferred_comes_first_among_what_is_as_strong() -> None:
    confidences, pinned = np.array([0.2, 0.5, 0.6, 0.3]), np.zeros(4, dtype=bool)
    preferences = np.array([0.5, 1.0, 2.0, 0.0])
    weighed = WeighedDocuments(judged(1.0), confidences, preferences, pinned)
    assert weighed.worth_showing(0.0).tolist() == [2, 1, 0, 3]
    pinned[:2] = True
    assert weighed.worth_showing(0.0).tolist() == [1, 0, 2, 3]  # whatever their confidence


def test_something_is_shown_where_many_share_what_is_likely() -> None:
    confidences, pinned = np.full(20, 0.04), np.zeros(20, dtype=bool)
    assert len(chosen(judged(1.0), confidences, pinned, threshold=0.0)) == 20


def _text(passage: str) -> PassageText:
    return PassageText(SectionPassage("", (), passage))


@pytest.mark.parametrize(
    ("passage", "share"),
    [
        ("Then: no such file, or directory.", 1.0),
        ("Then a file, or directory; no such thing", 0.6),
        ("such directories", 0.0),
        ("", 0.0),
    ],
)
def test_a_phrase_is_found_across_punctuation(passage: str, share: float) -> None:
    words = ["no", "such", "file", "or", "directory"]
    assert phrase_share(words, _text(passage).words) == pytest.approx(share)


def test_a_single_word_is_no_phrase() -> None:
    assert phrase_share(["file"], _text("a file").words) == 0.0
