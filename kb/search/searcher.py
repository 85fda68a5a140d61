"""Searcher: answers from the published generation of a data folder.

It checks at most ten times a second whether another generation was published, opens it, and lets
requests in progress finish on the generation that they started with. Opening takes milliseconds:
one that nobody has verified on this machine yet is verified in the background. A damaged generation
is never opened; the last good one continues to answer. Every minute, it also checks whether
somebody has changed a file of the open generation since. ``snapshot`` computes the answers.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

from kb.disk import FileIdentity, file_identity
from kb.errors import Invalid, NotFound, Unavailable
from kb.search.display.sections import Sections
from kb.search.documents import PUBLIC, Document, DocumentKind
from kb.search.engine import SearchEngine
from kb.search.generations.generation import MANIFEST_FILE, Generation
from kb.search.installation import search_engine
from kb.search.interleaving import Arms, Team, Trial, interleaved_page, teams
from kb.search.query.parser import Query, parse_query, plain_query
from kb.search.results import Hit, ListedDocument, Results, Suggestions
from kb.search.snapshot import WINDOW, Snapshot
from kb.search.standpoint import ANYWHERE, Standpoint

LOG = logging.getLogger(__name__)
CHECK_EVERY = 0.1  # seconds; reading a name of eleven bytes costs some 15 µs
INSPECT_EVERY = 60.0  # seconds; asking for the time of each file takes milliseconds
SORTS = ("best", "date")
MIXED_RESULTS = 100  # results of a search that show both rankings of a trial
_SEARCH_BUDGET = 0.25  # seconds that operators may take
_RELATED_BUDGET = 1.0  # seconds that articles like one may take


class Searcher:
    """Search, suggestions and articles of one data folder. Safe to share between threads."""

    def __init__(
        self,
        data: Path,
        *,
        engine: SearchEngine | None = None,
        cluster: str = "",
        budget_ms: int = 250,
        remember: int = 0,
    ) -> None:
        """``cluster`` is that of ``search_engine``, used if no ``engine`` is given. ``budget_ms``
        is the time that a suggestion may take; other answers get at least as much.

        The last ``remember`` suggestions are cached.
        """
        self._engine = engine or search_engine(data, cluster)
        self._remember = remember
        self._budget = budget_ms / 1000
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._open_manifest: FileIdentity | None = None
        self._trial: tuple[Arms, Snapshot, Snapshot] | None = None
        self._pointer: tuple[str | None, bool] | None = None  # see ``Generations.pointer``
        self._verifies = False  # in the background
        self._checked_at = float("-inf")
        self._inspected_at = time.monotonic()

    @classmethod
    @contextlib.contextmanager
    def on(
        cls,
        generation: Generation,
        *,
        engine: SearchEngine | None = None,
        budget_ms: int = 60_000,
    ) -> Iterator[Self]:
        """What one generation answers, published or not: for comparisons, not for visitors."""
        fixed = cls(generation.path.parent.parent, engine=engine, budget_ms=budget_ms)
        fixed._snapshot, fixed._checked_at = fixed._opened(generation), float("inf")
        try:
            yield fixed
        finally:
            fixed._snapshot.index.close()

    def _opened(self, generation: Generation) -> Snapshot:
        index = self._engine.open(generation)
        return Snapshot(generation, index, remember=self._remember)

    def prepare(self) -> None:
        """Load what the first answer would wait for; servers do it before they fork."""
        self._engine.prepare()
        self._engine.generations.current(trusted=True)

    @property
    def generation(self) -> str:
        """The name of the generation that answers. Raises Unavailable when there is none."""
        return self._current().generation.name

    def ready(self) -> bool:
        """Whether a search would be answered."""
        try:
            self._current()
        except Unavailable:
            return False
        return True

    def search(
        self,
        query: str,
        *,
        audience: str = PUBLIC,
        kind: str | None = None,
        product: str | None = None,
        version: str | None = None,
        page: int = 1,
        per_page: int = 10,
        explain: bool = False,
        operators: bool = True,
        sort: str = "best",
        language: str = "",
        trial: Trial | None = None,
    ) -> Results:
        """One page of results. Without ``operators``, signs such as quotation marks are plain text.

        ``sort`` is "best", or "date" for the newest first. Among similar pages, those in the
        reader's ``language`` come first. While there is a ``trial`` of other curations, the first
        results of a search without filters are those of both rankings. Raises Invalid for an
        unknown kind or order, or a page out of reach.
        """
        if sort not in SORTS:
            raise Invalid(f"sort must be {' or '.join(SORTS)}, not {sort}.", field="sort")
        if not 1 <= per_page <= 100 or page < 1 or (page - 1) * per_page >= WINDOW:
            raise Invalid(
                f"Only the first {WINDOW} results can be shown; page {page} is out of range.",
                field="page",
            )
        filters = {"kind": _kind(kind), "product": product, "version": version}
        parsed = parse_query(query) if operators else plain_query(query)
        answer = partial(
            self._search,
            query=parsed,
            audience=audience,
            filters={name: value for name, value in filters.items() if value},
            explain=explain,
            language=language,
            by_date=sort == "date",
        )
        snapshot = self._current()
        is_mixed = not any(filters.values()) and sort == "best" and page * per_page <= MIXED_RESULTS
        if trial is None or not is_mixed:
            return answer(snapshot, page=page, per_page=per_page)
        arms = (snapshot, self._candidate(snapshot, trial))
        present, candidate = (answer(arm, per_page=page * per_page) for arm in arms)
        return interleaved_page(
            present, candidate, page=page, per_page=per_page, seed=trial.seed(query)
        )

    def _search(
        self,
        snapshot: Snapshot,
        *,
        query: Query,
        audience: str,
        filters: dict[str, str],
        page: int = 1,
        per_page: int,
        explain: bool = False,
        language: str = "",
        by_date: bool = False,
    ) -> Results:
        return snapshot.search(
            query,
            audience,
            filters=filters,
            page=page,
            per_page=per_page,
            deadline=self._deadline(_SEARCH_BUDGET),
            explain=explain,
            standpoint=Standpoint(language),
            by_date=by_date,
        )

    def suggest(
        self,
        title: str,
        *,
        audience: str = PUBLIC,
        limit: int = 5,
        explain: bool = False,
        doubt: float | None = None,
        standpoint: Standpoint = ANYWHERE,
        trial: Trial | None = None,
        settled: bool = False,
    ) -> Suggestions:
        """At most ``limit`` documents that may answer a half-typed title, of both rankings while
        there is a ``trial`` of other curations.

        A title is ``settled`` if its writer has paused or finished; the sentence encoder then reads
        it, which takes milliseconds.

        None where the log-odds that any does are below ``doubt``, by default the threshold that was
        set when the index was built; at minus infinity, the best whatever they are worth.
        """
        if not 1 <= limit <= 20:
            raise Invalid(f"limit must be a whole number from 1 to 20, not {limit}.", field="limit")
        # Opening a generation takes longer than an answer: the time for this one begins afterwards.
        snapshot = self._current()
        suggest = snapshot.suggest if trial is None else self._arms(snapshot, trial).suggest
        return suggest(
            title,
            audience,
            limit=limit,
            deadline=self._deadline(),
            explain=explain,
            doubt=doubt,
            standpoint=standpoint,
            settled=settled,
        )

    def suggestion_teams(
        self,
        title: str,
        trial: Trial,
        *,
        audience: str,
        limit: int,
        standpoint: Standpoint = ANYWHERE,
        settled: bool = False,
    ) -> Mapping[str, Team]:
        """Document -> the ranking that picked it, for the documents that ``suggest`` shows."""
        return self._arms(self._current(), trial).teams(
            title,
            audience,
            limit=limit,
            deadline=self._deadline(),
            explain=False,
            doubt=None,
            standpoint=standpoint,
            settled=settled,
        )

    def result_teams(
        self, query: str, trial: Trial, *, audience: str, language: str = ""
    ) -> Mapping[str, Team]:
        """Document -> the ranking that picked it, for the documents that ``search`` shows."""
        snapshot = self._current()
        present, candidate = (
            self._search(
                arm,
                query=parse_query(query),
                audience=audience,
                filters={},
                per_page=MIXED_RESULTS,
                language=language,
            )
            for arm in (snapshot, self._candidate(snapshot, trial))
        )
        return teams(present.hits, candidate.hits, limit=MIXED_RESULTS, seed=trial.seed(query))

    def _arms(self, snapshot: Snapshot, trial: Trial) -> Arms:
        arms, _ = self._both(snapshot, trial)
        return arms

    def _candidate(self, snapshot: Snapshot, trial: Trial) -> Snapshot:
        _, candidate = self._both(snapshot, trial)
        return candidate

    def _both(self, snapshot: Snapshot, trial: Trial) -> tuple[Arms, Snapshot]:
        """Both rankings of suggestions, and the candidate itself."""
        if self._trial is not None:
            arms, of, candidate = self._trial
            if of is snapshot and arms.trial == trial:
                return arms, candidate
        candidate = snapshot.curated_by(trial.curations)
        arms = Arms(trial, snapshot.suggest, candidate.suggest, remember=self._remember)
        self._trial = (arms, snapshot, candidate)
        return arms, candidate

    def threshold(self, audience: str = PUBLIC) -> float:
        """The log-odds below which nothing is suggested to ``audience``."""
        return self._current().threshold(audience)

    def article(self, document_id: str, *, audience: str = PUBLIC) -> Document:
        """A whole document by id or old id.

        Raises NotFound when it does not exist, and also when ``audience`` may not see it.
        """
        document = self._current().article(document_id, audience)
        if document is None:
            raise NotFound(
                "There is no such article; it may have been renamed. Search for it by its title."
            )
        return document

    def titles(self, document_ids: Iterable[str], *, audience: str = PUBLIC) -> dict[str, str]:
        """The titles of those documents that exist and that ``audience`` may see."""
        snapshot = self._current()
        titles = ((name, snapshot.title(name, audience)) for name in document_ids)
        return {name: title for name, title in titles if title is not None}

    def picture_audiences(self, name: str) -> frozenset[str]:
        """The audiences of the documents that show a picture; none when no document does."""
        return self._current().picture_audiences(name)

    def related(
        self, document_id: str, *, audience: str = PUBLIC, limit: int = 5
    ) -> tuple[Hit, ...]:
        """Documents like this one, best first."""
        snapshot = self._current()
        deadline = self._deadline(_RELATED_BUDGET)
        return snapshot.related(document_id, audience, limit, deadline=deadline)

    def likeness(
        self, text: str, others: Sequence[str], *, audience: str = PUBLIC
    ) -> tuple[float, ...]:
        """How similar other short texts are to ``text``, 0 to 1, by the weights of words here."""
        return self._current().likeness(text, others, audience)

    def listing(
        self, audience: str, kind: str, *, page: int = 1, per_page: int = 50, newest: bool = False
    ) -> tuple[int, tuple[Hit, ...]]:
        """How many documents of a kind there are, and one page of them, by title or newest first.

        Those without a date come last among the newest.
        """
        start = (max(1, page) - 1) * per_page
        chosen = DocumentKind(_kind(kind) or DocumentKind.DOC)
        return self._current().listing(audience, chosen, newest=newest, start=start, count=per_page)

    def titled(
        self,
        audience: str,
        kind: str,
        *,
        start: int = 0,
        after: Sequence[str] = (),
        count: int,
    ) -> tuple[int, int, tuple[Hit, ...]]:
        """Some documents of a kind by title, where they begin, and how many there are.

        They begin at ``start``, or after a title and id, of a document that may be gone.
        """
        snapshot, chosen = self._current(), DocumentKind(_kind(kind) or DocumentKind.DOC)
        if after:
            title, document_id = after
            start = snapshot.position_after(audience, chosen, title, document_id)
        total, hits = snapshot.listing(audience, chosen, newest=False, start=start, count=count)
        return start, total, hits

    def entries(
        self, audience: str, *, start: int, count: int
    ) -> tuple[int, tuple[ListedDocument, ...]]:
        """How many documents ``audience`` may see, and some of them, in an order that stays."""
        return self._current().entries(audience, start=start, count=count)

    def sections(self, audience: str) -> Sections:
        """The guides that ``audience`` may see, as readers walk them."""
        return self._current().sections(audience)

    def audiences(self) -> tuple[str, ...]:
        """All audiences: those that every index has, and groups that documents name.

        For the owner of the index only: visitors must not learn the names of groups.
        """
        return tuple(self._current().generation.manifest.partitions)

    def counts(self, audience: str = PUBLIC) -> dict[str, int]:
        """How many documents of each kind ``audience`` may see."""
        return self._current().counts(audience)

    def _deadline(self, seconds: float = 0.0) -> float:
        """The ``time.monotonic()`` instant after which an answer is given with what it has."""
        return time.monotonic() + max(seconds, self._budget)

    def _current(self) -> Snapshot:
        # One thread checks, and may open another generation; the others use the one that is open.
        due = time.monotonic() - self._checked_at >= CHECK_EVERY
        if due and self._lock.acquire(blocking=self._snapshot is None):
            try:
                if time.monotonic() - self._checked_at >= CHECK_EVERY:
                    self._follow()
                    self._checked_at = time.monotonic()
            finally:
                self._lock.release()
        if self._snapshot is None:
            # Check again at the next request: an index may just have been built.
            self._checked_at = float("-inf")
            raise Unavailable(self._engine.generations.absence(), retry_after=5)
        return self._snapshot

    def _follow(self) -> None:
        """Open another generation if one was published, or if the open one was found damaged."""
        generations = self._engine.generations
        pointer = generations.pointer()
        is_new = pointer != self._pointer
        if self._snapshot is None:
            # Nothing can answer meanwhile.
            self._replace(generations.current(trusted=True), pointer)
        elif self._verifies:
            pass  # until it is known which one is sound
        elif is_new and pointer[0] and (generation := generations.recorded(pointer[0])):
            self._replace(generation, pointer)
        elif is_new or time.monotonic() - self._inspected_at >= INSPECT_EVERY:
            self._verifies = True
            threading.Thread(
                target=self._verify, args=(pointer,), name="verify", daemon=True
            ).start()

    def _verify(self, pointer: tuple[str | None, bool]) -> None:
        """Open the newest generation that is sound, after reading what is not known to be.

        If ``pointer`` is what it was, only if a file of the open generation has changed since.
        """
        generations = self._engine.generations
        try:
            if pointer == self._pointer and self._is_open(generations.recorded(self._open_name)):
                return
            generation = generations.current(trusted=True)
            with self._lock:
                self._replace(generation, pointer)
        except Unavailable as error:
            LOG.error("%s", error.sentence)
            self._pointer = pointer  # until something changes
        finally:
            self._inspected_at = time.monotonic()
            self._verifies = False

    def _replace(self, generation: Generation | None, pointer: tuple[str | None, bool]) -> None:
        """Answer from ``generation`` from now on; without one, from the one that is open."""
        if generation is not None and not self._is_open(generation):
            self._snapshot = self._opened(generation)
            self._open_manifest = _manifest_identity(generation)
            if self._remember:  # a server that stays
                threading.Thread(target=self._snapshot.warm, name="warm", daemon=True).start()

        published, _ = pointer
        if published and pointer != self._pointer:
            if generation is None:
                LOG.error("Generation %s is damaged, and no other can replace it.", published)
            elif generation.name != published:
                LOG.error("Generation %s is damaged; %s answers.", published, generation.name)
        self._pointer = pointer

    @property
    def _open_name(self) -> str:
        return self._snapshot.generation.name if self._snapshot else ""

    def _is_open(self, generation: Generation | None) -> bool:
        """Whether ``generation`` answers, and was not fetched anew since it was opened."""
        return (
            generation is not None
            and generation.name == self._open_name
            and _manifest_identity(generation) == self._open_manifest
        )


def _manifest_identity(generation: Generation) -> FileIdentity | None:
    with contextlib.suppress(OSError):  # it has been removed
        return file_identity(generation.path / MANIFEST_FILE)
    return None


def _kind(kind: str | None) -> str | None:
    if kind and kind not in set(DocumentKind):
        raise Invalid(f"kind must be doc, faq or forum, not {kind}.", field="kind")
    return kind


def published_curations(searcher: Searcher) -> dict[str, Any]:
    """What editors decided about queries, in the generation that is read now."""
    return searcher._current().generation.curations()
