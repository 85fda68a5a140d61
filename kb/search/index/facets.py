"""Facets: how many results have each value, and the results of a search as a whole.

A ``ResultSet`` is every document that a search may show, for counts and for pages beyond the
candidates. A suggestion has none: it looks only at candidates.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kb.search.array_types import DocumentMask, Documents
from kb.search.index.doc_values import DocValues
from kb.search.kernels.ranges import top_k

FACETS = ("kind", "product", "version", "tag")


@dataclass(frozen=True)
class ResultSet:
    """The documents of one partition that a search may show."""

    values: DocValues
    scores: NDArray[np.float32]  # [documents of the partition], BM25F
    matching: DocumentMask  # before filters
    filters: Mapping[str, DocumentMask]  # by facet
    in_time: bool = True  # else operators were cut short, and some documents are missing

    @functools.cached_property
    def allowed(self) -> DocumentMask:
        return all_of(self.matching, *self.filters.values())

    def total(self) -> int:
        return int(np.count_nonzero(self.allowed))

    def facets(self) -> dict[str, dict[str, int]]:
        """Counts under all filters but a facet's own: what choosing another value would give."""
        shown = np.flatnonzero(self.allowed)
        counts = {}
        for facet in FACETS:
            documents = shown
            if facet in self.filters:
                others = [mask for name, mask in self.filters.items() if name != facet]
                documents = np.flatnonzero(all_of(self.matching, *others))
            counts[facet] = self.values.count(facet, documents)
        return counts

    def remainder(self, ranked: Documents, count: int, *, by_date: bool = False) -> Documents:
        """The first ``count`` of all but the ``ranked`` ones: by word score unless ``by_date``,
        then newest first.
        """
        if not count:
            return ranked[:0]
        others = self.allowed.copy()
        others[ranked] = False
        # Scores are not negative, so that their bits are in their order. Where the best ``count``
        # end is found first, because only these have to be sorted.
        days = self.values.day
        keys = days if by_date else self.scores.view(np.int32)
        # A product takes a twentieth of the time of ``np.where``, which branches.
        best = self.values.most(keys * others, count)
        if best.size == count:
            least = keys[best].min()
            others &= keys == least
            best = best[keys[best] > least]
        else:
            others &= keys == 0
        equals = np.flatnonzero(others)
        best = np.concatenate((best, top_k(equals, days[equals], count - best.size)))
        return np.asarray(best[np.lexsort((best, -days[best], -keys[best]))])


def all_of(*masks: DocumentMask) -> DocumentMask:
    return np.asarray(np.logical_and.reduce(masks))
