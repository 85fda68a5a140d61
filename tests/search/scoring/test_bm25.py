"""BM25F against a scorer that reads every document, term by term."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.search import weights
from kb.search.array_types import Sums
from kb.search.index.array_file import Arrays
from kb.search.index.postings import Postings, TermPostings, pack_postings
from kb.search.kernels.compilation import compiled_loops
from kb.search.kernels.layout import Loops
from kb.search.query_terms import QueryTerm
from kb.search.scoring.bm25 import POINT, Bm25, _ScoredTerm
from tests.search.library import mapped

CODES = st.integers(1, 255)


@dataclass(frozen=True)
class Index:
    """Made-up postings: for each term the code of each document that holds it, and the kind of each
    document.
    """

    kinds: list[int]
    terms: list[dict[int, int]]

    def arrays(self) -> Arrays:
        pointers = np.cumsum([0, *(len(term) for term in self.terms)])
        docs = np.array([d for term in self.terms for d in sorted(term)], dtype=np.int32)
        codes = np.array([term[d] for term in self.terms for d in sorted(term)], dtype=np.uint8)
        packed = pack_postings(pointers, docs, codes, len(self.kinds))
        idf = weights.idf(packed["term_df"], len(self.kinds)).astype(np.float32)
        kinds = np.array(self.kinds, dtype=np.uint8)
        return mapped(packed | {"df": packed["term_df"], "idf": idf, "kind": kinds})

    def opened(self) -> Bm25:
        return Bm25(self.arrays(), compiled_loops(), worth_stopping=0)


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


def exhaustive(index: Index, query: list[QueryTerm]) -> list[int]:
    """Every document's score in units of 1/65,536."""
    scores = [0] * len(index.kinds)
    articles = sum(kind < 2 for kind in index.kinds)
    for term in query:
        lists = [index.terms[n] for n in term.stems]
        if term.prefix and len(lists) > 1:
            add(scores, together(lists), 1.0, articles)
        else:
            for one, share in zip(lists, term.shares, strict=True):
                add(scores, one, share, articles)
    return scores


def together(lists: list[dict[int, int]]) -> dict[int, int]:
    def frequency(code: int) -> int:
        return round(float(weights.frequency(np.array([code], dtype=np.uint8))[0]) * 1024)

    sums = {d: sum(frequency(one[d]) for one in lists if d in one) for one in lists for d in one}
    half = Fraction(1, 2)
    share = {d: Fraction(tf, tf + round(weights.K1 * 1024)) for d, tf in sums.items()}
    return {d: min(255, max(1, math.floor(255 * s + half))) for d, s in share.items()}


def add(scores: list[int], term: dict[int, int], share: float, articles: int) -> None:
    documents, df = len(scores), len(term)
    idf = float(np.float32(idf_of(df, documents)))
    of_articles = idf
    if 0 < articles < documents - articles:  # threads are the majority: what is rare in articles?
        held = sum(document < articles for document in term)
        scale = idf_of(0, documents) / idf_of(0, articles)
        of_articles = idf_of(held, articles) * scale
    for document, code in term.items():
        weight = (of_articles if document < articles else idf) * share
        scores[document] += code * max(1, round((weights.K1 + 1) / 255 * 65536 * weight))


def idf_of(df: int, documents: int) -> float:
    return math.log1p((documents - df + 0.5) / (df + 0.5))


def best(index: Index, scores: list[int], most: int) -> list[int]:
    chosen = []
    for kind in range(3):
        found = [d for d, k in enumerate(index.kinds) if k == kind and scores[d]]
        chosen += sorted(found, key=lambda d: (-scores[d], d))[:most]
    return sorted(chosen)


@given(questions(), st.integers(1, 6))
def test_stopping_early_never_changes_the_best(
    question: tuple[Index, list[QueryTerm]], most: int
) -> None:
    index, query = question
    found = index.opened()
    scores = np.rint(found.score_all(query).astype(np.float64) * POINT).astype(int)
    assert found.candidates(query, k=most).documents.tolist() == best(index, scores.tolist(), most)


@given(questions())
def test_every_score_is_the_formula(question: tuple[Index, list[QueryTerm]]) -> None:
    index, query = question
    scores = index.opened().score_all(query) * POINT
    np.testing.assert_allclose(scores, exhaustive(index, query), rtol=1e-6)


@given(questions())
def test_looking_documents_up_gives_their_scores(question: tuple[Index, list[QueryTerm]]) -> None:
    index, query = question
    found = index.opened()
    some = np.arange(len(index.kinds))[::2]
    for early in (1, 100):  # with the sums of all documents, and without
        assert (
            found.candidates(query, k=early).scores(some).tolist()
            == found.score_all(query)[some].tolist()
        )


@given(questions())
def test_the_order_of_words_does_not_matter(question: tuple[Index, list[QueryTerm]]) -> None:
    index, query = question
    found = index.opened()
    assert found.score_all(query[::-1]).tobytes() == found.score_all(query).tobytes()


@given(indexes())
def test_packed_postings_are_what_was_packed(index: Index) -> None:
    postings = Postings(index.arrays(), compiled_loops())
    for number, codes in enumerate(index.terms):
        term = postings.term(number)
        assert codes == codes_of(term)
        assert (term.df, term.peak) == (len(codes), max(codes.values()))


def codes_of(term: TermPostings) -> dict[int, int]:
    docs, codes = term.docs, term.codes
    if term.row is not None:
        docs = np.flatnonzero(term.row).astype(np.int32)
        codes = term.row[docs]
    return dict(zip(docs.tolist(), codes.tolist(), strict=True))


@given(indexes(), st.data())
def test_rows_of_half_bytes_that_earlier_versions_packed_are_read_as_rows_of_bytes(
    index: Index, data: st.DataObject
) -> None:
    coarse = [{d: 17 * data.draw(st.integers(1, 15)) for d in term} for term in index.terms]
    arrays = Index(index.kinds, coarse).arrays()
    first = data.draw(st.integers(0, len(arrays["rows"])))
    earlier = mapped(with_nibble_rows(arrays, first))
    postings = Postings(earlier, compiled_loops())
    assert [codes_of(postings.term(n)) for n in range(len(coarse))] == coarse


def with_nibble_rows(arrays: Arrays, first: int) -> Arrays:
    """As format 10 packed it: from row ``first`` on, half a byte for each document."""
    steps = arrays["rows"][first:] // 17
    if steps.shape[1] % 2:
        steps = np.pad(steps, ((0, 0), (0, 1)))
    row_of = arrays["row_of"]
    return arrays | {
        "rows": arrays["rows"][:first].copy(),
        "halves": np.asarray(steps[:, ::2] | steps[:, 1::2] << 4, dtype=np.uint8),
        "row_of": np.where(row_of >= first, first - 2 - row_of, row_of).astype(np.int32),
    }


def test_a_word_that_all_have_still_finds_them() -> None:
    found = Index([0] * 200_000, [dict.fromkeys(range(200_000), 1)]).opened()
    assert found.candidates([QueryTerm("", (0,), (1.0,))]).documents.tolist() == list(
        range(weights.CANDIDATES)
    )


def test_common_words_are_looked_up_for_the_best_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    index = Index(
        [0] * 20_000, [dict.fromkeys(range(500, 700), 250), dict.fromkeys(range(0, 20_000, 5), 1)]
    )
    read: list[int] = []
    add_all = _ScoredTerm.add

    def counted(term: _ScoredTerm, loops: Loops, sums: Sums, low: int, high: int) -> None:
        read.append(term.postings.df)
        add_all(term, loops, sums, low, high)

    monkeypatch.setattr(_ScoredTerm, "add", counted)
    rare, common = (QueryTerm("", (n,), (1.0,)) for n in range(2))
    chosen = index.opened().candidates([common, rare], k=10).documents
    assert chosen.tolist() == list(range(500, 550, 5))
    assert read == [200]


def test_what_was_worked_out_for_terms_takes_a_limited_amount_of_memory() -> None:
    """With room for one union only, each pushes the last one out, and the answers stay the same."""
    index = Index([0] * 200, [dict.fromkeys(range(first, 200, 7), 9) for first in range(8)])
    unions = [QueryTerm("", (n, n + 1), (1.0, 1.0), prefix=True) for n in range(7)]
    roomy, narrow = index.opened(), Bm25(index.arrays(), compiled_loops(), most_held=300)
    answers = [roomy.score_all([replace(term)]).tolist() for term in unions]
    for _ in range(2):
        assert [narrow.score_all([term]).tolist() for term in unions] == answers
        assert [term.memo.postings is None for term in unions] == [True] * 6 + [False]
