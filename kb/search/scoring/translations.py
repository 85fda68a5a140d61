"""Translations: the pages whose words stand for the words that customers use.

Customers write "screen stays black", the page says "no signal". Each resolved ticket pairs the
words of its title with the weightiest words of the articles that its answer linked. A customer
counts once for each pair, a pair counts from so many customers on, and a page has the share of the
words that it has. At publishing, both steps are joined, so that a query only looks up its words.

What customers say is not always true, so each of them counts little: whatever one customer files,
no page moves by more than one place. Of the candidates the one that most customers stand behind is
raised, by one place for each customer that it has more than the next one. The proof: a customer
adds from 0 to 1 to what each page has, so the lead changes by 1 at most; and where another page
takes the lead, neither lead was more than that.

Built for one audience from what it may see. Words are stored as hashes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kb.search import weights
from kb.search.analysis.tokenizer import Stemming
from kb.search.array_types import Documents, Pointers, Totals
from kb.search.documents import DOCUMENT_KINDS, DocumentKind, ResolvedTicket
from kb.search.index.array_file import Arrays
from kb.search.scoring.thread_articles import articles_by_stem

Support = NDArray[np.int64]  # [candidates], in ``ONE_CUSTOMER``s
_ALIKE = 255  # how alike an article is to itself
_SHARES = 4096  # of a query
#: What one customer adds to an article, whose tickets hold all words of a query.
ONE_CUSTOMER = _ALIKE * _SHARES
_WORDS = 30  # of a linked article, the weightiest
_ARTICLES = 8  # that are alike, of a linked article
_SHARPNESS = 3  # the power that makes the linked article count far more than those like it
_BATCH = 500  # linked articles that are compared at once


def pack_translations(
    tickets: Iterable[ResolvedTicket],
    stemming: Stemming,
    arrays: Arrays,
    number_of: Mapping[str, int],
    customers: int,
) -> Arrays:
    """Arrays of the words that at least so many ``customers`` used, to stand beside a partition's
    ``arrays``.

    ``number_of`` numbers the visible documents. A link to a hidden one is dropped before anything
    is counted.
    """
    articles = int((arrays["kind"] != DOCUMENT_KINDS.index(DocumentKind.FORUM)).sum())
    rows = set()
    names: dict[str, int] = {}
    for position, ticket in enumerate(tickets):
        name = ticket.customer or f"ticket {position}"
        customer = names.setdefault(name, len(names))
        linked = {number_of[d] for d in ticket.documents if d in number_of}
        for stem in set(stemming.stems(ticket.title)):
            rows |= {(_hash(stem), customer, number) for number in linked if number < articles}
    if len(names) < customers or not rows:
        return {}

    words, who, linked = np.array(sorted(rows), dtype=np.int64).T
    distinct, link_of = np.unique(linked, return_inverse=True)
    alike, likeness = _alike_articles(arrays, distinct, articles)

    # Each customer of each word and article counts as much as the linked article that is likest.
    keys = np.stack(
        [np.repeat(words, _ARTICLES), np.repeat(who, _ARTICLES), alike[link_of].ravel()]
    )
    triples, triple_of = np.unique(keys, axis=1, return_inverse=True)
    most = np.zeros(triples.shape[1], dtype=np.int64)
    np.maximum.at(most, triple_of.ravel(), likeness[link_of].ravel())
    pairs, pair_of = np.unique(triples[[0, 2]], axis=1, return_inverse=True)
    support = np.bincount(pair_of.ravel(), weights=most).astype(np.int64)
    support -= (customers - 1) * _ALIKE

    pairs, support = pairs[:, support > 0], support[support > 0]
    if not support.size:
        return {}
    hashes, starts = np.unique(pairs[0], return_index=True)
    return {
        "translated_words": hashes.astype(np.uint32),
        "translated_pointers": np.append(starts, support.size).astype(np.int64),
        "translated_articles": pairs[1].astype(np.int32),
        "translated_support": support.astype(np.int32),
    }


def _alike_articles(
    arrays: Arrays, linked: Documents, articles: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each linked article the ones that share most of its weightiest words, and how much."""
    by_stem, idf = articles_by_stem(arrays, articles)
    table = by_stem.multiply(idf[:, None]).T.tocsr()  # articles by stems
    norms = np.sqrt(np.asarray(table.multiply(table).sum(axis=1)).ravel())
    numbers = np.zeros((linked.size, _ARTICLES), dtype=np.int64)
    likeness = np.zeros((linked.size, _ARTICLES), dtype=np.int64)
    for low in range(0, linked.size, _BATCH):
        batch = linked[low : low + _BATCH]
        shared = np.asarray((_weightiest(table[batch]) @ table.T).todense())
        shared /= np.maximum(norms, 1e-9)
        share = shared / np.maximum(shared[np.arange(batch.size), batch][:, None], 1e-9)
        share[np.arange(batch.size), batch] = 1.0  # also where all its words are too common
        best = (-share).argsort(axis=1, kind="stable")[:, :_ARTICLES]
        values = np.clip(np.take_along_axis(share, best, axis=1), 0.0, 1.0) ** _SHARPNESS
        numbers[low : low + _BATCH, : best.shape[1]] = best
        likeness[low : low + _BATCH, : best.shape[1]] = np.rint(values * _ALIKE)
    return numbers, likeness


def _weightiest(table: Any) -> Any:
    """The same articles with their weightiest words only."""
    kept = table.copy()
    for low, high in zip(table.indptr[:-1].tolist(), table.indptr[1:].tolist(), strict=True):
        if high - low > _WORDS:
            values = kept.data[low:high]
            values[(-values).argsort(kind="stable")[_WORDS:]] = 0
    kept.eliminate_zeros()
    return kept


def _hash(stem: str) -> int:
    return zlib.crc32(stem.encode("utf-8", "surrogatepass"))


class Translations:
    """The words of customers in one partition, and the articles that have the words for them."""

    def __init__(self, arrays: Arrays, stemming: Stemming) -> None:
        self._stem = stemming.stem
        self._words: NDArray[np.uint32] = arrays["translated_words"]  # hashes, ascending
        self._pointers: Pointers = arrays["translated_pointers"]  # of words, into pairs
        self._articles: NDArray[np.int32] = arrays["translated_articles"]
        self._support: NDArray[np.int32] = arrays["translated_support"]

    def support(
        self, words: Iterable[tuple[str, float]], ideal: float, documents: Documents
    ) -> Support:
        """What customers add to each of ``documents``; empty where nobody used these words.

        ``words`` are those of a query, each with its idf; ``ideal`` is the sum of all of them.
        """
        support = np.zeros(documents.size, dtype=np.int64)
        for word, idf in words:
            hashed = np.uint32(_hash(self._stem(word)))
            row = int(self._words.searchsorted(hashed))
            if row == self._words.size or self._words[row] != hashed:
                continue
            pairs = slice(*self._pointers[row : row + 2].tolist())
            articles = self._articles[pairs]
            places = np.minimum(documents.searchsorted(articles), documents.size - 1)
            here = documents[places] == articles
            # A whole number, so that what a customer adds is exactly so much in any order.
            share = int(_SHARES * idf / ideal)
            support[places[here]] += share * self._support[pairs][here].astype(np.int64)
        return support if support.any() else support[:0]


class Lift(NamedTuple):
    """A candidate, by its position, and how many places it is raised by."""

    candidate: int
    places: int

    def of(self, order: NDArray[np.int64]) -> NDArray[np.int64]:
        """The ``order`` of candidates after it is raised in it; one without it stays."""
        place = np.flatnonzero(order == self.candidate)
        if not place.size or not self.places:
            return order
        higher = max(0, int(place[0]) - self.places)
        return np.insert(np.delete(order, place), higher, self.candidate)


NO_LIFT = Lift(-1, 0)


def lift(order: NDArray[np.int64], totals: Totals, support: Support) -> tuple[Lift, Totals]:
    """What raises the candidate with most ``support``, and what each candidate gains by that.

    It passes only candidates that are hardly better than it is.
    """
    gains = np.zeros(totals.size)
    best = int(support.argmax())
    others = np.delete(support, best)
    lead = int(support[best] - others.max(initial=0)) // ONE_CUSTOMER
    place = int(np.flatnonzero(order == best)[0])
    better = totals[order[:place]] < totals[best] + weights.TRANSLATED
    places = min(lead, int(better.sum()))
    if places:
        gains[best] = totals[order[place - places]] - totals[best]
    return Lift(best, places), gains
