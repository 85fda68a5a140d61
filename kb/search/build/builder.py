"""IndexBuilder: documents in, the next generation out.

Builds in a folder beside the published generations, so that readers are not disturbed, and reuses
what did not change since the previous generation. The indexer decides which documents there are;
the arrays of one audience are made in ``partition_writer``.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, NamedTuple, Self

import numpy as np

from kb.disk import link_file, sync
from kb.errors import Unavailable
from kb.search.build import calibration
from kb.search.build.forward_index import WORDS_FILE, ForwardIndex, Rows
from kb.search.build.outcomes import refined
from kb.search.build.partition_edits import edits_of
from kb.search.build.partition_writer import partition_arrays
from kb.search.build.passage_meanings import (
    MEANINGS_FILE,
    PassageMeanings,
    find_meanings,
    passage_text,
)
from kb.search.build.unpublished import UnpublishedIndex
from kb.search.build.value_columns import KIND_NUMBERS
from kb.search.documents import (
    AUDIENCES,
    Document,
    DocumentKind,
    ResolvedTicket,
    SuggestionOutcome,
    visible_to,
)
from kb.search.engine import READ_AT_ONCE
from kb.search.generations.checksums import ChecksumWriter
from kb.search.generations.findings import Finding, FindingsFile
from kb.search.generations.generation import (
    CALIBRATION_FILE,
    CARRIED_FORMATS,
    CURATIONS_FILE,
    INDEX_FORMAT,
    LEDGER_FILE,
    PICTURES_FILE,
    Generation,
    Generations,
    Manifest,
    write_errors_as_unavailable,
)
from kb.search.index.array_file import Arrays, load_arrays, save_arrays
from kb.search.index.document_store import (
    STORE_FILE,
    STORE_WRITE_ERRORS,
    DocumentStore,
    Segment,
    StoreDifference,
    StoreWriter,
    segment_file,
    without_surrogates,
)
from kb.search.index.edits import (
    edits_file,
    load_edits,
    load_partition,
    rows_with_edits,
    with_edits,
)
from kb.search.index.previous import PreviousPartition
from kb.search.index.resolved_tickets import pack_resolved_tickets
from kb.search.index.spill import Spill
from kb.search.kernels.compilation import LOOPS_FOLDER, compiled_loops
from kb.search.kernels.layout import Loops
from kb.search.kernels.ranges import positions_of
from kb.search.query.vocabulary import Vocabulary
from kb.search.scoring.translations import pack_translations

#: Called with the stage, how much of it is done, and how much there is to do.
BuildProgress = Callable[[str, int, int], None]
#: Documents; a smaller partition is written sooner than the compiled loops are loaded.
_FEWEST_FOR_LOOPS = 12_000
#: The same for documents that are read.
_FEWEST_FOR_READING = 2_000


class _Reread(NamedTuple):
    """A document that was not carried over: it was read again, or is gone (``row`` is -1)."""

    row: int
    row_then: int  # -1 for a new one
    audience: str | None
    audience_then: str | None
    is_fresh: bool  # new, or different from what it was
    is_thread: bool


class IndexBuilder:
    """Builds the next generation: ``with IndexBuilder(data) as b: b.add(...); b.publish(...)``.

    One at a time: a second builder on the same data folder raises Conflict. Leaving without
    ``publish`` leaves no trace. A full disk or a file error raises Unavailable, and what was
    published before goes on serving.
    """

    def __init__(
        self,
        data: Path,
        *,
        generations: Generations | None = None,
        keep: int = 3,
        progress: BuildProgress | None = None,
        operators: bool = True,
        previous: Generation | None = None,
        meaning: bool = False,
        read: int = READ_AT_ONCE,
        false_suggestions: int | None = None,
    ) -> None:
        """``keep`` generations stay after publishing. ``operators`` says that phrases and fields
        are indexed too; ``meaning``, that passages are found by what they mean, of which ``read``
        of each audience are read by the sentence encoder and the rest drafted (see
        ``passage_meanings``). ``previous`` is the published generation, where the caller has
        verified it already, or one of another folder to carry documents over from.
        ``false_suggestions`` of 100 questions that nothing answers may be shown something: the
        threshold of suggestions is measured; by default it is that of no site in particular.
        """
        self._false_suggestions = false_suggestions
        self._generations = generations or Generations(data)
        self._keep = keep
        self._operators = operators
        self._meaning = meaning
        self._read = read
        self.drafts = 0  # passages whose meaning the encoder has not read
        self.progress: BuildProgress = progress or (lambda _stage, _done, _total: None)
        self.previous = previous
        self.curations: Mapping[str, Any] = {}  # see ``Generation.curations``

        self._kinds: Counter[str] = Counter()
        self._added = 0
        #: Rows of the previous generation, ascending; they become the first rows of this one.
        self._carried_over: Rows = np.zeros(0, dtype=np.int64)
        self._dropped: Rows | None = None  # rows not carried over; None if nothing is carried over
        #: Of each file of arrays: its documents, those that changed, and whether any was lost.
        self._changes: dict[str, tuple[int, int, bool]] = {}
        self.warning = ""  # what was not confirmed when the generation was released
        self._resolved_tickets: tuple[ResolvedTicket, ...] = ()
        self._outcomes: tuple[SuggestionOutcome, ...] = ()
        self._customer_words: tuple[tuple[ResolvedTicket, ...], int] = (), 0
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with write_errors_as_unavailable(), contextlib.ExitStack() as opened:
            root = self._generations.folder
            root.mkdir(parents=True, exist_ok=True, mode=0o700)
            opened.enter_context(self._generations.lock())
            for leftover in root.glob("building-*"):
                shutil.rmtree(leftover, ignore_errors=True)

            # Nothing is published where a check builds: what it compares with is elsewhere.
            published = self._generations.published_name()
            if self.previous is None or (published and published != self.previous.name):
                self.previous = self._generations.current(trusted=True)

            self._folder = Path(tempfile.mkdtemp(prefix="building-", dir=root))
            opened.callback(shutil.rmtree, self._folder, ignore_errors=True)

            self._store = StoreWriter(self._folder / STORE_FILE)
            opened.callback(self._store.close)
            self._spill = Spill(self._folder)
            opened.callback(self._spill.close)
            #: The words of the documents of the segments that are written.
            self._words = ForwardIndex(spill=self._spill)

            before = (self.previous.path, self.previous.manifest.files) if self.previous else None
            self._checksums = opened.enter_context(ChecksumWriter(self._folder, before))
            self._open = opened.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # What is closed here unpublished is thrown away: that it cannot be finished well on a full
        # disk is no news.
        with contextlib.suppress(*STORE_WRITE_ERRORS):
            self._open.close()

    def add(self, document: Document) -> None:
        """Index one document. Raises Conflict when its id was added before."""
        with write_errors_as_unavailable():
            document = without_surrogates(document)
            row, passages = self._store.add(document)
            self._words.add(document, row, passages)
            self._kinds[document.kind] += 1
            self._added += 1
            if self._added == _FEWEST_FOR_READING:
                self._words.use(self._loops)

    def carry_over_all_but(self, ids: Iterable[str]) -> int:
        """Take over all documents of the previous generation except these, without reading them.

        Call it before adding any document. Returns how many it takes over; if 0, all documents have
        to be added.
        """
        # Another format read words differently, or did not store them.
        if self.previous is None or self.previous.manifest.format not in CARRIED_FORMATS:
            return 0

        with write_errors_as_unavailable():
            store = self._previous_store
            is_kept = np.ones(len(store), dtype=bool)
            is_kept[[row for row in map(store.row, ids) if row is not None]] = False
            self._carried_over, self._dropped = np.flatnonzero(is_kept), np.flatnonzero(~is_kept)
            for part in self._store.carry_over(store, self._carried_over):
                new_rows = part.first_row + np.arange(part.numbers.size)
                self._words.read_segment(store.folder, part.segment, part.numbers, new_rows)

            self._kinds = Counter(self.previous.manifest.kinds)
            self._kinds.subtract(map(store.kind, self._dropped.tolist()))
        return self._carried_over.size

    def alias(self, old: str, document_id: str) -> None:
        """Let an old id lead to a document that was or will be added."""
        with write_errors_as_unavailable():
            self._store.alias(old, document_id)

    def resolved_tickets(self, tickets: Iterable[ResolvedTicket]) -> None:
        """Let these resolved tickets vote, and no others: one that is left out stops voting."""
        self._resolved_tickets = tuple(tickets)

    def suggestion_outcomes(self, outcomes: Iterable[SuggestionOutcome]) -> None:
        """Let what visitors made of suggestions, the newest last, refine how sure each index is."""
        self._outcomes = tuple(outcomes)

    def customer_words(self, tickets: Iterable[ResolvedTicket], customers: int) -> None:
        """Learn from all these resolved tickets how customers call what documents say: words that
        at least so many ``customers`` used.
        """
        self._customer_words = tuple(tickets), customers

    def prepare(
        self,
        *,
        ledger: Mapping[str, Any],
        settings: Mapping[str, Any],
        findings: Iterable[Finding] = (),
        pictures: Mapping[str, Iterable[str]] = MappingProxyType({}),
    ) -> Generation:
        """Build and verify what was added, aside: to be inspected, then released or dropped.

        ``pictures`` gives the audiences of the documents that show each picture.
        """
        with write_errors_as_unavailable():
            self._store.close()
            self._checksums.begin(self._store.files)
            self._write_words()
            if self._operators:
                self._start_whoosh()

            if self._meaning:
                self._find_meanings()
            partitions = self._write_partitions()
            # ASCII, as names of files need not be valid UTF-8.
            (self._folder / LEDGER_FILE).write_text(json.dumps(ledger), "ascii")
            FindingsFile(self._folder).write(findings)
            audiences = {name: sorted(who) for name, who in sorted(pictures.items())}
            (self._folder / PICTURES_FILE).write_text(json.dumps(audiences), "ascii")
            curations = json.dumps(self.curations, ensure_ascii=False)
            (self._folder / CURATIONS_FILE).write_text(curations, "utf-8")

            if self._false_suggestions is not None:
                measured = self._calibrated(partitions, self._false_suggestions)
                (self._folder / CALIBRATION_FILE).write_text(json.dumps(measured), "ascii")

            manifest = self._write_manifest(partitions, settings)
            self._verify(manifest)
            return Generation(self._folder, manifest)

    def release(self, prepared: Generation) -> Manifest:
        """Publish what ``prepare`` returned: from now on it is the generation that readers open."""
        manifest = prepared.manifest
        with write_errors_as_unavailable():
            self.warning = self._generations.adopt(
                self._folder, manifest, self._checksums.identities
            )
            for name in self._generations.surplus(self._keep):
                shutil.rmtree(self._generations.path(name), ignore_errors=True)
            return manifest

    def publish(
        self,
        *,
        ledger: Mapping[str, Any],
        settings: Mapping[str, Any],
        findings: Iterable[Finding] = (),
    ) -> Manifest:
        """Build, verify, sync and publish what was added."""
        return self.release(self.prepare(ledger=ledger, settings=settings, findings=findings))

    def _start_whoosh(self) -> None:
        from kb.search.engines.whoosh import start_build  # brings Whoosh

        self._whoosh = start_build(
            self._folder,
            self.previous.path if self.previous else None,
            self._difference,
            documents=self._kinds.total(),
        )

    def _write_words(self) -> None:
        """Write the words of each segment's documents to a file beside the segment."""
        number = 0
        for segment in self._built.segments:
            name = segment_file(segment.name, WORDS_FILE)
            if self._store.is_linked(segment.name):
                link_file(self._previous_store.folder / name, self._folder / name)
            else:
                self._words.save_segment(self._folder / name, number, number + segment.size)
                number += segment.size
            self._checksums.begin([name])

    def _index(self, rows: Rows | None = None) -> ForwardIndex:
        """The words of the documents at these ``rows``, or of all documents."""
        if rows is None or rows.size == len(self._built):
            return self._whole_index
        return ForwardIndex.read(self._built, rows)

    @functools.cached_property
    def _whole_index(self) -> ForwardIndex:
        if len(self._words.documents) == len(self._built):
            return self._words
        return ForwardIndex.read(self._built, spill=self._spill)

    def _find_meanings(self) -> None:
        """Write the meanings of each segment's passages to a file beside the segment."""
        segments, rows = [], []
        for segment in self._built.segments:
            name = segment_file(segment.name, MEANINGS_FILE)
            linked = self._store.is_linked(segment.name)
            if linked and PassageMeanings.in_file(self._previous_store.folder, segment) is not None:
                link_file(self._previous_store.folder / name, self._folder / name)
            else:
                segments.append(segment)
                rows.append(np.arange(segment.first_row, segment.end_row))
        index = self._index(np.concatenate(rows) if rows else np.zeros(0, dtype=np.int64))
        firsts, table = index.firsts(), index.documents

        def texts_of(numbers: Sequence[int]) -> list[str]:
            owners = [index.passage_doc[number] for number in numbers]
            stored = [
                self._built.first_passage(table.rows[owner]) + number - int(firsts[owner])
                for number, owner in zip(numbers, owners, strict=True)
            ]
            titles = (table[owner].title for owner in owners)
            return list(map(passage_text, titles, self._built.passages(stored)))

        index.meanings = find_meanings(
            np.frombuffer(index.text_hashes, dtype=np.uint64),
            [table.audiences[number] for number in index.passage_doc],
            texts_of,
            previous=self._meanings_then(),
            read=self._read,
            loops=self._loops if len(index.documents) >= _FEWEST_FOR_READING else None,
            progress=lambda done, total: self.progress("meanings", done, total),
        )
        if index.meanings is not None:
            self._save_meanings(index.meanings, segments)

    def _meanings_then(self) -> PassageMeanings:
        """Those of the passages of the previous generation that are not linked, or are deleted in a
        segment that is.
        """
        parts = []
        dropped = self._carried_over[:0] if self._dropped is None else self._dropped
        for segment in self._previous_store.segments if self.previous is not None else []:
            numbers = np.arange(segment.size)
            if self._store.is_linked(segment.name):
                low, high = dropped.searchsorted((segment.first_row, segment.end_row)).tolist()
                numbers = dropped[low:high] - segment.first_row
            if numbers.size and segment.name:
                meanings = PassageMeanings.read(self._previous_store.folder, segment)
                if meanings is not None:
                    ends = segment.passage_ends()
                    passages = positions_of(ends[numbers], ends[numbers + 1])
                    parts.append(meanings.take(passages))
        return PassageMeanings.joined(parts)

    def _save_meanings(self, meanings: PassageMeanings, segments: Sequence[Segment]) -> None:
        first = 0
        for segment in segments:
            numbers = np.arange(first, first + segment.part.passages)
            name = segment_file(segment.name, MEANINGS_FILE)
            meanings.take(numbers).save(self._folder / name, segment)
            first += numbers.size
        parts = (PassageMeanings.read(self._folder, each) for each in self._built.segments)
        self.drafts = sum(int(part.drafts.sum()) for part in parts if part is not None)

    def _write_partitions(self) -> dict[str, str]:
        """One file of arrays for each distinct set of visible documents: {audience: file}."""
        present = self._present
        audiences = [*AUDIENCES, *sorted(set(present) - set(AUDIENCES))]

        files: dict[frozenset[str], str] = {}
        partitions = {}
        for done, audience in enumerate(audiences):
            self.progress("ranking", done, len(audiences))
            visible = frozenset(name for name in visible_to(audience) if present[name])
            if visible not in files:
                files[visible] = f"part-{len(files)}.arrays"
                file = self._folder / files[visible]
                previous = self._previous_partition(audience, visible)
                size = sum(self._present[name] for name in visible)
                edits = self._edits(size, previous)
                self._changes[files[visible]] = (
                    size,
                    previous.changed if previous is not None else 0,
                    previous is None or (previous.lost and edits is None),
                )
                if edits is not None and self.previous is not None:
                    link_file(self.previous.partition(audience), file)
                    save_arrays(edits_file(file), edits)
                else:
                    part = previous or self._part_of(visible, files)
                    with contextlib.closing(Spill(self._folder)) as spill:
                        save_arrays(file, self._partition(visible, part, spill))
                written = (path for path in (file, edits_file(file)) if path.exists())
                self._checksums.begin([path.name for path in written])
            partitions[audience] = files[visible]
        self.progress("ranking", len(audiences), len(audiences))

        return partitions

    def _partition(
        self, visible: frozenset[str], previous: PreviousPartition | None, spill: Spill
    ) -> Arrays:
        """Everything that those who see ``visible`` are answered from."""
        size = sum(self._present[name] for name in visible)
        loops = self._loops if size >= _FEWEST_FOR_LOOPS else None
        arrays = partition_arrays(self._whole_index, visible, previous, spill, loops)
        return arrays | self._from_tickets(arrays)

    @functools.cached_property
    def _loops(self) -> Loops:
        return compiled_loops(self._generations.folder.parent / LOOPS_FOLDER)

    def _from_tickets(self, arrays: Arrays) -> Arrays:
        """What resolved tickets say about the documents of a partition."""
        tickets, customers = self._customer_words
        if not self._resolved_tickets and not tickets:
            return {}
        ids = self._built.ids()
        numbers = np.flatnonzero(arrays["row"] >= 0)
        rows = arrays["row"][numbers].tolist()
        number_of = {ids[row]: number for row, number in zip(rows, numbers.tolist(), strict=True)}
        vocabulary = Vocabulary(arrays)
        return pack_resolved_tickets(
            self._resolved_tickets, vocabulary, arrays, number_of
        ) | pack_translations(tickets, vocabulary, arrays, number_of, customers)

    def _edits(self, size: int, previous: PreviousPartition | None) -> Arrays | None:
        """The differences from the previous generation's file; None to write a whole file."""
        if previous is None:
            return None
        edits = edits_of(self._index, size, previous)
        if edits is None:
            return None
        return edits | self._from_tickets(with_edits(previous.arrays, edits))

    def _calibrated(self, partitions: Mapping[str, str], wanted: int) -> dict[str, Any]:
        """What was measured for each file of arrays (see ``calibration``)."""
        before = self.previous.calibrations() if self.previous else {}
        measured: dict[str, Any] = {}
        with contextlib.ExitStack() as opened:

            @functools.cache
            def index() -> UnpublishedIndex:
                """Opened only when there is something to ask, which loads the loops."""
                asked = UnpublishedIndex(self._folder, partitions, self._loops)
                return opened.enter_context(contextlib.closing(asked))

            def log_odds(audience: str, text: str) -> float:
                return index().log_odds(text, audience)

            for done, (audience, file) in enumerate(partitions.items()):
                self.progress("calibrating", done, len(partitions))
                if file in measured:
                    continue
                ask = functools.partial(log_odds, audience)
                size, changed, lost = self._changes[file]
                same = calibration.kept(
                    before.get(audience), changed=changed, lost=lost, wanted=wanted
                )
                if same is None:
                    own = index().documents_of(audience, calibration.sample(range(size)))
                    same = calibration.measure(ask, own, size=size, wanted=wanted).json()
                outcomes = [
                    outcome
                    for outcome in self._outcomes
                    if partitions.get(outcome.audience, partitions["customers"]) == file
                ]
                measured[file] = refined(same, outcomes, ask)
        return measured

    def _previous_partition(
        self, audience: str, visible: frozenset[str]
    ) -> PreviousPartition | None:
        """What the previous generation had for this audience, when documents were carried over."""
        if (
            not self._carried_over.size
            or self.previous is None
            or audience not in self.previous.manifest.partitions
        ):
            return None

        arrays, edits = self._written(self.previous.partition(audience))
        number_then = _numbers_by_row(arrays, len(self._previous_store))
        numbers = np.full(len(self._built), -1, dtype=np.int64)
        numbers[: self._carried_over.size] = number_then[self._carried_over]
        numbers_of_all = numbers.copy()

        # What was carried over is unchanged; everything else was read again or is gone. A document
        # that was read again but is the same counts as unchanged: it may have been read only
        # because of a hidden document, and that must leave no trace.
        # Documents that are gone since the large file was written count as lost until the next one.
        edited = edits.get("edited", np.zeros(0, dtype=np.int32))
        is_drifting = np.zeros(arrays["row"].size, dtype=bool)
        is_drifting[edited] = True
        gone = edited[arrays["row"][edited] < 0]
        is_article = arrays["kind"][gone] != KIND_NUMBERS[DocumentKind.FORUM]
        lost, lost_article = bool(gone.size), bool(is_article.any())
        changed, added = 0, []
        for document in self._reread:
            is_seen = document.audience in visible
            number = int(number_then[document.row_then]) if document.row_then >= 0 else -1
            if is_seen:
                changed += document.is_fresh
                if number < 0:
                    added.append(document.row)
                    continue
                numbers_of_all[document.row] = number
                if not document.is_fresh:
                    numbers[document.row] = number
                else:
                    is_drifting[number] = True
            elif number >= 0:
                is_drifting[number] = lost = True
                lost_article |= not document.is_thread
        return PreviousPartition(
            arrays,
            edits,
            changed=changed,
            drift=int(is_drifting.sum()) + len(added),
            lost=lost,
            lost_article=lost_article,
            numbers=numbers,
            numbers_of_all=numbers_of_all,
            added=np.array(added, dtype=np.int64),
            store=self._previous_store,
        )

    @functools.cached_property
    def _reread(self) -> list[_Reread]:
        """The documents that were not carried over: read again, or gone."""
        fresh, then, built = set(self._difference.fresh), self._previous_store, self._built
        rereads, rows_seen = [], set()
        for row in range(self._carried_over.size, len(built)):
            document_id = built.id(row)
            row_then = then.row(document_id)
            rows_seen.add(row_then)
            rereads.append(
                _Reread(
                    row,
                    -1 if row_then is None else row_then,
                    built.audience_of(row),
                    None if row_then is None else then.audience_of(row_then),
                    document_id in fresh,
                    built.kind(row) == DocumentKind.FORUM,
                )
            )
        dropped = [] if self._dropped is None else self._dropped.tolist()
        rereads += [
            _Reread(
                -1,
                row,
                None,
                then.audience_of(row),
                is_fresh=False,
                is_thread=then.kind(row) == DocumentKind.FORUM,
            )
            for row in dropped
            if row not in rows_seen
        ]
        return rereads

    @staticmethod
    def _written(partition: Path) -> tuple[Arrays, Arrays]:
        """What the large file of a partition says, with the rows that its documents have since; and
        the edits beside it.
        """
        arrays, edits = load_arrays(partition), load_edits(partition)
        return arrays | {"row": rows_with_edits(arrays, edits)}, edits

    def _part_of(
        self, visible: frozenset[str], files: Mapping[frozenset[str], str]
    ) -> PreviousPartition | None:
        """The largest partition of this build that shows nothing but what ``visible`` shows."""
        smaller = [others for others in files if others < visible]
        if not smaller:
            return None
        # What an audience does not see has no part in the choice.
        most = max(smaller, key=lambda others: sum(self._present[name] for name in others))
        arrays, edits = self._written(self._folder / files[most])
        numbers = _numbers_by_row(arrays, len(self._built))
        size = sum(self._present[name] for name in visible)
        changed = size - int(np.count_nonzero(numbers >= 0))
        return PreviousPartition(
            arrays,
            edits,
            changed=changed,
            drift=changed + edits.get("edited", np.zeros(0)).size,
            lost=False,
            lost_article=False,
            numbers=numbers,
            numbers_of_all=numbers,
            added=np.zeros(0, dtype=np.int64),
            store=None,
        )

    @functools.cached_property
    def _present(self) -> Counter[str]:
        """How many documents each audience has of its own."""
        return self._built.audience_counts()

    @functools.cached_property
    def _difference(self) -> StoreDifference:
        """What differs from the previous generation, whether it was read again or not."""
        previous = self._previous_store if self.previous is not None else None
        return self._built.difference(previous, self._carried_over.size, self._dropped)

    @functools.cached_property
    def _built(self) -> DocumentStore:
        """The store of this build, once it is written."""
        store = DocumentStore(self._folder / STORE_FILE)
        self._open.callback(store.close)
        return store

    @functools.cached_property
    def _previous_store(self) -> DocumentStore:
        assert self.previous is not None
        store = self.previous.store
        self._open.callback(store.close)
        return store

    def _write_manifest(self, partitions: dict[str, str], settings: Mapping[str, Any]) -> Manifest:
        if self._operators:
            self._whoosh.wait(lambda done, total: self.progress("phrases", done, total))
        files = self._checksums.checksums()

        drafts = {"drafts": self.drafts} if self._meaning else {}
        manifest = Manifest(
            name=self._generations.next_name(),
            format=INDEX_FORMAT,
            created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            documents=self._kinds.total(),
            kinds=dict(self._kinds),
            partitions=partitions,
            settings={**settings, **drafts},
            files=files,
        )
        manifest.write(self._folder)

        for folder in [*(p for p in self._folder.rglob("*") if p.is_dir()), self._folder]:
            sync(folder)
        return manifest

    def _verify(self, manifest: Manifest) -> None:
        """Open what was built as a reader would; a failure publishes nothing."""
        with contextlib.closing(DocumentStore(self._folder / STORE_FILE)) as store:
            stored = len(store)
        partitions = [load_partition(self._folder / f) for f in set(manifest.partitions.values())]
        widest = max((int((arrays["row"] >= 0).sum()) for arrays in partitions), default=0)

        if stored != manifest.documents or widest > stored:
            raise Unavailable(
                f"The new generation holds {stored} documents where {manifest.documents} were "
                "added; it was not published."
            )


def _numbers_by_row(arrays: Arrays, rows: int) -> Rows:
    """The number in a partition of the document at each of the ``rows`` of a store, or -1."""
    numbers = np.full(rows, -1, dtype=np.int64)
    taken = np.flatnonzero(arrays["row"] >= 0)
    numbers[arrays["row"][taken]] = taken
    return numbers
