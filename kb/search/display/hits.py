"""Hits: documents as they are shown, each with the excerpt that best shows why it was found, and
the answer that one of them contains.

``rescoring`` finds the passage; ``snippets`` and ``answers`` select the part of it to show.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kb.search.array_types import Documents
from kb.search.display.answers import QueryCoverage, find_answer
from kb.search.display.snippets import FoldedText, Matches, passage, reads_well
from kb.search.documents import DocumentKind
from kb.search.index.doc_values import DocValues
from kb.search.index.document_store import DocumentStore
from kb.search.results import Answer, Hit, Passage
from kb.search.scoring.rescoring import Rescorer

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
            product, versions, updated, solved, folders = facts
            if excerpt.spans and not reads_well(excerpt.text):
                excerpt = self._as_sentences(excerpt, document, first, number, matches)
            hits.append(
                Hit(
                    document_id,
                    DocumentKind(kind),
                    title,
                    _address(document_id, excerpt.anchor),
                    score,
                    excerpt,
                    product,
                    tuple(versions),
                    updated,
                    solved,
                    tuple(folders),
                    dict(parts),
                )
            )
        return tuple(hits)

    def answer(
        self, query: str, coverage: QueryCoverage, matches: Matches, document: int, shown: int
    ) -> Answer | None:
        """What of a document answers ``query`` word for word, in the passage that is ``shown`` for
        it or at the beginning of its section; None when nothing clearly does.

        In a thread without an accepted answer nothing does.
        """
        if self._values.solved[document] == 0:
            return None
        row, first = int(self._values.row[document]), int(self._values.first[document])
        low, high = self._rescorer.showable(document)
        ((document_id, _, title, _),) = self._store.shown([row])
        passages = self._store.passages(range(first + low, first + high))

        places = [(passage.anchor, passage.path) for passage in passages]
        shown -= low
        opening = places.index(places[shown])
        for number in dict.fromkeys((shown, opening)):
            stored = passages[number]
            span = find_answer(
                query,
                coverage,
                title,
                stored,
                opens_section=number == opening,
                continues=places[number] in places[number + 1 : number + 2],
            )
            if span is not None:
                text = stored.text[slice(*span)]
                return Answer(
                    document_id,
                    title,
                    _address(document_id, stored.anchor),
                    text,
                    tuple(matches.spans(FoldedText.of(text))),
                    stored.anchor,
                    stored.path,
                )
        return None

    def _excerpts(self, numbers: Sequence[int], matches: Matches) -> list[Passage]:
        return [
            passage(" ".join(stored.text.split()), stored.anchor, stored.path, matches)
            for stored in self._store.passages(numbers)
        ]

    def _as_sentences(
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


def _address(document_id: str, anchor: str) -> str:
    return f"/help/{document_id}" + (f"#{anchor}" if anchor else "")


def _nearest_first(row: int) -> Iterator[int]:
    for step in range(1, NEARBY + 1):
        yield from (row + step, row - step)
