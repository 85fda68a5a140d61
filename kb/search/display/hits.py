"""Hits: documents as they are shown for one query, each with the excerpt that best shows why it was
found, and the answer that one of them contains.

``rescoring`` finds the passage; the part of it to show is selected here, prose before tables, and
code only for those who typed code.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from kb.search import weights
from kb.search.analysis.tokenizer import FoldedText
from kb.search.array_types import Scores
from kb.search.display.answers import QueryCoverage, Quotation, find_answer
from kb.search.display.passage_text import PassageText
from kb.search.display.quotable import Quotable
from kb.search.display.snippets import MatchedPassage, Matches, snippet
from kb.search.documents import DocumentKind
from kb.search.index.doc_values import DocValues
from kb.search.index.document_store import DocumentStore
from kb.search.results import Answer, Hit, NearDuplicate, Passage, Placed
from kb.search.scoring.near_duplicates import MAX_NAMED, NearDuplicates

_SECTION_PASSAGES = 8  # how far back the beginning of a passage's section is looked for
#: Cosines of a question and passages, below which a section is about something else.
_LEAST_NEARNESS = 0.3  # of the nearest passage of a document that is quoted
_AS_NEAR = 0.03  # a passage whose cosine is lower by at most this counts as equally near
#: Shares of a query that headings ask, of a short document and of a section. Of 124 quotations in
#: six help centres, a reader found that 82 answer. Of those that these rules leave, 26 of 28 do on
#: the sites that the rules were chosen on, but only 63 of 73 on others.
_ASKED_OF_DOCUMENT, _ASKED_OF_SECTION = 0.66, 0.5
NEARBY = 3  # passages before and after the best one among which prose is looked for
#: Documents and passages that are kept as they are shown: of each, some thousand characters.
_KEPT = 512
_LONGEST_PHRASE = 24  # words of a query that are looked for in one piece


class _Card(NamedTuple):
    """What is shown of a document for any query."""

    id: str
    kind: DocumentKind
    title: str
    product: str
    versions: tuple[str, ...]
    updated: str
    solved: bool | None
    folders: tuple[str, ...]
    summary: str
    language: str
    also: Sequence[int]  # the documents that say almost the same
    first: int  # the number of its first passage
    shown: tuple[int, int]  # the passages that may be shown, half-open, counted from the first


class ShownTexts:
    """What can be shown of the documents of one partition; kept while people type."""

    def __init__(
        self, store: DocumentStore, values: DocValues, near_duplicates: NearDuplicates
    ) -> None:
        self._store, self._values = store, values
        self._near_duplicates = near_duplicates
        kept = functools.lru_cache(maxsize=_KEPT)
        self.card, self.passage = kept(self._read_card), kept(self._read_passage)

    def phrase_shares(
        self, words: Sequence[str], documents: Sequence[int], shown: Sequence[int]
    ) -> list[float]:
        """The longest run of the ``words`` of a query that the passage that is ``shown`` of each
        document holds in one piece, as a share of them all; or the passage that asks, of a thread
        that shows its answer.
        """
        words, shares = words[:_LONGEST_PHRASE], []
        for document, offset in zip(documents, shown, strict=True):
            card = self.card(document)
            offsets = (offset, 0) if card.shown[0] > 0 else (offset,)
            texts = [self.passage(card.first + offset) for offset in offsets]
            shares.append(max(phrase_share(words, passage.words) for passage in texts))
        return shares

    def _read_card(self, document: int) -> _Card:
        values, row = self._values, int(self._values.row[document])
        ((id_, kind, title, facts),) = self._store.shown([row])
        product, versions, updated, solved, folders, (_, summary, *_) = facts
        return _Card(
            id_,
            DocumentKind(kind),
            title,
            product,
            tuple(versions),
            updated,
            solved,
            tuple(folders),
            summary,
            values.language(document),
            self._near_duplicates.others(document),
            self._store.first_passage(row) if values.first is None else int(values.first[document]),
            values.shown_passages(document),
        )

    def _read_passage(self, number: int) -> PassageText:
        (stored,) = self._store.passages([number])
        return PassageText(stored)


class HitDisplay:
    """Shows documents of one partition for one query (see ``engine.Display``)."""

    def __init__(
        self,
        texts: ShownTexts,
        query: str,
        matches: Matches,
        coverage: QueryCoverage,
        *,
        as_code: bool,
        nearness: Callable[[int], Scores],
        hidden: Collection[int] = (),
    ) -> None:
        """``as_code`` says that code was typed, and may be quoted. ``nearness`` gives the cosine of
        the query and each passage of a document, or nothing where meanings are not compared.
        ``hidden`` documents are not named.
        """
        self._texts, self._query = texts, query
        self._matches, self._coverage = matches, coverage
        self._as_code, self._nearness, self._hidden = as_code, nearness, hidden

    def hits(self, documents: Sequence[Placed]) -> tuple[Hit, ...]:
        """A hit for each document."""
        return tuple(map(self._hit, documents))

    def _hit(self, placed: Placed) -> Hit:
        card = self._texts.card(placed.document)
        excerpt = self._excerpt(card, placed.shown)
        return Hit(
            card.id,
            card.kind,
            card.title,
            _address(card.id, excerpt.anchor),
            placed.score,
            excerpt,
            card.product,
            card.versions,
            card.updated,
            card.solved,
            card.folders,
            card.summary,
            card.language,
            self._also(card.also) if card.also else (),
            placed.explain or {},
            placed.confidence,
            placed.tier,
        )

    def _also(self, others: Sequence[int]) -> tuple[NearDuplicate, ...]:
        named = [other for other in others if other not in self._hidden][:MAX_NAMED]
        return tuple(
            NearDuplicate(
                card.id, card.title, _address(card.id, ""), ", ".join(card.versions), card.product
            )
            for card in map(self._texts.card, named)
        )

    # --- excerpts

    def _excerpt(self, card: _Card, shown: int) -> Passage:
        """The excerpt of the passage that is ``shown``, or of prose near it that says much the same
        where there is code or a table in it.

        Else the one in prose that says most of it; that passage as it is where all is code.
        """
        passage = self._texts.passage(card.first + shown)
        excerpt = self._snippet(passage, passage.whole)
        if self._as_code or passage.is_prose:
            return excerpt

        words = len(excerpt.marked())
        others: list[Passage] = []
        for other in self._in_prose(passage, card, shown):
            if 2 * len(other.marked()) >= words:
                return other
            others.append(other)
        return max(others, key=lambda other: len(other.marked()), default=excerpt)

    def _in_prose(self, passage: PassageText, card: _Card, shown: int) -> Iterator[Passage]:
        neighbours = (
            self._texts.passage(card.first + offset)
            for offset in _nearest_first(shown)
            if card.shown[0] <= offset < card.shown[1]
        )
        for near in chain((passage,), neighbours):
            if near.prose is not None:
                yield self._snippet(near, near.prose)
        if passage.prose_and_tables is not None:
            yield self._snippet(passage, passage.prose_and_tables)

    def _snippet(self, passage: PassageText, line: FoldedText) -> Passage:
        return snippet(line, self._matches, anchor=passage.stored.anchor, path=passage.stored.path)

    # --- answers

    def answer(self, document: int, shown: int, *, confidence: float) -> Answer | None:
        """The part of a document that clearly answers the query, word for word; None if none does.

        It is looked for in the passage that is ``shown``, in the one that is closest in meaning to
        the query, and at the beginnings of their sections. A thread without an accepted answer
        never answers. ``confidence`` is the probability that it answers.
        """
        card = self._texts.card(document)
        if card.solved is False:
            return None

        best: tuple[PassageText, Quotation] | None = None
        for number in self._likely_passages(card, document, shown):
            passage = self._texts.passage(card.first + number)
            matched = self._matches.in_passage(card.title, passage)
            quotation = find_answer(
                self._query,
                self._coverage,
                matched,
                self._quotable(card, number, matched, confidence),
                opens_section=self._opening(card, number) == number,
            )
            if quotation is not None and (best is None or quotation.worth > best[1].worth):
                best = passage, quotation
        if best is None:
            return None

        passage, quotation = best
        return Answer(
            card.id,
            card.title,
            _address(card.id, passage.stored.anchor),
            passage.stored.text[slice(*quotation.part)],
            quotation.words,
            *passage.place,
        )

    def _quotable(
        self, card: _Card, number: int, matched: MatchedPassage, confidence: float
    ) -> Sequence[Quotable]:
        """The parts of a passage that may answer: its beginning, and those with a list.

        Of a document that is a single passage, all of it, if that is short: then nothing that
        answers is left out, and less confidence is enough. Else all of these parts, if its title
        asks the query or it is certain to answer. Of a longer document, only the beginning, if the
        heading of its section asks the query and nothing else, or if it has a list: of other
        beginnings, about half answer what was asked.
        """
        passage, asked = matched.passage, self._coverage.share(matched.above)
        path = passage.stored.path
        if card.shown[1] - card.shown[0] == 1:
            is_asked = asked >= _ASKED_OF_DOCUMENT
            whole = passage.quotable_as_a_whole
            may_answer = is_asked or confidence >= weights.CERTAIN
            parts = passage.quotable if may_answer else ()
            parts = tuple(part for part in parts if part.is_first or part.has_list)
            if whole is not None and (is_asked or confidence >= weights.LIKELY):
                return (whole, *parts)  # the first of equals is quoted
            return parts
        continues = self._place(card, number + 1) == passage.place
        parts = passage.quotable_before_more if continues else passage.quotable
        is_asked = asked >= _ASKED_OF_SECTION and bool(path) and self._matches.asks(path[-1])
        return [part for part in parts if part.is_first and (is_asked or part.has_list)]

    def _likely_passages(self, card: _Card, document: int, shown: int) -> list[int]:
        """The passages of a document in which an answer is looked for, counted from its first.

        A passage can contain every word of a question in a section about something else. Therefore,
        the ``shown`` passage counts only if no other is much closer in meaning, or if that one is
        in the same section.
        """
        nearness = self._nearness(document)[slice(*card.shown)]
        likely = [shown]
        if nearness.size:
            nearest = int(nearness.argmax())
            if nearness[nearest] < _LEAST_NEARNESS:
                return []
            number = card.shown[0] + nearest
            is_near = nearness[shown - card.shown[0]] >= nearness[nearest] - _AS_NEAR
            if is_near or self._place(card, shown) == self._place(card, number):
                likely.append(number)
            else:
                likely = [number]
        likely += [self._opening(card, number) for number in likely]
        return list(dict.fromkeys(likely))

    def _opening(self, card: _Card, number: int) -> int:
        """The first passage of a passage's section, if it is not too far before it."""
        place = self._place(card, number)
        opening = number
        while opening > number - _SECTION_PASSAGES and self._place(card, opening - 1) == place:
            opening -= 1
        return opening

    def _place(self, card: _Card, number: int) -> tuple[str, tuple[str, ...]] | None:
        """The anchor and the headings of a passage; None beyond those that may be shown."""
        if not card.shown[0] <= number < card.shown[1]:
            return None
        return self._texts.passage(card.first + number).place


def _address(document_id: str, anchor: str) -> str:
    return f"/help/{document_id}" + (f"#{anchor}" if anchor else "")


def _nearest_first(offset: int) -> Iterator[int]:
    for step in range(1, NEARBY + 1):
        yield from (offset + step, offset - step)


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
