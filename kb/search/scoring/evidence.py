"""Evidence: what speaks for a candidate as an answer, beside how it compares with the others.

Shares and cosines, so that they mean the same in every index. ``confidence`` weighs them. Computed
for the few candidates that may be shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kb.search import weights
from kb.search.analysis.common_words import COMMON_WORDS
from kb.search.array_types import Documents
from kb.search.index.array_file import Arrays
from kb.search.kernels.layout import Headings, Loops
from kb.search.query_terms import ExpandedQuery
from kb.search.scoring.bm25 import Bm25
from kb.search.scoring.fusion import Positions, RawScores
from kb.search.scoring.rescoring import Rescorer

_Features = NDArray[np.float64]  # [candidates]
_LEAST = 1e-9
_LEAST_WEIGHT = 0.05  # of what is found, in rarest words: below that, nothing is
_COMMON = 0.3  # what a common word counts of what its rarity says
_COMPLETE = 0.1  # nothing that is weightier is missing
_UNKNOWN_TOPICS = 0.5  # in an index without topics, or for a query that has none


class _Asked(NamedTuple):
    """What the words of a query weigh."""

    terms: _Features  # [terms]
    absent: float  # the weightiest of the words that the index does not have
    whole: float


class EvidenceReader:
    """The evidence for candidates of one partition."""

    def __init__(self, arrays: Arrays, loops: Loops, bm25: Bm25, rescorer: Rescorer) -> None:
        self._loops, self._bm25, self._rescorer = loops, bm25, rescorer
        self._idfs: NDArray[np.float32] = arrays["idf"]
        self._headings = None
        if "title_stems" in arrays:  # else of an earlier version
            self._headings = Headings(
                arrays["title_stem_pointers"],
                arrays["title_stems"],
                arrays["heading_stem_pointers"],
                arrays["heading_stems"],
            )

    def of(
        self, query: ExpandedQuery, scores: RawScores, positions: Positions, totals: _Features
    ) -> dict[str, _Features]:
        """The evidence for the candidates at ``positions``, best first, by name.

        ``totals`` are the scores that they are ranked by. "phrase" is not among them (see
        ``phrase_share``).
        """
        asked = self._asked(query)
        features = {name: raw[positions].astype(np.float64) for name, raw in scores.raw.items()}
        features["words"] /= max(scores.ideal, _LEAST) * (weights.K1 + 1)
        features.pop("passage", None)
        if "topics" not in features:
            features["topics"] = np.full(positions.size, _UNKNOWN_TOPICS)
        features["behind"] = 1 - totals / max(float(totals.max(initial=0)), _LEAST)
        features["exact"] = np.zeros(positions.size)
        if "exact" in scores.signals:
            features["exact"] = scores.signals["exact"][positions].astype(np.float64)

        features["quoted"] = np.zeros(positions.size)
        if "heading" in scores.signals:
            features["quoted"] = scores.signals["heading"][positions].astype(np.float64)

        documents = scores.documents[positions]
        if not query.terms or not positions.size:
            holds = np.zeros((positions.size, 0), dtype=bool)
        elif self._headings is None:
            holds = np.stack([self._bm25.holds(term, documents) for term in query.terms], axis=1)
            features["title"] = features["letters"]
        else:
            rows = self._rescorer.passage_rows(documents, scores.shown[positions])
            holds, likeness = self._coverage(query, asked, self._headings, documents, rows)
            features |= likeness
        return features | self._found(query, asked, holds)

    def _asked(self, query: ExpandedQuery) -> _Asked:
        terms = np.array(
            [self._rescorer.idf(term) * _information(term.word) for term in query.terms]
        )
        absent = [self._bm25.unseen * _information(word) for word in query.unknown]
        whole = float(terms.sum()) + sum(absent)
        return _Asked(terms, max(absent, default=0.0), max(whole, _LEAST))

    def _coverage(
        self,
        query: ExpandedQuery,
        asked: _Asked,
        headings: Headings,
        documents: Documents,
        passages: NDArray[np.int64],
    ) -> tuple[NDArray[np.bool_], dict[str, _Features]]:
        """Which terms the passage, its heading or the title hold [candidates, terms], of a solved
        thread also the question; and how alike
        the query, the heading and the title are: the share of the one that is in the other, and the
        reverse.
        """
        stems = np.array([stem for term in query.terms for stem in term.stems], dtype=np.int64)
        first_stems = np.cumsum([0, *(len(term.stems) for term in query.terms[:-1])])

        def covered(rows: NDArray[np.int64], owners: Documents) -> tuple[Any, Any]:
            held, weighed = self._loops.coverage(
                rows, self._rescorer.passages, headings, owners, stems, self._idfs
            )
            return np.logical_or.reduceat(held, first_stems, axis=2), weighed

        holds, weighed = covered(passages, documents)  # holds: [candidates, 3, terms]
        of_query = holds[:, 1:] @ asked.terms / asked.whole  # [candidates, (heading, title)]
        of_text = weighed[:, :, 1] / np.maximum(weighed[:, :, 0], 1)
        alike = np.sqrt(of_query * of_text)

        holds_any = holds.any(axis=1)
        threads, questions = self._rescorer.questions(documents)
        if threads.size:
            holds_any[threads] |= covered(questions, documents[threads])[0].any(axis=1)
        return holds_any, {"heading": alike[:, 0], "title": alike[:, 1]}

    def _found(
        self, query: ExpandedQuery, asked: _Asked, holds: NDArray[np.bool_]
    ) -> dict[str, _Features]:
        """How much is found, and what is not."""
        rarest_words = holds @ asked.terms / self._bm25.rarest
        absent = (~holds * asked.terms).max(axis=1, initial=asked.absent)
        corrected = np.array([bool(term.corrected) for term in query.terms], dtype=bool)
        return {
            # All of "can you tell me how" matches nearly everywhere, and says nothing.
            "weight": np.log(np.maximum(rarest_words, _LEAST_WEIGHT)),
            "missing": absent / self._bm25.unseen,
            "corrected": np.full(len(holds), float(asked.terms[corrected].sum()) / asked.whole),
            "complete": np.where(
                (absent < _COMPLETE * self._bm25.unseen) & holds.any(axis=1), 1.0, 0.0
            ),
        }


def _information(word: str) -> float:
    return _COMMON if word in COMMON_WORDS else 1.0


def phrase_share(words: Sequence[str], written: str) -> float:
    """The longest run of ``words`` that stands in a text in one piece, as a share of all of them;
    0 for a single word.

    ``written`` are the words of the text, each between spaces.

    >>> phrase_share(("reset", "my", "password"), " to reset my own password ")
    0.6666666666666666
    """
    longest = first = 0
    for last in range(1, len(words) + 1):
        while first < last and f" {' '.join(words[first:last])} " not in written:
            first += 1
        longest = max(longest, last - first)
    return longest / len(words) if longest > 1 else 0.0
