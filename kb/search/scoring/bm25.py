"""BM25F: the documents that hold the words of a query, and what the words score there.

Finds candidates. Reading a query is ``expansion``, the final order ``fusion``.

Scores are whole numbers of 1/65,536, so that a sum is the same in whatever order it is made, and
the best can be found without reading every posting: MaxScore (Turtle and Flood 1995). Terms are
added rarest first; once no document outside the best can still reach them, the remaining terms are
not essential, and are only looked up for the documents that are left.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kb.search import weights
from kb.search.array_types import DocumentMask, Documents, Frequencies, Scores, Sums
from kb.search.documents import DocumentKind
from kb.search.index.array_file import Arrays
from kb.search.index.postings import Postings, TermPostings
from kb.search.kernels.layout import Loops
from kb.search.kernels.ranges import top_k
from kb.search.kernels.scratch import Borrowed, Scratch
from kb.search.query_terms import QueryTerm, TermMemo

#: A score of 1. The 48 words of a query, each said twelve times and each in one of a million
#: documents, reach three quarters of what 32 bits hold.
POINT = 65_536
#: What one step of a posting's code is worth at an idf of 1.
_STEP = (weights.K1 + 1) / weights.STEPS * POINT
_SAMPLE = 2048  # documents that tell a score which the best reach
_LOOK_UP = 8  # what looking a document up costs, in postings read one after another
#: Postings: adding fewer costs less than finding out whether they are needed.
_WORTH_STOPPING = 409_600
#: Bytes that the postings of remembered terms may take. Those that were put together have up to
#: five for each document: a thousand of them would take half a gigabyte among 100,000.
_MOST_HELD = 8 * 1024 * 1024
_KindRange = tuple[int, int]  # documents of one kind, half-open


@dataclass(frozen=True, slots=True)
class _ScoredTerm:
    """A term's postings, and what one step of their codes adds to a score."""

    postings: TermPostings
    step: int
    first: int = 0  # the document that ``postings.row`` begins with

    @property
    def upper_bound(self) -> int:
        """The most that the term adds to the score of any document."""
        return self.step * self.postings.peak

    def add(self, loops: Loops, sums: Sums, low: int, high: int) -> None:
        """Add what the term scores to the documents from ``low`` to ``high``."""
        row, docs, codes = self.postings.row, self.postings.docs, self.postings.codes
        if row is not None:
            low = max(low, self.first)
            if low < high:
                loops.add_row(sums[low:high], row[low - self.first : high - self.first], self.step)
        elif high - low == sums.size:
            loops.add_postings(sums, docs, codes, self.step)
        else:
            a, b = docs.searchsorted(np.array((low, high), dtype=docs.dtype)).tolist()
            loops.add_postings(sums, docs[a:b], codes[a:b], self.step)

    def scores(self, documents: Documents) -> Sums:
        """What the term scores in each of ``documents``."""
        row, docs = self.postings.row, self.postings.docs
        if row is not None and not self.first:
            return row.take(documents) * np.int32(self.step)
        if row is not None:
            codes = row.take(np.maximum(documents - self.first, 0))
            return np.asarray((documents >= self.first) * codes * np.int32(self.step))
        if not docs.size:
            return np.zeros(documents.size, dtype=np.int32)
        # Of another type, numpy would convert the whole list to look up a few.
        positions = np.minimum(docs.searchsorted(documents.astype(docs.dtype)), docs.size - 1)
        is_posting = docs.take(positions) == documents
        return np.asarray(is_posting * self.postings.codes.take(positions) * np.int32(self.step))


class StemWorth(NamedTuple):
    """What a stem is worth among articles and among threads; its frequency comes on top."""

    stem: int
    articles: float
    threads: float


class LexicalCandidates:
    """The best documents of a query by BM25F, and the scores of these or of any other documents."""

    def __init__(
        self, documents: Documents, terms: Sequence[_ScoredTerm], sums: Borrowed | None
    ) -> None:
        self.documents = documents
        self._terms = terms
        self._sums = sums  # of every document; None when not all postings were read

    def scores(self, documents: Documents) -> Scores:
        """BM25F of ``documents``."""
        if self._sums is not None:
            return _points(self._sums.array[documents])
        sums = np.zeros(documents.size, dtype=np.int32)
        for term in self._terms:
            sums += term.scores(documents)
        return _points(sums)


class Bm25:
    """BM25F over the postings of one partition."""

    def __init__(
        self,
        arrays: Arrays,
        loops: Loops,
        *,
        worth_stopping: int = _WORTH_STOPPING,
        most_held: int = _MOST_HELD,
    ) -> None:
        self.size = int(arrays["kind"].size)
        self.df: Frequencies = arrays["df"]
        self.idfs: NDArray[np.float32] = arrays["idf"]  # [stems]
        bounds = np.searchsorted(arrays["kind"], np.arange(len(DocumentKind) + 1))
        self.unseen = self.idf(0)  # the idf of a word that no document has
        self.rarest = self.idf(1)
        self.kind_ranges: list[_KindRange] = [(int(a), int(b)) for a, b in pairwise(bounds)]
        self._kinds = [(low, high) for low, high in self.kind_ranges if high > low]
        # How rare a word is among threads says little about articles, where threads prevail.
        first_thread = self.kind_ranges[-1][0]
        self._articles = first_thread if weights.threads_prevail(first_thread, self.size) else 0
        self._k = weights.CANDIDATES_EACH if len(self._kinds) > 1 else weights.CANDIDATES
        self._postings = Postings(arrays, loops)
        self._loops = loops
        self._sums = Scratch(self.size)
        self._worth_stopping = worth_stopping
        self._most_held = most_held
        self._held: deque[tuple[TermMemo, int]] = deque()
        self._held_bytes = 0
        self._held_lock = threading.Lock()

    def idf(self, df: int) -> float:
        """``weights.idf`` for one word."""
        return math.log1p((self.size - df + 0.5) / (df + 0.5))

    def _article_idf(self, df: int) -> float:
        """The idf among articles alone, on the scale of all documents: 0 says the same in both."""
        whole, scale = self._articles, self.unseen / math.log1p((self._articles + 0.5) / 0.5)
        return math.log1p((whole - df + 0.5) / (df + 0.5)) * scale

    def score_all(self, query: Sequence[QueryTerm]) -> Scores:
        """BM25F of every document. Each posting of each term is read once."""
        sums = np.zeros(self.size, dtype=np.int32)
        for term in self._rarest_first(query):
            term.add(self._loops, sums, 0, self.size)
        return _points(sums)

    def best_of(self, scores: Scores, allowed: DocumentMask) -> Documents:
        """The best ``allowed`` documents of each kind that have any score, ascending."""
        # Scores are never negative, so their bits sort in the same order. A product takes a
        # twentieth of the time of ``np.where``, which branches.
        sums = (scores * allowed).view(np.int32)
        best = [self._loops.top_sums(sums, low, high, self._k) for low, high in self._kinds]
        return np.concatenate(best) if best else np.zeros(0, dtype=np.int64)

    def candidates(self, query: Sequence[QueryTerm], *, k: int = 0) -> LexicalCandidates:
        """The documents of ``best_of(score_all(query))``, reading only the postings that matter.

        ``k`` of each kind, or as many as ``weights`` says.
        """
        terms, k = self._rarest_first(query), k or self._k
        borrowed = self._sums.borrow()
        sums = borrowed.array
        sums[:] = 0
        # Of each term, the most that it and all terms after it can add to a score.
        bounds = list(accumulate(term.upper_bound for term in reversed(terms)))[::-1]
        open_kinds = self._kinds
        best: list[Documents] = []
        for i, term in enumerate(terms):
            remaining_upper_bound = bounds[i]
            if (
                term.postings.df > self._worth_stopping
                and bounds[0] - remaining_upper_bound > remaining_upper_bound
            ):
                still_open = []
                for kind in open_kinds:
                    ended = self._can_stop_early(sums, kind, terms, i, remaining_upper_bound, k)
                    if ended is None:
                        still_open.append(kind)
                    else:
                        best.append(ended)
                open_kinds = still_open
            if len(open_kinds) == len(self._kinds):
                term.add(self._loops, sums, 0, self.size)
            else:
                for low, high in open_kinds:
                    term.add(self._loops, sums, low, high)

        best.extend(self._loops.top_sums(sums, low, high, k) for low, high in open_kinds)
        documents = np.concatenate(best) if best else np.zeros(0, dtype=np.int64)
        complete = len(open_kinds) == len(self._kinds)
        if not complete:
            documents.sort()
        return LexicalCandidates(documents, terms, borrowed if complete else None)

    @staticmethod
    def _can_stop_early(
        sums: Sums,
        kind: _KindRange,
        terms: Sequence[_ScoredTerm],
        essential: int,
        remaining_upper_bound: int,
        k: int,
    ) -> Documents | None:
        """The best of a kind, when the first ``essential`` terms have found them all; else None."""
        low, high = kind
        floor = _reached_by_k(sums, kind, terms[:essential], k)
        leading = sums[low:high][sums[low:high] >= floor]
        if leading.size < k:
            return None
        threshold = int(np.sort(leading)[leading.size - k])
        # A document without any of the essential terms could still be among the best.
        if threshold <= remaining_upper_bound:
            return None
        contenders = low + np.flatnonzero(sums[low:high] >= threshold - remaining_upper_bound)
        if contenders.size * _LOOK_UP * (len(terms) - essential) > (high - low):
            return None
        totals = sums[contenders]
        for term in terms[essential:]:
            totals = totals + term.scores(contenders)
        best: Documents = top_k(contenders, totals, k)
        return best

    def scores(self, query: Sequence[QueryTerm], documents: Documents) -> Scores:
        """BM25F of some documents, whoever found them."""
        return LexicalCandidates(documents, self._rarest_first(query), None).scores(documents)

    def worth(self, term: QueryTerm) -> list[StemWorth]:
        """What each stem of a term is worth, for an engine that finds documents by stems alone."""
        if len(term.stems) > 1 and term.prefix:
            scored = self._scored(term)  # the stems share one frequency, and so one worth
            articles, threads = (each.step / _STEP for each in (scored[0], scored[-1]))
            return [StemWorth(stem, articles, threads) for stem in term.stems]
        rows = []
        for stem, share in zip(term.stems, term.shares, strict=True):
            threads = articles = float(self.idfs[stem])
            if self._articles:
                held = self._postings.term(stem).df_before(self._articles)
                articles = self._article_idf(held)
            rows.append(StemWorth(stem, articles * share, threads * share))
        return rows

    def holds(self, term: QueryTerm, documents: Documents) -> NDArray[np.bool_]:
        """Which of ``documents`` hold any word that ``term`` stands for."""
        holding = np.zeros(documents.size, dtype=bool)
        for scored in self._scored(term):
            holding |= scored.scores(documents) > 0
        return holding

    def _rarest_first(self, query: Sequence[QueryTerm]) -> list[_ScoredTerm]:
        scored = (scored for term in query for scored in self._scored(term))
        return sorted(scored, key=lambda term: term.postings.df)

    def _scored(self, term: QueryTerm) -> list[_ScoredTerm]:
        memo = term.memo
        scored: list[_ScoredTerm] | None = memo.postings
        if scored is None:
            scored = memo.postings = self._look_up(term)
            self._hold(memo, _own_bytes(scored))
        return scored

    def _hold(self, memo: TermMemo, size: int) -> None:
        """Lets the terms that were looked up first go, if this one's postings are too much."""
        if not size:
            return
        with self._held_lock:
            self._held.append((memo, size))
            self._held_bytes += size
            while self._held_bytes > self._most_held and len(self._held) > 1:
                earlier, size = self._held.popleft()
                earlier.postings = None
                self._held_bytes -= size

    def _look_up(self, term: QueryTerm) -> list[_ScoredTerm]:
        if term.prefix_term >= 0 or (term.prefix and len(term.stems) > 1):
            postings = (
                self._postings.term(term.prefix_term)
                if term.prefix_term >= 0
                else self._postings.union(np.array(term.stems))
            )
            return self._with_steps(postings, self.idf(postings.df), 1.0)
        if term.equals:
            return self._best_of(term)
        return [
            scored
            for stem, share in zip(term.stems, term.shares, strict=True)
            for scored in self._with_steps(self._postings.term(stem), float(self.idfs[stem]), share)
        ]

    def _with_steps(self, postings: TermPostings, idf: float, share: float) -> list[_ScoredTerm]:
        """A term among all documents; among articles and among threads where these prevail."""
        if not self._articles:
            return [_ScoredTerm(postings, step_of(idf * share))]
        articles = postings.before(self._articles)
        return [
            _ScoredTerm(articles, step_of(self._article_idf(articles.df) * share)),
            _ScoredTerm(
                postings.since(self._articles, articles.df), step_of(idf * share), self._articles
            ),
        ]

    def _best_of(self, term: QueryTerm) -> list[_ScoredTerm]:
        """A term that counts in each document as the one of its stems that counts most there."""
        idfs = self.idfs[list(term.stems)].tolist()
        steps = [step_of(idf * share) for idf, share in zip(idfs, term.shares, strict=True)]
        best, step = self._postings.best_of(term.stems, steps)
        if not self._articles:
            return [_ScoredTerm(best, step)]
        held = [self._postings.term(stem).df_before(self._articles) for stem in term.stems]
        steps = [
            step_of(self._article_idf(df) * share)
            for df, share in zip(held, term.shares, strict=True)
        ]
        of_articles, article_step = self._postings.best_of(term.stems, steps)
        articles = of_articles.before(self._articles)
        threads = best.since(self._articles, articles.df)
        return [_ScoredTerm(articles, article_step), _ScoredTerm(threads, step, self._articles)]


def _own_bytes(terms: Sequence[_ScoredTerm]) -> int:
    """What postings take beside the mapped file. Parts of a list keep the whole of it."""
    arrays = [array for term in terms for array in (term.postings.docs, term.postings.codes)]
    own = [array for array in arrays if array.flags.writeable]
    rows = [term.postings.row for term in terms if term.postings.is_copied]
    own += [row for row in rows if row is not None]
    wholes = [array.base if isinstance(array.base, np.ndarray) else array for array in own]
    return sum({id(whole): whole.nbytes for whole in wholes}.values())


def _reached_by_k(sums: Sums, kind: _KindRange, terms: Sequence[_ScoredTerm], k: int) -> int:
    """A sum, 1 at least, that ``k`` documents of a kind surely reach: the best of a sample do.

    Finding the best among a few that are good enough costs a tenth of sorting all that match.
    """
    low, high = kind
    sample = sums[low : high : -(-(high - low) // _SAMPLE)]
    floor = int(np.sort(sample)[sample.size - k]) if sample.size >= k else 0
    for term in terms:
        docs = term.postings.docs
        if term.postings.row is None and docs.size >= k:
            a, b = docs.searchsorted(np.array(kind, dtype=docs.dtype)).tolist()
            if b - a >= k:
                sample = sums[docs[a : b : -(-(b - a) // _SAMPLE)]]
                if sample.size >= k:
                    floor = max(floor, int(np.sort(sample)[sample.size - k]))
                break  # the rarest term that enough documents have: these are mostly the best
    return max(1, floor)


def step_of(weight: float) -> int:
    """What a step of the codes of a term of this weight adds: 1 at least, so that it is found."""
    return max(1, round(_STEP * weight))


def _points(sums: Sums) -> Scores:
    return sums.astype(np.float32) * np.float32(1 / POINT)
