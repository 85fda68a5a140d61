"""Engine: the interface between answering a query and the index.

``Snapshot`` computes every answer through these protocols and knows nothing about partitions or
postings, so another search engine can implement them. ``kb.search.embedded`` has the one that we
ship; ``kb.search.installation`` chooses. What is common to all engines (fusion, confidence,
curations) is not here.

A reader gives documents numbers, which are valid for this reader alone and ascend as documents do
by kind and id: so ties are broken in the same way in every engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, Self, TypedDict, TypeVar, Unpack

from kb.search.array_types import Documents, Totals
from kb.search.display.sections import Sections
from kb.search.documents import Document, DocumentKind, ResolvedTicket, SuggestionOutcome
from kb.search.generations.findings import Finding
from kb.search.generations.generation import Generation, Generations, Manifest
from kb.search.query.curations import Curations
from kb.search.query.parser import Operator
from kb.search.query_terms import ExpandedQuery
from kb.search.results import Answer, Hit, ListedDocument, Placed
from kb.search.scoring.fusion import Candidates, Fused, Positions
from kb.search.standpoint import Standpoint

#: Passages of each audience whose meaning every build reads with care: an edit is searchable at
#: once. The rest is for a run that takes its time.
READ_AT_ONCE = 8


class Matched(Protocol):
    """All documents that a search may show."""

    @property
    def in_time(self) -> bool:
        """False when operators were cut short, so that some documents are missing."""

    def total(self) -> int: ...

    def facets(self) -> dict[str, dict[str, int]]:
        """Of each facet the counts under all filters but its own."""

    def remainder(self, ranked: Documents, count: int, *, by_date: bool = False) -> Documents:
        """The first ``count`` of all but the ``ranked`` ones: by word score unless ``by_date``,
        then newest first.
        """


_Matched = TypeVar("_Matched", bound=Matched)


class IndexReader(Protocol[_Matched]):
    """What one audience may see of one generation."""

    def expand(
        self, text: str, *, prefix: bool, curations: Curations | None = None
    ) -> ExpandedQuery:
        """The words of ``text``; with ``prefix``, the last may be the beginning of others.

        ``curations`` are what editors decided about queries; None for nothing.
        """

    def select(
        self,
        query: ExpandedQuery,
        operators: Sequence[Operator],
        filters: Mapping[str, str],
        *,
        deadline: float,
    ) -> _Matched:
        """All documents that a search may show."""

    def candidates(
        self,
        query: ExpandedQuery,
        matched: _Matched | None,
        *,
        deadline: float,
    ) -> Candidates:
        """The documents that may be the best of ``matched``, or of all, ascending.

        After the ``deadline``, a ``time.monotonic()`` instant, those that it has: ``late``.
        """

    def rank(self, query: ExpandedQuery, candidates: Candidates, standpoint: Standpoint) -> Fused:
        """A closer look at ``candidates``, and their final order (see ``scoring.fusion.fuse``); the
        parts "words" and "letters" are always there.
        """

    def evidence(
        self, query: ExpandedQuery, fused: Fused, positions: Positions
    ) -> dict[str, Totals]:
        """What speaks for the candidates at ``positions``.

        By the names in ``weights.CONFIDENCE``; what an engine cannot tell is left out.
        """

    def more_like(self, document_id: str) -> tuple[ExpandedQuery, _Matched] | None:
        """A query for documents like this one, and all others; None when it is not here."""

    def fold(self, documents: Documents, scores: Totals, *, newest: bool) -> Positions | None:
        """The positions of what is shown of ``documents``, best first; None for all.

        Of documents that say almost the same one is shown, at the place of the best; with
        ``newest`` the newest of those that score about the same.
        """

    def best_passages(self, query: ExpandedQuery, documents: Documents) -> Positions:
        """The passage to show of each of ``documents`` that are no candidates."""

    def display(self, query: ExpandedQuery) -> Display:
        """Shows documents for ``query``."""

    def listed(self, documents: Sequence[int]) -> tuple[Hit, ...]:
        """Documents as lists show them, each with its beginning."""

    def listing(
        self, kind: DocumentKind, *, newest: bool, start: int, count: int
    ) -> tuple[int, tuple[Hit, ...]]:
        """How many documents of a kind there are, and some of them, newest first or by title."""

    def position_after(self, kind: DocumentKind, title: str, document_id: str) -> int:
        """How many documents of a kind come before or at this title. The document may be gone."""

    def entries(self, *, start: int, count: int) -> tuple[int, tuple[ListedDocument, ...]]:
        """How many documents there are, and some of them, in an order that stays."""

    def sections(self) -> Sections:
        """The guides as readers walk them."""

    def counts(self) -> dict[str, int]:
        """How many documents of each kind there are."""

    def similarity(self, text: str, others: Sequence[str]) -> tuple[float, ...]:
        """How like ``text`` each of some other short texts is, 0 to 1."""


class Display(Protocol):
    """Shows documents of one reader for one query."""

    def hits(self, documents: Sequence[Placed]) -> tuple[Hit, ...]:
        """The documents with excerpts."""

    def answer(self, document: int, shown: int, *, confidence: float) -> Answer | None:
        """The part of a document that clearly answers the query, word for word; None if none does.
        ``shown`` is the passage to show, ``confidence`` the probability that the document answers.
        """


class OpenIndex(Protocol):
    """One generation, open for reading; safe to share between threads."""

    def reader(self, audience: str) -> IndexReader[Any]: ...

    def document(self, document_id: str) -> Document | None:
        """By id or old id, whoever may see it."""

    def title_of(self, document_id: str) -> str | None:
        """Its title alone, without reading the document."""

    def audience_of(self, document_id: str) -> str | None:
        """The audience of a document by id or old id; None when there is none."""

    def warm(self) -> None:
        """Bring near what the first queries would wait for."""

    def close(self) -> None: ...


class IndexWriter(Protocol):
    """Builds the next generation; leaving it before a release leaves no trace."""

    curations: Mapping[str, Any]  # what editors decided, see ``Generation.curations``
    warning: str  # what was not confirmed when the generation was released; "" for nothing

    @property
    def previous(self) -> Generation | None:
        """The generation that documents are carried over from."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *raised: Any) -> None: ...

    def carry_over_all_but(self, ids: Iterable[str]) -> int:
        """Keep all documents of the last generation except these; returns how many it keeps."""

    def add(self, document: Document) -> None: ...

    def alias(self, old: str, document_id: str) -> None:
        """Let an old id lead to a document."""

    def resolved_tickets(self, tickets: Iterable[ResolvedTicket]) -> None:
        """Let these resolved tickets vote, and no others."""

    def customer_words(self, tickets: Iterable[ResolvedTicket], customers: int) -> None:
        """Learn how customers call what documents say, from words that so many of them used."""

    def suggestion_outcomes(self, outcomes: Iterable[SuggestionOutcome]) -> None:
        """Let what visitors made of suggestions, the newest last, refine how sure each index is."""

    def prepare(
        self,
        *,
        ledger: Mapping[str, Any],
        settings: Mapping[str, Any],
        findings: Iterable[Finding] = (),
        pictures: Mapping[str, Iterable[str]] = ...,
    ) -> Generation:
        """Build what was added, aside: to be inspected, then released or dropped.

        ``pictures`` gives the audiences of the documents that show each picture.
        """

    def release(self, prepared: Generation) -> Manifest:
        """Publish what ``prepare`` returned."""

    def publish(self, *, ledger: Mapping[str, Any], settings: Mapping[str, Any]) -> Manifest:
        """Prepare and release what was added."""


class WriterOptions(TypedDict, total=False):
    """What a writer of an index can be told.

    ``previous`` is the generation to carry documents over from: by default the published one, and
    in its place another that was published since. ``keep`` generations stay. ``operators`` says
    that phrases and fields are indexed too, ``meaning`` that pages are found by what they mean, of
    which ``read`` passages of each audience are read with care and the rest roughly.
    ``false_suggestions`` of 100 questions without an answer may be shown something, if that is to
    be measured. ``progress`` is called with the stage, how much of it is done, and how much there
    is to do.
    """

    previous: Generation | None
    keep: int
    operators: bool
    meaning: bool
    read: int
    false_suggestions: int | None
    progress: Callable[[str, int, int], None] | None


class SearchEngine(Protocol):
    """The engine of one data folder: opens generations for reading, and builds the next one."""

    generations: Generations  # those that are kept, and which of them is live

    def prepare(self) -> None:
        """Load what the first answer of a process would wait for."""

    def open(self, generation: Generation) -> OpenIndex: ...

    def problem(self, generation: Generation, /) -> str:
        """Why this engine cannot use an intact generation until it is published again or a server
        is fixed; "" if it can.
        """

    def fallback(self) -> str:
        """Why the last answer did not come from the configured search server; "" if it did, or if
        there is none. Sends no request.
        """

    def writer(self, **options: Unpack[WriterOptions]) -> IndexWriter:
        """A writer of the next generation; one at a time."""
