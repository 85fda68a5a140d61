"""Snapshot: one path of ranking, whichever loops run it and whether it is explained."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from kb.search.documents import PUBLIC
from kb.search.embedded import EmbeddedIndex
from kb.search.generations.generation import Generation, Generations
from kb.search.kernels.layout import Loops
from kb.search.results import Hit
from kb.search.snapshot import Snapshot
from kb.search.standpoint import Standpoint
from tests.search.library import publish

TYPED = ("sugg", "port 8000 in", "how do I reset my pasword", "kb_port", "zz", "")


@pytest.fixture(scope="module")
def generation(tmp_path_factory: pytest.TempPathFactory) -> Generation:
    data: Path = tmp_path_factory.mktemp("data")
    publish(data)
    current = Generations(data).current()
    assert current is not None
    return current


def answers(
    generation: Generation, loops: Loops, *, explain: bool
) -> list[tuple[float, list[Hit]]]:
    snapshot = Snapshot(generation, EmbeddedIndex(generation, loops))
    suggestions = [
        snapshot.suggest(
            text,
            PUBLIC,
            limit=5,
            deadline=math.inf,
            explain=explain,
            doubt=-math.inf,
            standpoint=Standpoint("en"),
        )
        for text in TYPED
    ]
    return [(one.log_odds, list(one.hits)) for one in suggestions]


def test_an_answer_is_the_same_by_the_reference_loops(
    generation: Generation, compiled: Loops, reference: Loops
) -> None:
    by_compiled = answers(generation, compiled, explain=True)
    by_reference = answers(generation, reference, explain=True)
    assert by_compiled[0][1]
    for (log_odds, hits), (other_log_odds, other_hits) in zip(
        by_compiled, by_reference, strict=True
    ):
        assert log_odds == pytest.approx(other_log_odds)
        for hit, other in zip(hits, other_hits, strict=True):
            assert hit.score == pytest.approx(other.score)
            assert hit.explain == pytest.approx(other.explain)
            shown = replace(
                hit, score=other.score, explain=other.explain, confidence=other.confidence
            )
            assert shown == other


def test_an_answer_is_the_same_whether_it_is_explained(
    generation: Generation, compiled: Loops
) -> None:
    explained = answers(generation, compiled, explain=True)
    assert all(hit.explain for _, hits in explained for hit in hits)
    assert answers(generation, compiled, explain=False) == [
        (confidence, [replace(hit, explain={}) for hit in hits]) for confidence, hits in explained
    ]
