"""Hits: documents as they are shown, each with the excerpt that best shows why it was found.

``rescoring`` finds the passage, and ``snippets`` selects the part of it to show.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kb.search.array_types import Documents
from kb.search.documents import DocumentKind
from kb.search.index.doc_values import DocValues
from kb.search.index.document_store import DocumentStore
from kb.search.results import Hit, Passage
from kb.search.scoring.rescoring import Rescorer
from kb.search.snippets import Matches, passage, reads_well

NEARBY = 3  # passages before and after the best one among which sentences are looked for


class HitBuilder:
    """Builds the hits of one partition from the document store."""

    def __init__(self, store: DocumentStore, values: DocValues, rescorer: Rescorer) -> None:
        self._store = store
        self._values = values
        self._rescorer = rescorer

    def hits(
        self,
        matches: Matches,
        documents: Documents,
        shown: Sequence[int],
        scores: Sequence[float],
        explanations: Sequence[Mapping[str, float]],
    ) -> tuple[Hit, ...]:
        """A hit for each document: its passage to show, its score, and what explains the score."""
        firsts = self._values.first[documents].tolist()
        numbers = [first + offset for first, offset in zip(firsts, shown, strict=True)]
        stored = self._store.shown(self._values.row[documents].tolist())
        excerpts = self._excerpts(numbers, matches)

        hits = []
        for (
            document_id,
            kind,
            title,
            facts,
        ), excerpt, document, first, number, score, parts in zip(
            stored, excerpts, documents.tolist(), firsts, numbers, scores, explanations, strict=True
        ):
            product, versions, updated, solved = facts
            if excerpt.spans and not reads_well(excerpt.text):
                excerpt = self._in_sentences(excerpt, document, first, number, matches)
            url = f"/help/{document_id}" + (f"#{excerpt.anchor}" if excerpt.anchor else "")
            hits.append(
                Hit(
                    document_id,
                    DocumentKind(kind),
                    title,
                    url,
                    score,
                    excerpt,
                    product,
                    tuple(versions),
                    updated,
                    solved,
                    dict(parts),
                )
            )
        return tuple(hits)

    def _excerpts(self, numbers: Sequence[int], matches: Matches) -> list[Passage]:
        return [
            passage(" ".join(stored.text.split()), stored.anchor, stored.path, matches)
            for stored in self._store.passages(numbers)
        ]

    def _in_sentences(
        self, excerpt: Passage, document: int, first: int, row: int, matches: Matches
    ) -> Passage:
        """The nearest excerpt that says much the same in sentences as ``excerpt``, else that."""
        low, high = self._rescorer.showable(document)
        words = len(excerpt.marked())
        for neighbour in _nearest_first(row):
            if first + low <= neighbour < first + high:
                (other,) = self._excerpts([neighbour], matches)
                if reads_well(other.text) and 2 * len(other.marked()) >= words:
                    return other
        return excerpt


def _nearest_first(row: int) -> Iterator[int]:
    for step in range(1, NEARBY + 1):
        yield from (row + step, row - step)
