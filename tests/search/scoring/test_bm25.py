"""The lexical lane against a scorer that looks at every document, term by term."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.search.kernels.dispatch import Kernels, top
from kb.search.scoring import bm25 as lexical
from kb.search.scoring import weights
from kb.search.scoring.bm25 import Bm25, Ints, QueryTerm

CODES = st.integers(1, 255)


@dataclass(frozen=True)
class Index:
    """Made-up postings: for each term the code of each document that holds it, and the kind of each
    document.
    """

    kinds: list[int]
    terms: list[dict[int, int]]

    def opened(self, *, coarse: int | None = None) -> Bm25:
        pointers = np.cumsum([0, *(len(t) for t in self.terms)])
        docs = np.array([d for t in self.terms for d in sorted(t)], dtype=np.int32)
        codes = np.array([t[d] for t in self.terms for d in sorted(t)], dtype=np.uint8)
        packed = lexical.pack(pointers, docs, codes, len(self.kinds), coarse=coarse)
        idf = weights.idf(packed["term_df"], len(self.kinds)).astype(np.float32)
        arrays = packed | {
            "df": packed["term_df"],
            "idf": idf,
            "kind": np.array(self.kinds, dtype=np.uint8),
        }
        return Bm25(arrays, worth_a_look=0)


@st.composite
def indexes(draw: st.DrawFn) -> Index:
    kinds = sorted(draw(st.lists(st.integers(0, 2), min_size=1, max_size=40)))
    term = st.dictionaries(st.integers(0, len(kinds) - 1), CODES, min_size=1)
    return Index(kinds, draw(st.lists(term, min_size=1, max_size=6)))


@st.composite
def questions(draw: st.DrawFn) -> tuple[Index, list[QueryTerm]]:
    index = draw(indexes())
    number = st.integers(0, len(index.terms) - 1)
    share = st.sampled_from([0.1, 0.3, 1.0, 2.0])
    single = st.builds(lambda n, s: QueryTerm("", (n,), (s,)), number, share)
    several = st.lists(number, min_size=1, max_size=4, unique=True).map(sorted).map(tuple)
    whole = several.map(lambda n: QueryTerm("", n, (1.0,) * len(n), prefix=True))
    return index, draw(st.lists(st.one_of(single, whole), max_size=5))


def exhaustive(index: Index, meanings: list[QueryTerm]) -> list[int]:
    """Every document's score in units of 1/65,536."""
    scores = [0] * len(index.kinds)
    for meaning in meanings:
        lists = [index.terms[n] for n in meaning.stems]
        if meaning.prefix and len(lists) > 1:
            add(scores, together(lists), 1.0)
        else:
            for one, share in zip(lists, meaning.shares, strict=True):
                add(scores, one, share)
    return scores


def together(lists: list[dict[int, int]]) -> dict[int, int]:
    def frequency(code: int) -> int:
        return round(float(weights.frequency(np.array([code], dtype=np.uint8))[0]) * 1024)

    sums = {d: sum(frequency(one[d]) for one in lists if d in one) for one in lists for d in one}
    half = Fraction(1, 2)
    share = {d: Fraction(tf, tf + round(weights.K1 * 1024)) for d, tf in sums.items()}
    return {d: min(255, max(1, math.floor(255 * s + half))) for d, s in share.items()}


def add(scores: list[int], term: dict[int, int], share: float) -> None:
    documents, df = len(scores), len(term)
    idf = math.log1p((documents - df + 0.5) / (df + 0.5))
    weight = float(np.float32(idf)) * share
    for document, code in term.items():
        scores[document] += code * max(1, round((weights.K1 + 1) / 255 * 65536 * weight))


def best(index: Index, scores: list[int], most: int) -> list[int]:
    chosen = []
    for kind in range(3):
        found = [d for d, k in enumerate(index.kinds) if k == kind and scores[d]]
        chosen += sorted(found, key=lambda d: (-scores[d], d))[:most]
    return sorted(chosen)


@given(questions(), st.integers(1, 6))
def test_ending_early_never_changes_the_best(
    question: tuple[Index, list[QueryTerm]], most: int
) -> None:
    index, meanings = question
    found = index.opened()
    scores = np.rint(found.score(meanings).astype(np.float64) * 65536).astype(int)
    assert found.pool(meanings, most=most).documents.tolist() == best(index, scores.tolist(), most)


@given(questions())
def test_every_score_is_the_formula(question: tuple[Index, list[QueryTerm]]) -> None:
    index, meanings = question
    scores = index.opened().score(meanings) * 65536
    np.testing.assert_allclose(scores, exhaustive(index, meanings), rtol=1e-6)


@given(questions())
def test_looking_documents_up_gives_their_scores(question: tuple[Index, list[QueryTerm]]) -> None:
    index, meanings = question
    found = index.opened()
    some = np.arange(len(index.kinds))[::2]
    for early in (1, 100):  # with the sums of all documents, and without
        assert (
            found.pool(meanings, most=early).scores(some).tolist()
            == found.score(meanings)[some].tolist()
        )


@given(questions())
def test_the_order_of_words_does_not_matter(question: tuple[Index, list[QueryTerm]]) -> None:
    index, meanings = question
    found = index.opened()
    assert found.score(meanings[::-1]).tobytes() == found.score(meanings).tobytes()


@given(questions(), st.integers(0, 6))
def test_rows_of_half_bytes_answer_as_rows_of_as_coarse_codes(
    run: Kernels, question: tuple[Index, list[QueryTerm]], coarse: int
) -> None:
    index, meanings = question
    single = [meaning for meaning in meanings if not meaning.prefix]
    halved = index.opened(coarse=coarse)
    terms = [
        dict(zip(*map(np.ndarray.tolist, halved.posting(term)), strict=True))
        for term in range(len(index.terms))
    ]
    for term, (was, now) in enumerate(zip(index.terms, terms, strict=True)):
        assert was.keys() == now.keys()
        assert all(abs(was[doc] - now[doc]) <= (16 if term >= coarse else 0) for doc in was)
    whole = Index(index.kinds, terms).opened()
    for lane in (halved, whole):
        lane.use(run)
    assert halved.score(single).tolist() == whole.score(single).tolist()
    for most in (1, 3, 50):
        pools = [lane.pool(single, most=most) for lane in (halved, whole)]
        assert pools[0].documents.tolist() == pools[1].documents.tolist()
        some = np.arange(len(index.kinds))
        assert pools[0].scores(some).tolist() == halved.score(single).tolist()
    for single_one in single:
        some = np.arange(len(index.kinds))
        assert halved.holds(single_one, some).tolist() == whole.holds(single_one, some).tolist()


@given(indexes())
def test_packed_postings_are_what_was_packed(index: Index) -> None:
    found = index.opened()
    for number, term in enumerate(index.terms):
        docs, codes = found.posting(number)
        assert dict(zip(docs.tolist(), codes.tolist(), strict=True)) == term


def test_a_word_that_all_have_still_finds_them() -> None:
    found = Index([0] * 200_000, [dict.fromkeys(range(200_000), 1)]).opened()
    assert found.pool([QueryTerm("", (0,), (1.0,))]).documents.tolist() == list(
        range(weights.CANDIDATES)
    )


def test_common_words_are_looked_up_for_the_best_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    index = Index(
        [0] * 20_000, [dict.fromkeys(range(500, 700), 250), dict.fromkeys(range(0, 20_000, 5), 1)]
    )
    read: list[int] = []
    add_all = lexical._Term.add

    def counted(term: lexical._Term, run: Kernels, sums: Ints, low: int, high: int) -> None:
        read.append(term.df)
        add_all(term, run, sums, low, high)

    monkeypatch.setattr(lexical._Term, "add", counted)
    rare, common = (QueryTerm("", (n,), (1.0,)) for n in range(2))
    chosen = index.opened().pool([common, rare], most=10).documents
    assert chosen.tolist() == list(range(500, 550, 5))
    assert read == [200]


def test_ties_are_cut_in_order_of_number() -> None:
    assert top(np.arange(10), np.array([1, 2, 2, 2, 0, 2, 3, 2, 2, 2]), 3).tolist() == [1, 2, 6]
