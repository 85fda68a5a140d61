"""Signals: features of a document besides its similarity to the query, 0 to 1 each
(``weights.SIGNAL_WEIGHTS``).

Identifiers and versions that the query names, the reader's standpoint, how recent it is, and
whether its title continues the text.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kb.search import weights
from kb.search.analysis.changelogs import asks_for_changes
from kb.search.array_types import Documents, Frequencies, Scores, Totals
from kb.search.index.array_file import Arrays
from kb.search.index.doc_values import DocValues
from kb.search.kernels.layout import Loops
from kb.search.query_terms import ExpandedQuery, QueryTerm
from kb.search.scoring.bm25 import Bm25
from kb.search.scoring.title_text import TitleText
from kb.search.standpoint import Standpoint

_CORRECTED = 0.8  # a word that was corrected counts as this much of one that was written


class Signals:
    """The signals of one partition."""

    def __init__(self, arrays: Arrays, loops: Loops, bm25: Bm25, values: DocValues) -> None:
        self._bm25 = bm25
        self._df: Frequencies = arrays["df"]
        self._title_text = TitleText(arrays, loops)
        self._values = values
        newest = int(values.day.max(initial=0))
        self._freshness = freshness(values.day, newest) if newest else None
        self._changelogs: Scores | None = None
        if values.changelog is not None and values.changelog.any():
            self._changelogs = values.changelog.astype(np.float32)
        self._versions = frozenset(values.names["version"])

    def of(
        self, query: ExpandedQuery, documents: Documents, standpoint: Standpoint
    ) -> dict[str, NDArray[np.floating]]:
        """The signals of each of ``documents``, by name; those that the index has data for."""
        signals: dict[str, NDArray[np.floating]] = {}
        if query.text:
            signals["phrase"] = self._title_text.shares(query.typed, documents)

        exact = query.typed.identifiers
        named = tuple(term for term in query.terms if term.word in exact and not term.corrected)
        if named:
            signals["exact"] = self.coverage(named, documents)

        if self._versions:
            about = self._versions & {*query.unknown, *(term.word for term in query.terms)}
            if about:
                masks = [self._values.having("version", name)[documents] for name in about]
                signals["version"] = np.logical_or.reduce(masks).astype(np.float32)

        if standpoint.language:
            signals |= self._foreign(documents, standpoint.language.lower())
        for column, names in (("product", standpoint.products), ("version", (standpoint.version,))):
            signals |= self._others(documents, column, names)
        if self._changelogs is not None and not asks_for_changes(query.text):
            signals["changelog"] = self._changelogs[documents]
        if self._freshness is not None:
            signals["fresh"] = self._freshness[documents]
        return signals

    def coverage(self, terms: tuple[QueryTerm, ...], documents: Documents) -> Scores:
        """The idf-weighted share of ``terms`` that each document holds."""
        covered = np.zeros(documents.size, dtype=np.float32)
        whole = 0.0
        for term in terms:
            idf = self._bm25.idf(max(int(self._df[stem]) for stem in term.stems))
            whole += idf
            weight = np.float32(idf * (_CORRECTED if term.corrected else 1.0))
            covered += weight * self._bm25.holds(term, documents)
        return covered / np.float32(whole) if whole else covered

    def _foreign(self, documents: Documents, language: str) -> dict[str, Scores]:
        """Which documents are in another language than the reader's, if any are in the reader's."""
        main = language.split("-")[0]
        languages = self._values.names.get("language", [])
        readable = [name for name in languages if name.split("-")[0] == main]
        if not readable or len(readable) == len(languages):
            return {}
        theirs = np.zeros(documents.size, dtype=bool)
        for name in readable:
            theirs |= self._values.having("language", name)[documents]
        # The language of a short text may be unknown.
        known = self._values.has_any("language", documents)
        return {"language": (known & ~theirs).astype(np.float32)}

    def _others(
        self, documents: Documents, column: str, names: tuple[str, ...]
    ) -> dict[str, Scores]:
        """Which documents are about another product or version than the reader's, if any is about
        that one.
        """
        wanted = {name.casefold() for name in names}
        own = [name for name in self._values.names.get(column, []) if name.casefold() in wanted]
        if not own:
            return {}
        masks = [self._values.having(column, name)[documents] for name in own]
        told = self._values.has_any(column, documents)
        return {f"other{column}": (told & ~np.logical_or.reduce(masks)).astype(np.float32)}


def freshness(days: NDArray[np.int32], newest: int) -> Totals:
    """1 for the newest document, half of it after ``weights.FRESH_DAYS``, 0 without a date.

    Counted from the newest document and not from today, so that an answer does not change while an
    index does not.
    """
    return np.where(days > 0, 0.5 ** ((newest - days) / weights.FRESH_DAYS), 0.0)
