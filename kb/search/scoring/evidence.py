"""Evidence: what speaks for a candidate as an answer, beside how it compares with the others.

Shares and cosines, so that they mean the same in every index. ``confidence`` weighs them. Computed
for the few candidates that may be shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from kb.search import weights
from kb.search.analysis.common_words import COMMON_WORDS
from kb.search.array_types import Documents
from kb.search.index.array_file import Arrays
from kb.search.kernels.layout import AskedTerms, Headings
from kb.search.query_terms import ExpandedQuery
from kb.search.scoring.bm25 import Bm25
from kb.search.scoring.fusion import Fused, Positions, RawScores
from kb.search.scoring.rescoring import Rescorer

_Features = NDArray[np.float64]  # [candidates]
_LEAST = 1e-9
_LEAST_WEIGHT = 0.05  # of what is found, in rarest words: below that, nothing is
_COMMON = 0.3  # what a common word counts of what its rarity says
_COMPLETE = 0.1  # nothing that is weightier is missing
_UNKNOWN_TOPICS = 0.5  # in an index without topics, or for a query that has none


class EvidenceReader:
    """The evidence for candidates of one partition."""

    def __init__(self, arrays: Arrays, bm25: Bm25, rescorer: Rescorer) -> None:
        self._bm25, self._rescorer = bm25, rescorer
        self._idfs: NDArray[np.float32] = arrays["idf"]
        self._headings = None
        if "title_stems" in arrays:  # else of an earlier version
            self._headings = Headings(
                arrays["title_stem_pointers"],
                arrays["title_stems"],
                arrays["heading_stem_pointers"],
                arrays["heading_stems"],
            )

    def of(self, query: ExpandedQuery, fused: Fused, positions: Positions) -> dict[str, _Features]:
        """The evidence for the candidates at ``positions``, best first, by name.

        "phrase" is not among it: that takes the passages' texts (see ``display.hits``).
        """
        scores, nothing = fused.scores, np.zeros(positions.size)
        features = {name: raw[positions].astype(np.float64) for name, raw in scores.raw.items()}
        del features["passage"]
        if scores.read:
            features["reading"] = features.pop("meaning")
        # At most 1: the scores of words that are worth almost nothing are rounded up.
        features["words"] /= max(scores.ideal, _LEAST) * (weights.K1 + 1)
        np.minimum(features["words"], 1.0, out=features["words"])
        if "topics" not in features:
            features["topics"] = np.full(positions.size, _UNKNOWN_TOPICS)
        totals = fused.before[positions]  # one customer changes nothing that is thought of others
        features["behind"] = 1 - totals / max(float(totals.max(initial=0)), _LEAST)
        for name, signal in (("exact", "exact"), ("quoted", "heading")):
            values = scores.signals.get(signal)
            features[name] = nothing if values is None else values[positions].astype(np.float64)

        # A lone word is in many titles.
        if len(query.typed.written) > 1 and "phrase" in scores.signals:
            features["in_title"] = (scores.signals["phrase"][positions] >= 1).astype(np.float64)

        absent = [self._bm25.unseen * _information(word) for word in query.unknown]
        terms = [
            idf * _information(term.word)
            for term, idf in zip(query.terms, scores.idfs, strict=True)
        ]
        whole = max(sum(terms) + sum(absent), _LEAST)
        weighed = zip(query.terms, terms, strict=True)
        corrected = sum(weight for term, weight in weighed if term.corrected)
        features["corrected"] = nothing + corrected / whole
        words = (*query.unknown, *(term.word for term in query.terms if term.typed))
        # A text of common words, such as "What to do", may still be a heading.
        features["common"] = (1 - features["quoted"]) * float(COMMON_WORDS.issuperset(words))
        return features | self._found(query, scores, positions, np.array(terms), absent, whole)

    def _found(
        self,
        query: ExpandedQuery,
        scores: RawScores,
        positions: Positions,
        terms: _Features,
        absent: Sequence[float],
        whole: float,
    ) -> dict[str, _Features]:
        """How much of the query is found, and what is not; ``terms`` are what each term weighs,
        ``absent`` what the words weigh that no document has, ``whole`` what all do.
        """
        documents = scores.documents[positions]
        holds, alike = self._coverage(query, documents, scores.shown[positions], terms, whole)
        missing = (~holds * terms).max(axis=1, initial=max(absent, default=0.0))
        is_complete = (missing < _COMPLETE * self._bm25.unseen) & holds.any(axis=1)
        features = {
            # All of "can you tell me how" matches nearly everywhere, and says nothing.
            "weight": np.log(np.maximum(holds @ terms / self._bm25.rarest, _LEAST_WEIGHT)),
            "missing": missing / self._bm25.unseen,
            "complete": is_complete.astype(np.float64),
        }
        if alike is None:
            letters = scores.raw["letters"][positions]
            return features | {"title": letters.astype(np.float64)}
        return features | {"heading": alike[:, 0], "title": alike[:, 1]}

    def _coverage(
        self,
        query: ExpandedQuery,
        documents: Documents,
        shown: Positions,
        terms: _Features,
        whole: float,
    ) -> tuple[NDArray[np.bool_], _Features | None]:
        """Which terms the passages to show, their headings or the titles hold [candidates, terms];
        and how alike the query and each heading, and the query and each title are
        [candidates, 2]: None in an index of an earlier version.
        """
        if self._headings is None:
            holds = [self._bm25.holds(term, documents) for term in query.terms]
            return np.array(holds, dtype=bool).reshape(-1, documents.size).T, None
        # Whoever has typed "login" may mean "sign in", unless it becomes "logins".
        meant = {term.word: term.stems for term in query.terms if not term.typed and term.word}
        stems_of = [
            term.stems + meant.get(term.word, ()) if term.prefix else term.stems
            for term in query.terms
        ]
        stems = np.array([stem for some in stems_of for stem in some], dtype=np.int64)
        ends = np.array([0, *accumulate(map(len, stems_of))])
        asked = AskedTerms(stems, ends, terms, whole)
        return self._rescorer.coverage(documents, shown, self._headings, asked, self._idfs)


def _information(word: str) -> float:
    return _COMMON if word in COMMON_WORDS else 1.0
