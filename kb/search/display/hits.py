"""Hits: documents as they are shown, each with the excerpt that best shows why it was found, and
the answer that one of them contains.

``rescoring`` finds the passage; ``excerpts`` and ``answers`` select the part of it to show.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from kb.search.analysis.passages import SectionPassage
from kb.search.array_types import Documents
from kb.search.display.answers import QueryCoverage, find_answer
from kb.search.display.excerpts import excerpt, has_code_or_tables, prose_excerpt
from kb.search.display.near_duplicates import MAX_NAMED, NearDuplicates
from kb.search.display.snippets import FoldedText, Matches
from kb.search.documents import DocumentKind
from kb.search.index.doc_values import DocValues
from kb.search.index.document_store import DocumentStore
from kb.search.results import Answer, Hit, NearDuplicate, Passage
from kb.search.scoring.rescoring import Rescorer

_SECTION_PASSAGES = 8  # before the best one, among which its section is taken to begin
NEARBY = 3  # passages before and after the best one among which prose is looked for


class HitBuilder:
    """Builds the hits of one partition from the document store."""

    def __init__(
        self,
        store: DocumentStore,
        values: DocValues,
        rescorer: Rescorer,
        near_duplicates: NearDuplicates,
    ) -> None:
        self._near_duplicates = near_duplicates
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
        *,
        as_code: bool = False,
        hidden: Sequence[int] = (),
    ) -> tuple[Hit, ...]:
        """A hit for each document: its passage to show, its score, and what explains the score.

        ``as_code`` says that code was typed, and may be quoted. ``hidden`` documents are not named.
        """
        firsts = self._values.first[documents].tolist()
        numbers = [first + offset for first, offset in zip(firsts, shown, strict=True)]
        stored = self._store.shown(self._values.row[documents].tolist())
        passages = self._store.passages(numbers)

        hits = []
        for (
            document_id,
            kind,
            title,
            facts,
        ), language, passage, document, first, number, score, parts in zip(
            stored,
            self._values.languages(documents),
            passages,
            documents.tolist(),
            firsts,
            numbers,
            scores,
            explanations,
            strict=True,
        ):
            product, versions, updated, solved, folders, (_, summary, *_) = facts
            shown_passage = excerpt(passage, matches)
            if not as_code and has_code_or_tables(passage):
                neighbours = self._neighbours(document, first, number)
                shown_passage = _as_prose(shown_passage, passage, neighbours, matches)
            hits.append(
                Hit(
                    document_id,
                    DocumentKind(kind),
                    title,
                    _address(document_id, shown_passage.anchor),
                    score,
                    shown_passage,
                    product,
                    tuple(versions),
                    updated,
                    solved,
                    tuple(folders),
                    summary,
                    language,
                    self._also(document, hidden),
                    explain=dict(parts),
                )
            )
        return tuple(hits)

    def _also(self, document: int, hidden: Sequence[int]) -> tuple[NearDuplicate, ...]:
        others = [other for other in self._near_duplicates.others(document) if other not in hidden]
        stored = self._store.shown(self._values.row[others[:MAX_NAMED]].tolist()) if others else ()
        return tuple(
            NearDuplicate(id_, title, _address(id_, ""), ", ".join(versions), product)
            for id_, _, title, (product, versions, *_) in stored
        )

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
        low, high = max(low, shown - _SECTION_PASSAGES), min(high, shown + 2)
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

    def _neighbours(self, document: int, first: int, row: int) -> Iterator[SectionPassage]:
        """The passages that may be shown beside the one at ``row``, nearest first."""
        low, high = self._rescorer.showable(document)
        for neighbour in _nearest_first(row):
            if first + low <= neighbour < first + high:
                yield from self._store.passages([neighbour])


def _as_prose(
    shown: Passage, passage: SectionPassage, neighbours: Iterator[SectionPassage], matches: Matches
) -> Passage:
    """The nearest excerpt in prose that says much the same as ``shown``, which may hold code.

    Else the one that says most of it; ``shown`` where all is code.
    """
    words = len(shown.marked())
    in_prose = (prose_excerpt(stored, matches) for stored in chain((passage,), neighbours))
    with_tables = (prose_excerpt(stored, matches, tables=True) for stored in (passage,))
    others: list[Passage] = []
    for other in filter(None, chain(in_prose, with_tables)):
        if 2 * len(other.marked()) >= words:
            return other
        others.append(other)
    return max(others, key=lambda other: len(other.marked()), default=shown)


def _address(document_id: str, anchor: str) -> str:
    return f"/help/{document_id}" + (f"#{anchor}" if anchor else "")


def _nearest_first(row: int) -> Iterator[int]:
    for step in range(1, NEARBY + 1):
        yield from (row + step, row - step)
