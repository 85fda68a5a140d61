"""Document facts: what the index keeps of each document besides its words. Build time only."""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import accumulate
from operator import attrgetter
from typing import Any, NamedTuple, Self, overload

import numpy as np
from numpy.typing import NDArray

from kb.search.analysis.changelogs import is_changelog
from kb.search.analysis.passages import SectionPassage
from kb.search.documents import Document, DocumentKind
from kb.search.index.array_file import Arrays


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """What is kept of a document besides its words.

    ``row`` is its row in the document store; ``answer`` is the half-open range of passages that
    hold the accepted answer, counted from its first passage.
    """

    id: str
    kind: DocumentKind
    audience: str
    title: str
    product: str
    versions: tuple[str, ...]
    tags: tuple[str, ...]
    language: str
    day: int
    solved: bool | None
    row: int
    answer: tuple[int, int]
    changelog: bool

    @classmethod
    def of(cls, document: Document, row: int, passages: Sequence[SectionPassage]) -> Self:
        answer = (0, len(passages))
        if document.answer is not None:
            section = document.sections[document.answer]
            inside = [
                number
                for number, passage in enumerate(passages)
                if passage.anchor == section.anchor and passage.path == section.path
            ]
            if inside:
                answer = (inside[0], inside[-1] + 1)

        return cls(
            id=document.id,
            kind=document.kind,
            audience=document.audience,
            title=document.title,
            product=document.product,
            versions=document.versions,
            tags=document.tags,
            language=document.language.lower(),
            day=document.updated.toordinal() if document.updated else 0,
            solved=document.solved,
            row=row,
            answer=answer,
            changelog=is_changelog(document),
        )

    @classmethod
    def from_json(cls, values: Sequence[Any], *, row: int) -> Self:
        """From what ``to_json`` gave, for another ``row``."""
        id_, kind, audience, title, product, versions, tags, *rest = values
        # Up to format 15, the row is followed by the first passage.
        language, day, solved, *_, answer, changelog = rest
        return cls(
            id_,
            _KINDS[kind],
            audience,
            title,
            product,
            tuple(versions),
            tuple(tags),
            language,
            day,
            solved,
            row,
            tuple(answer),
            changelog,
        )

    def to_json(self) -> bytes:
        """All values in order."""
        return json.dumps(_values(self)).encode()


_KINDS = {str(kind): kind for kind in DocumentKind}
# A tuple of all values; ``dataclasses.astuple`` copies deeply, and slowly.
_values = attrgetter(*(field.name for field in fields(DocumentFacts)))


class FactColumns(NamedTuple):
    """Facts that every document is asked for, in order of adding."""

    ids: list[str]
    kinds: list[str]
    audiences: list[str]
    languages: list[str]


class DocumentTable(Sequence[DocumentFacts]):
    """The facts of some documents, in order of adding.

    For documents that were read from a segment, the facts that are needed of every document are
    columns; the other facts are decoded when they are needed.
    """

    def __init__(self) -> None:
        self._columns = FactColumns([], [], [], [])
        self.ids, self.kinds, self.audiences, self.languages = self._columns
        self.rows = array("q")  # see ``DocumentFacts``
        self._written: list[bytes] = []  # as JSON
        self._added: dict[int, DocumentFacts] = {}  # by number

    def append(self, facts: DocumentFacts) -> None:
        self._added[len(self)] = facts
        self._written.append(facts.to_json())
        values = (facts.id, str(facts.kind), facts.audience, facts.language)
        for column, value in zip(self._columns, values, strict=True):
            column.append(value)
        self.rows.append(facts.row)

    def read_segment(
        self, saved: Arrays, numbers: NDArray[np.int64], rows: NDArray[np.int64]
    ) -> None:
        """Append the documents with these ``numbers`` in a file, which are at these ``rows`` of the
        document store.
        """
        text, ends = bytes(saved["facts"]), saved["fact_ends"].tolist()
        columns = FactColumns(*json.loads(bytes(saved["fact_columns"])))
        numbers_there = numbers.tolist()
        self._written += [text[ends[number] : ends[number + 1]] for number in numbers_there]
        for column, values in zip(self._columns, columns, strict=True):
            column += [values[number] for number in numbers_there]
        self.rows.frombytes(rows.astype(np.int64).tobytes())

    def arrays(self, low: int, high: int) -> Arrays:
        """What ``read_segment`` reads, for the documents from number ``low`` up to ``high``."""
        written = self._written[low:high]
        ends = accumulate(map(len, written), initial=0)
        columns = [column[low:high] for column in self._columns]
        return {
            "facts": np.frombuffer(b"".join(written), dtype=np.uint8),
            "fact_ends": np.fromiter(ends, dtype=np.int64, count=len(written) + 1),
            "fact_columns": np.frombuffer(json.dumps(columns).encode(), dtype=np.uint8),
        }

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, number: int) -> DocumentFacts: ...
    @overload
    def __getitem__(self, number: slice) -> list[DocumentFacts]: ...
    def __getitem__(self, number: int | slice) -> DocumentFacts | list[DocumentFacts]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        facts = self._added.get(number)
        if facts is None:
            values = json.loads(self._written[number])
            facts = DocumentFacts.from_json(values, row=self.rows[number])
        return facts
