"""The compiled loops return the bytes that the numpy reference returns."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from kb.search.analysis.tokenizer import read_typed
from kb.search.kernels.layout import (
    GAIN_BITS,
    NO_THREAD_ARTICLES,
    NO_TOPICS,
    NO_VECTORS,
    AskedTerms,
    ChunkTable,
    Headings,
    Loops,
    NamedSignals,
    Passages,
    PassageVectors,
    QueryFeatures,
    RawParts,
    ScratchMarks,
    ThreadArticleRows,
    Titles,
    TopicRows,
    read_only,
)
from kb.search.kernels.ranges import gather, top_k
from kb.search.scoring.title_text import TitleText, pack_title_text

Ints = NDArray[Any]


def test_entries_of_rows_are_gathered_in_order() -> None:
    positions, owner = gather(np.array([0, 2, 2, 5]), np.array([2, 0, 1]))
    assert positions.tolist() == [2, 3, 4, 0, 1]
    assert owner.tolist() == [0, 0, 0, 1, 1]


@pytest.fixture(params=range(20))
def dice(request: pytest.FixtureRequest) -> np.random.Generator:
    return np.random.default_rng(request.param)


def postings(dice: np.random.Generator, documents: int, terms: int) -> tuple[Ints, Ints, Ints]:
    """Pointers, documents and codes of made-up terms, as an index has them."""
    lists = [
        np.sort(dice.choice(documents, dice.integers(1, documents), replace=False))
        for _ in range(terms)
    ]
    pointers = np.cumsum([0, *(documents_of.size for documents_of in lists)])
    docs = np.concatenate(lists).astype(np.int32)
    codes = dice.integers(1, 256, docs.size).astype(np.uint8)
    return read_only(pointers), read_only(docs), read_only(codes)


def passage_vectors(dice: np.random.Generator, passages: int, dimensions: int) -> PassageVectors:
    """Made-up directions of passages, as an index has them."""
    vectors = dice.integers(-127, 128, (passages, dimensions)).astype(np.int8)
    lengths = dice.random(passages).astype(np.float32) + 1
    return PassageVectors(read_only(vectors), read_only(lengths))


def test_compiled_sums_are_the_same(
    compiled: Loops, reference: Loops, dice: np.random.Generator
) -> None:
    pointers, docs, codes = postings(dice, 700, 3)
    row = read_only(dice.integers(0, 256, 100).astype(np.uint8))
    answers = []
    for loops in (reference, compiled):
        sums = np.zeros(700, np.int32)
        for start, end in pairwise(pointers):
            loops.add_postings(sums, docs[start:end], codes[start:end], 7)
        loops.add_row(sums[:100], row, 5)
        answers.append(sums)
    assert answers[0].tobytes() == answers[1].tobytes()

    tied = (answers[0] // 300).astype(np.int32)  # many equal ones
    for low, high, k in ((0, 700, 5), (0, 700, 100), (130, 650, 20), (3, 4, 9)):
        best = compiled.top_sums(tied, low, high, k)
        assert best.tolist() == reference.top_sums(tied, low, high, k).tolist()


@pytest.mark.parametrize("documents", [400, 40_000])
def test_compiled_unions_are_the_same_and_leave_no_trace(
    compiled: Loops, reference: Loops, dice: np.random.Generator, documents: int
) -> None:
    pointers, docs, codes = postings(dice, 400, 6)  # most of all documents, or few of them
    units, terms = np.arange(256, dtype=np.int32) * 40, np.array([1, 3, 4])
    rows = read_only(np.maximum(dice.integers(-500, 256, (3, documents)), 0).astype(np.uint8))
    dense = np.arange(dice.integers(0, 4))
    answers = []
    for loops in (reference, compiled):
        sums = np.zeros(documents, np.int32)
        union, united = loops.union_postings(
            sums, docs, codes, pointers[terms], pointers[terms + 1], rows, dense, units, 2048
        )
        assert not sums.any()
        answers.append((union.tolist(), united.tolist()))
    assert answers[0] == answers[1]


def test_compiled_best_postings_of_several_terms_are_the_same_and_leave_no_trace(
    compiled: Loops, reference: Loops, dice: np.random.Generator
) -> None:
    pointers, docs, codes = postings(dice, 700, 3)
    row = read_only(np.maximum(dice.integers(-500, 256, 700), 0).astype(np.uint8))
    answers = []
    for loops in (reference, compiled):
        sums = np.zeros(700, np.int32)
        assert [each.tolist() for each in loops.take_postings(sums, 255)[:2]] == [[], []]
        for term, (start, end) in enumerate(pairwise(pointers)):
            loops.raise_postings(sums, docs[start:end], codes[start:end], 900 * term + 1)
        loops.raise_row(sums, row, 1100)
        best, of_best, step = loops.take_postings(sums, 255)
        assert not sums.any()
        answers.append((best.tolist(), of_best.tolist(), step))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("filtered", [False, True])
def test_compiled_best_titles_are_the_same_and_leave_no_trace(
    compiled: Loops, reference: Loops, dice: np.random.Generator, filtered: bool
) -> None:
    pointers, docs, codes = postings(dice, 400, 6)
    weights = read_only(codes.astype(np.uint16) // 64)
    gains, starts, ends = (
        np.array([0, 3, 1, 2], np.int32),
        pointers[:4].copy(),
        pointers[1:5].copy(),
    )
    allowed = dice.random(400) < 0.5 if filtered else np.zeros(0, dtype=bool)
    answers = []
    for loops in (reference, compiled):
        sums = np.zeros(400, np.int32)
        best = loops.top_titles(sums, docs, weights, starts, ends, gains, 30, allowed)
        assert not sums.any()
        answers.append(best.tolist())
    assert answers[0] == answers[1]


def test_compiled_rescoring_is_the_same_and_leaves_no_trace(
    compiled: Loops, reference: Loops, dice: np.random.Generator
) -> None:
    pointers, stems, codes = postings(dice, 200, 30)
    groups = np.sort(dice.choice(np.arange(1, 30), 9, replace=False))
    groups[0], groups[-1] = 0, 30
    read_only(groups)
    firsts, ends = dice.integers(0, 3, 8), dice.choice([1, 2, 4, 99], 8)
    shown = read_only(np.stack((firsts, ends), axis=1).astype(np.int32))
    passages = Passages(groups, pointers, stems, codes, shown)
    lengths = read_only(dice.random(8).astype(np.float32) + 1)
    titles = Titles(pointers[:9], stems, codes, lengths)
    vectors = passage_vectors(dice, 30, 200)
    features = QueryFeatures(
        dice.integers(0, 200, 12),  # some stems twice
        (dice.integers(1, 9, 12) | dice.integers(0, 4, 12) % 3 << GAIN_BITS).astype(np.int32),
        2,
        dice.choice(200, 12, replace=False),
        dice.integers(0, 9, 12).astype(np.int32),
        dice.integers(-127, 128, 200 * int(dice.integers(0, 2))).astype(np.int8),
        dice.integers(-127, 128, 200).astype(np.int8),
        dice.random(8 * int(dice.integers(0, 2))).astype(np.float32),
    )
    documents = np.flatnonzero(dice.random(8) < 0.8)
    answers = []
    for loops in (reference, compiled):
        marks = ScratchMarks(np.zeros(200, np.int32), np.zeros(200, np.int32))
        results = (
            *loops.rescore(documents, passages, titles, vectors, vectors, features, marks),
            loops.nearest_passages(groups, vectors, features.direction, documents),
        )
        assert not marks.stems.any()
        assert not marks.ngrams.any()
        answers.append([(result.dtype, result.tobytes()) for result in results])
    assert answers[0] == answers[1]


def test_compiled_coverage_is_the_same(
    compiled: Loops, reference: Loops, dice: np.random.Generator
) -> None:
    pointers, stems, codes = postings(dice, 200, 30)
    title_pointers, title_stems, _ = postings(dice, 200, 8)
    heading_pointers, heading_stems, _ = postings(dice, 200, 30)
    shown = read_only(dice.integers(0, 2, (8, 2)).astype(np.int32))
    passages = Passages(read_only(np.arange(0, 30, 3)), pointers, stems, codes, shown)
    headings = Headings(title_pointers, title_stems, heading_pointers, heading_stems)
    rows, documents = dice.integers(0, 30, 6), dice.integers(0, 8, 6)
    asked = AskedTerms(
        dice.integers(0, 200, 12), np.array([0, 1, 2, 3, 9, 12]), dice.random(5) * 9, 30.0
    )
    idfs = read_only(dice.random(200).astype(np.float32) * 9)
    (holds, alike), (other_holds, other_alike) = (
        loops.coverage(rows, passages, headings, documents, asked, idfs)
        for loops in (reference, compiled)
    )
    assert holds.tolist() == other_holds.tolist()
    assert other_alike == pytest.approx(alike, rel=1e-12)


@pytest.mark.parametrize("forum_share", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("forum", [0, 12, 40])
def test_compiled_fusion_is_the_same(
    compiled: Loops, reference: Loops, dice: np.random.Generator, forum: int, forum_share: float
) -> None:
    parts = RawParts(
        (dice.random((5, 40)) * dice.integers(0, 2, (5, 1))).astype(np.float32),
        dice.random(5),
        dice.random(5),
        np.array([1e-9, 1e-9, 0.3, 1e-9, 1e-9]),
        np.array([0.8, 0.0, 0.8, 0.8, 0.0]),
        dice.random(5) + 1,
        2,
        forum,
        forum_share,
    )
    signals = NamedSignals(dice.random((3, 40)), dice.random(3) - 0.3, int(dice.integers(-1, 3)))
    documents = np.sort(dice.choice(90, 40, replace=False))
    first_thread = int(documents[forum]) if forum < 40 else 90
    about = ThreadArticleRows(
        read_only(dice.integers(0, max(1, first_thread), (90, 5)).astype(np.int32)),
        read_only(dice.integers(0, 256, (90, 5)).astype(np.uint8)),
        first_thread,
    )
    vectors = passage_vectors(dice, 90, 128)
    topics = TopicRows(vectors, dice.integers(0, 90, 40))
    some_votes = dice.random(40 * int(dice.integers(0, 2))).astype(np.float32)
    solved = dice.integers(-1, 2, 40).astype(np.int8)
    for near, threads in ((topics, about), (NO_TOPICS, NO_THREAD_ARTICLES)):
        (gains, totals), (other_gains, other_totals) = (
            loops.fuse_parts(parts, signals, some_votes, solved, documents, near, threads)
            for loops in (reference, compiled)
        )
        assert other_gains == pytest.approx(gains, abs=1e-12)
        assert other_totals == pytest.approx(totals, abs=1e-12)
        assert gains.sum(axis=0) == pytest.approx(totals, abs=1e-12)


@pytest.mark.parametrize("width", [1, 384, 1536])
def test_compiled_projection_is_the_same_and_close_to_the_product(
    compiled: Loops, reference: Loops, dice: np.random.Generator, width: int
) -> None:
    rows = dice.normal(size=(5, width)).astype(np.float32)
    rows[3], rows[4] = 0, 7  # no number of its own, and all at the end of the scale
    weights = dice.integers(-127, 128, (9, width)).astype(np.int8)
    weights[0] = -128
    scales, bias = dice.random(9).astype(np.float32), dice.random(9).astype(np.float32)
    linear = read_only(weights), read_only(scales), read_only(bias)
    answers = [loops.project(rows, *linear) for loops in (reference, compiled)]
    assert answers[0].tobytes() == answers[1].tobytes()
    product = rows @ (weights * scales[:, None]).T + bias
    assert answers[1] == pytest.approx(product, rel=1e-3, abs=float(np.abs(product).max()) * 1e-3)


def test_no_documents_can_be_rescored(loops: Loops) -> None:
    none, table = np.zeros(0, np.int64), np.zeros(0, np.int32)
    nowhere, singles = np.zeros(0, np.int8), np.zeros(0, np.float32)
    # As an index has them.
    pointers, stems = read_only(np.zeros(1, np.int64)), read_only(np.zeros(0, np.int32))
    codes, shown = read_only(np.zeros(0, np.uint8)), read_only(np.zeros((0, 2), np.int32))
    passages = Passages(pointers, pointers, stems, codes, shown)
    titles = Titles(pointers, stems, codes, read_only(singles.copy()))
    features = QueryFeatures(none, table, 0, none, table, nowhere, nowhere, singles)
    marks = ScratchMarks(table, table)
    results = loops.rescore(none, passages, titles, NO_VECTORS, NO_VECTORS, features, marks)
    assert [result.size for result in results] == [0] * 2


def test_compiled_tails_are_the_same(
    compiled: Loops, reference: Loops, dice: np.random.Generator
) -> None:
    titles = ["".join(dice.choice(list("ab "), dice.integers(0, 20))) for _ in range(40)]
    packed = pack_title_text([" ".join(title.split()) for title in titles])
    read_only(packed["title_begins"])
    typed = read_typed("".join(dice.choice(list("ab "), 12)))
    documents = np.flatnonzero(dice.random(40) < 0.7)
    assert TitleText(packed, reference).shares(typed, documents).tolist() == (
        TitleText(packed, compiled).shares(typed, documents).tolist()
    )


def test_ties_are_cut_in_order_of_number() -> None:
    best = top_k(np.arange(10), np.array([1, 2, 2, 2, 0, 2, 3, 2, 2, 2]), 3)
    assert best.tolist() == [1, 2, 6]


def test_compiled_largest_products_are_the_same(
    compiled: Loops, reference: Loops, dice: np.random.Generator
) -> None:
    rows, width, terms = 6, 40, 12
    table = np.where(dice.random((terms, width)) < 0.4, dice.integers(1, 4, (terms, width)), 0)
    weights = np.where(dice.random((rows, terms)) < 0.5, dice.random((rows, terms)), 0)
    of_rows, of_terms = (sparse.csr_matrix(each.astype(np.float32)) for each in (weights, table))
    (best, scores), expected = (
        loops.top_products(
            *(of_rows.indptr, of_rows.indices, of_rows.data),
            *(of_terms.indptr, of_terms.indices, of_terms.data),
            width,
            5,
        )
        for loops in (compiled, reference)
    )
    assert best.tobytes() == expected[0].tobytes()
    assert scores.tobytes() == expected[1].tobytes()

    product = np.asarray((of_rows @ of_terms).todense())
    assert np.take_along_axis(product, best, axis=1).tobytes() == scores.tobytes()


def test_compiled_counts_of_values_are_the_same(
    compiled: Loops, reference: Loops, dice: np.random.Generator
) -> None:
    pointers = read_only(np.cumsum([0, *dice.integers(0, 4, 300)]))
    codes = read_only(dice.integers(0, 9, pointers[-1]).astype(np.int32))
    for documents in (np.flatnonzero(dice.random(300) < 0.5), np.arange(0), np.arange(300)):
        counts = compiled.count_values(documents, pointers, codes, 12)
        assert counts.tolist() == reference.count_values(documents, pointers, codes, 12).tolist()


@pytest.mark.parametrize("newest", [True, False])
def test_compiled_folding_is_the_same(
    compiled: Loops, reference: Loops, dice: np.random.Generator, newest: bool
) -> None:
    group_of = read_only(dice.integers(-1, 9, 60).astype(np.int32))
    places, documents = dice.permutation(60), dice.permutation(60)[:40]
    scores = np.sort(dice.random(40))[::-1].copy()
    scores[30:] = -np.inf
    folded = compiled.fold_groups(documents, scores, group_of, places, newest)
    assert folded.tolist() == (
        reference.fold_groups(documents, scores, group_of, places, newest).tolist()
    )


def test_compiled_numbers_of_chunks_are_the_same(
    compiled: Loops, reference: Loops, dice: np.random.Generator
) -> None:
    chunks = ["a", "ab", "ba", "größe", "日本語", "\udc80", "x" * 70, "\u200b", "\u2007\u00a0"]
    spaces = [" ", "\n", "\x1c", "\x85", "\u00a0", "\u1680", "\u2028", "\u205f", "\u3000", "é"]
    tables = [
        ChunkTable(
            np.zeros(64, np.int32),
            np.zeros(40, np.uint64),
            np.zeros(41, np.int64),
            np.zeros(4000, np.uint8),
        )
        for _ in range(2)
    ]
    known = [0, 0]
    for size in (30, 0, 30):
        texts = [
            "".join(dice.choice(dice.choice([chunks, spaces[:9]][: 1 + i % 2])) for i in range(n))
            for n in dice.integers(0, 4, size)
        ]
        raw = [text.encode("utf-8", "surrogatepass") for text in texts]
        text = np.frombuffer(b"".join(raw), np.uint8)
        bounds = np.cumsum([0, *map(len, raw)], dtype=np.int64)
        results = [
            loops.number_chunks(text, bounds, table, np.uint64(7), count)
            for loops, table, count in zip((compiled, reference), tables, known, strict=True)
        ]
        (numbers, ends, _), (expected, expected_ends, _) = results
        assert numbers.tobytes() == expected.tobytes()
        assert ends.tobytes() == expected_ends.tobytes()
        known = [count for *_, count in results]
        assert known[0] == known[1]
        assert tables[0].ends.tolist() == tables[1].ends.tolist()
        assert tables[0].letters.tolist() == tables[1].letters.tolist()


def test_compiled_lists_are_expanded_the_same(
    compiled: Loops, reference: Loops, dice: np.random.Generator
) -> None:
    value_ends = np.cumsum([0, *dice.integers(0, 4, 20)])
    values = dice.integers(0, 99, 100).astype(np.int32)
    numbers = dice.integers(0, 20, 50).astype(np.int32)
    ends = np.array([0, 10, 10, 30, 50])
    ours, our_ends = compiled.expand_lists(numbers, ends, values, value_ends)
    expected, expected_ends = reference.expand_lists(numbers, ends, values, value_ends)
    assert ours.tobytes() == expected.tobytes()
    assert our_ends.tobytes() == expected_ends.tobytes()
