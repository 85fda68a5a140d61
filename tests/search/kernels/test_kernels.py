"""Compiled loops give the bytes that numpy's give (run where the ``fast`` extra is installed)."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from kb.search.documents import PUBLIC
from kb.search.generations.generation import Generations
from kb.search.index import title_text as phrases
from kb.search.index.title_text import TitleText
from kb.search.kernels.dispatch import Floats, Ints, Kernels, by_numpy, gather, top
from kb.search.kernels.layout import Asked, Directions, Passages, ScratchMarks, Titles
from kb.search.scoring import fusion as ranking
from kb.search.snapshot import Snapshot
from tests.search.library import publish


def test_entries_of_rows_are_gathered_in_order() -> None:
    places, owner = gather(np.array([0, 2, 2, 5]), np.array([2, 0, 1]))
    assert places.tolist() == [2, 3, 4, 0, 1]
    assert owner.tolist() == [0, 0, 0, 1, 1]


@pytest.fixture(params=range(20))
def dice(request: pytest.FixtureRequest) -> np.random.Generator:
    return np.random.default_rng(request.param)


def postings(dice: np.random.Generator, documents: int, terms: int) -> tuple[Ints, Ints, Ints]:
    """Pointers, documents and codes of made-up terms."""
    lists = [
        np.sort(dice.choice(documents, dice.integers(1, documents), replace=False))
        for _ in range(terms)
    ]
    pointers = np.cumsum([0, *(one.size for one in lists)])
    docs = np.concatenate(lists).astype(np.int32)
    return pointers, docs, dice.integers(1, 256, docs.size).astype(np.uint8)


def test_compiled_sums_are_the_same_and_so_are_the_best(
    compiled: Kernels, dice: np.random.Generator
) -> None:
    pointers, docs, codes = postings(dice, 700, 3)
    row = dice.integers(0, 256, 100).astype(np.uint8)
    answers = []
    for run in (by_numpy(), compiled):
        sums = np.zeros(700, np.int32)
        for a, b in pairwise(pointers):
            run.add(sums, docs[a:b], codes[a:b], 7)
        run.add_row(sums[:100], row, 5)
        for low, high in ((0, 200), (3, 3), (3, 4), (4, 5), (17, 190), (18, 191)):
            run.add_half(sums, row, 3, low, high)
        answers.append(sums.tobytes())
    assert answers[0] == answers[1]
    assert compiled.best is not None
    coarse = (sums // 300).astype(np.int32)  # many equal ones
    for low, high, most in ((0, 700, 5), (0, 700, 100), (130, 650, 20), (3, 4, 9)):
        found = low + np.flatnonzero(coarse[low:high])
        assert (
            compiled.best(coarse, low, high, most).tolist()
            == top(found, coarse[found], most).tolist()
        )


@pytest.mark.parametrize("documents", [400, 40_000])
def test_compiled_unions_are_the_same_and_leave_no_trace(
    compiled: Kernels, dice: np.random.Generator, documents: int
) -> None:
    pointers, docs, codes = postings(dice, 400, 6)  # most of all documents, or few of them
    units, some = np.arange(256, dtype=np.int32) * 40, np.array([1, 3, 4])
    rows = np.maximum(dice.integers(-500, 256, (3, documents)), 0).astype(np.uint8)
    dense = np.arange(dice.integers(0, 4))
    answers = []
    for run in (by_numpy(), compiled):
        sums = np.zeros(documents, np.int32)
        found, prefix = run.unite(
            sums, docs, codes, pointers[some], pointers[some + 1], rows, dense, units, 2048
        )
        assert not sums.any()
        answers.append((found.tolist(), prefix.tolist()))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("filtered", [False, True])
def test_compiled_likeness_is_the_same_and_leaves_no_trace(
    compiled: Kernels, dice: np.random.Generator, filtered: bool
) -> None:
    pointers, docs, codes = postings(dice, 400, 6)
    weights, worth = codes.astype(np.uint16) // 64, np.array([0, 3, 1, 2], dtype=np.int32)
    allowed = dice.random(400) < 0.5 if filtered else np.zeros(0, dtype=bool)
    answers = []
    for run in (by_numpy(), compiled):
        sums = np.zeros(400, np.int32)
        found = run.alike(sums, docs, weights, pointers[:4], pointers[1:5], worth, 30, allowed)
        assert not sums.any()
        answers.append(found.tolist())
    assert answers[0] == answers[1]


def test_compiled_looks_are_the_same_and_leave_no_trace(
    compiled: Kernels, dice: np.random.Generator
) -> None:
    pointers, stems, codes = postings(dice, 200, 30)
    groups = np.sort(dice.choice(np.arange(1, 30), 9, replace=False))
    groups[0], groups[-1] = 0, 30
    ranges = np.stack((dice.integers(0, 3, 8), dice.choice([1, 2, 4, 99], 8)), axis=1).astype(
        np.int32
    )
    passages, titles = (
        Passages(groups, pointers, stems, codes, ranges),
        Titles(pointers[:9], stems, codes),
    )
    vectors = dice.integers(-127, 128, (30, 200)).astype(np.int8)
    topics = Directions(vectors, dice.random(30).astype(np.float32) + 1)
    asked = Asked(
        dice.integers(0, 200, 12), dice.integers(1, 9, 12).astype(np.int32),  # some stems twice
        dice.choice(200, 12, replace=False), dice.integers(0, 9, 12).astype(np.int32),
        dice.integers(-127, 128, 200 * int(dice.integers(0, 2))).astype(np.int8),
    )  # fmt: skip
    documents = np.flatnonzero(dice.random(8) < 0.8)
    answers = []
    for run in (by_numpy(), compiled):
        marks = ScratchMarks(np.zeros(200, np.int32), np.zeros(200, np.int32))
        found = (
            *run.look(documents, passages, titles, topics, asked, marks),
            run.near(groups, topics, asked.direction, documents),
        )
        assert not marks.stems.any()
        assert not marks.pieces.any()
        answers.append([(one.dtype, one.tobytes()) for one in found])
    assert answers[0] == answers[1]


def test_one_looks_at_no_documents(compiled: Kernels) -> None:
    none, table = np.zeros(0, np.int64), np.zeros(0, np.int32)
    passages, titles = (
        Passages(
            np.zeros(1, np.int64), np.zeros(1, np.int64), none, none, np.zeros((0, 2), np.int32)
        ),
        Titles(none, none, none),
    )
    asked, marks = Asked(none, table, none, table, np.zeros(0, np.int8)), ScratchMarks(table, table)
    for run in (by_numpy(), compiled):
        found = run.look(
            none,
            passages,
            titles,
            Directions(np.zeros((0, 200), np.int8), np.zeros(0, np.float32)),
            asked,
            marks,
        )
        assert [one.size for one in found] == [0] * 4


def test_compiled_tails_and_kin_are_the_same(compiled: Kernels, dice: np.random.Generator) -> None:
    titles = ["".join(dice.choice(list("ab "), dice.integers(0, 20))) for _ in range(40)]
    packed = phrases.pack([" ".join(title.split()) for title in titles])
    typed = "".join(dice.choice(list("ab "), 12))
    documents = np.flatnonzero(dice.random(40) < 0.7)
    rows = Directions(
        dice.integers(-127, 128, (90, 128)).astype(np.int8), dice.random(90).astype(np.float32) + 1
    )
    passages, feedback_documents, worth = (
        dice.integers(0, 90, 30),
        np.array([3, 0, 9]),
        dice.integers(0, 4096, 3),
    )
    by_hand, other = by_numpy(), compiled
    assert TitleText(packed, by_hand).shares(typed, documents).tolist() == (
        TitleText(packed, other).shares(typed, documents).tolist()
    )
    for some in (worth, worth * 0):
        near = by_hand.kin(rows, passages, feedback_documents, some)
        assert near.tobytes() == other.kin(rows, passages, feedback_documents, some).tobytes()
        assert near.any() == some.any()


@pytest.mark.parametrize("forum", [0, 40, 60])
def test_compiled_totals_are_the_sums_of_what_is_explained(
    compiled: Kernels, dice: np.random.Generator, forum: int
) -> None:
    raw = {
        name: dice.random(60).astype(np.float32)
        for name in ("words", "passage", "letters", "topics")
    }
    raw["words"] *= dice.integers(0, 9, 60)  # many a zero
    solved, chatter = dice.integers(-1, 2, 60).astype(np.int8), float(dice.random())
    parts = ranking.mix(raw, forum, solved, chatter)
    assert compiled.weigh is not None
    assert compiled.order is not None
    total, words = ranking.total(raw, forum, solved, chatter, compiled.weigh)
    assert total.tobytes() == sum(parts.values(), np.zeros(60)).tobytes()
    assert words.tobytes() == parts["words"].tobytes()
    for scores in (total, np.round(total, 1)):
        assert compiled.order(scores).tolist() == ranking.order(scores).tolist()


def test_no_candidates_have_no_totals(compiled: Kernels) -> None:
    none: dict[str, Floats] = {"words": np.zeros(0, np.float32), "letters": np.zeros(0, np.float32)}
    assert compiled.weigh is not None
    assert compiled.order is not None
    total, _ = ranking.total(none, 0, np.zeros(0, np.int8), 0.5, compiled.weigh)
    assert compiled.order(total).size == 0
    assert ranking.mix(none, 0, np.zeros(0, np.int8), 0.5)["words"].size == 0


def test_a_whole_answer_is_the_same_by_either_and_explained_or_not(
    compiled: Kernels, tmp_path: Path
) -> None:
    publish(tmp_path)
    generation = Generations(tmp_path).current()
    assert generation is not None
    answers = []
    for run in (by_numpy(), compiled):
        snapshot = Snapshot(generation)
        snapshot.matrix(PUBLIC).use(run)
        for explain in (False, True):
            found = [
                snapshot.suggest(
                    text,
                    PUBLIC,
                    limit=5,
                    deadline=math.inf,
                    explain=explain,
                    doubt=-math.inf,
                    language="en",
                )
                for text in (
                    "sugg",
                    "port 8000 in",
                    "how do I reset my pasword",
                    "kb_port",
                    "zz",
                    "",
                )
            ]
            answers.append(
                [(one.confidence, [replace(hit, explain={}) for hit in one.hits]) for one in found]
            )
    assert answers[0][0][1]
    assert all(one == answers[0] for one in answers)
