"""What happens, in which order, when an editor runs `kb index`?

Sources -> what differs from the last generation -> read only that -> the rest comes from the last
generation's store -> build aside and publish. Nothing different publishes nothing. Not for formats
(``readers``) or ranking (``kb.search``).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer import worker_pool
from indexer.html import boilerplate
from indexer.publish import curation_files, feedback, media
from indexer.publish.feedback import SearchFeedback
from indexer.report import Finding, Report
from indexer.sources import document_ids, ledger, redirects, walk
from indexer.sources.ledger import Entry, Ledger
from indexer.sources.plan import ReadingPlan, file_digest, plan_reading
from indexer.sources.walk import Source, SourceFile
from indexer.worker_pool import ReadTask, TaskResult, WorkerPool
from kb import ids
from kb.errors import Conflict, Invalid
from kb.search.documents import Document
from kb.search.generations.previews import PreviewFile
from kb.temporary_folder import temporary_folder

if TYPE_CHECKING:
    from kb.search.build.builder import IndexBuilder
    from kb.search.generations.generation import Generation

Progress = Callable[[str, int, int, str], None]
#: Pages of a site that are looked at to find its repeated blocks.
SURVEYED = 200


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """What the editor asked for. ``strict``: a source without anything readable is a mistake.
    ``golden`` and ``curations`` are files (None: none); ``gate``, ``drop`` and ``queries`` are
    those of ``gate.GateSettings``; ``semantic``: compare meanings by a model too; ``look``: only say
    what differs; ``preview``: with ``check_only``, a file for the articles that would change."""

    sources: tuple[Source, ...]
    data: Path
    today: dt.date
    full: bool = False
    check_only: bool = False
    look: bool = False
    preview: Path | None = None
    strict: bool = True
    keep: int = 3
    settings: Mapping[str, Any] = field(default_factory=dict)
    golden: Path | None = None
    curations: Path | None = None
    gate: str = "off"
    drop: int = 100
    queries: tuple[str, ...] = ()
    semantic: bool = False


def run_index(
    order: IndexOptions, *, progress: Progress = lambda *_: None, pool: WorkerPool | None = None
) -> Report:
    """The whole story. ``progress`` is told (stage, done, total, what) from this thread; ``pool``
    are processes that are kept for the next run.

    A generation that fails its checks is not published: ``Report.refused`` says why. Raises Invalid
    when a source holds nothing readable, Misconfigured for a broken golden or curations file,
    Conflict when another build runs.
    """
    started = time.monotonic()
    report = Report()
    decided = (
        curation_files.read_curations(order.curations)
        if order.curations
        else curation_files.CurationRules()
    )
    files = _files(order.sources, report)
    previous, before = _before(order, report, trusted=pool is not None)
    plan = plan_reading(files, before, full=order.full, today=order.today)
    _count(report, files, plan)
    report.stages["looking"] = time.monotonic() - started
    taught = _taught(order, report)
    other = tuple(_other(order, previous, before, decided, taught))
    report.waiting["other"] = other
    work = _IndexRun(order, files, before, plan, report, progress, decided, taught)
    if order.preview is not None:
        PreviewFile(order.preview).clear()
    if order.look or (
        plan.difference.nothing and not order.full and previous is not None and not other
    ):
        _stay(work, previous)
    else:
        with _working(pool, plan) as working:
            _make(work, working, previous)
    report.generation = report.generation or (previous.name if previous else "")
    report.findings.sort(key=lambda finding: (finding.source, finding.line))
    report.seconds = time.monotonic() - started
    return report


@contextlib.contextmanager
def _working(pool: WorkerPool | None, plan: ReadingPlan) -> Iterator[WorkerPool]:
    if pool is not None:
        yield pool
        return
    with WorkerPool(worker_pool.worker_count(len(plan.fresh))) as made:
        if plan.fresh:
            made.start()
        yield made


def _other(
    order: IndexOptions,
    previous: Generation | None,
    before: Ledger,
    decided: curation_files.CurationRules,
    taught: SearchFeedback,
) -> Iterator[str]:
    """What differs from the last generation besides files."""
    if previous is not None and bool(previous.manifest.settings.get("semantic")) != order.semantic:
        yield f"Meanings are {'' if order.semantic else 'not '}compared by a model now."
    if previous is not None and previous.curations() != decided.values:
        yield "Curations were changed."
    if previous is not None and not taught.note and before.lessons != taught.stamp:
        yield f"Other resolved tickets vote now ({len(taught.solved)})."


def _taught(order: IndexOptions, report: Report) -> SearchFeedback:
    """What tickets and visitors taught since."""
    found = feedback.read_feedback(order.data, dt.datetime.now(dt.UTC), queries=order.check_only)
    report.voters = len(found.solved)
    report.notes += [found.note] if found.note else []
    return found


def _stay(work: _IndexRun, previous: Generation | None) -> None:
    """Nothing differs, or nobody wants to know more: what was said about the files still holds."""
    report = work.report
    kept = (work.before.entries.get(key) for key in work.files)
    report.findings += [
        finding for entry in kept if entry is not None for finding in entry.findings
    ]
    if previous is not None:
        report.documents = previous.manifest.documents
        report.kinds.update(previous.manifest.kinds)
        if work.order.check_only:
            _judge(work, previous, None)


def _files(sources: Iterable[Source], report: Report) -> dict[str, SourceFile]:
    files = {
        file.key: file
        for source in sources
        for file in walk.walk_files(source, report.findings.append)
    }
    return dict(sorted(files.items()))


def _before(
    order: IndexOptions, report: Report, *, trusted: bool
) -> tuple[Generation | None, Ledger]:
    """The last generation and its ledger; an empty ledger when all is to be read anew. ``trusted`` is
    that of ``Generations``."""
    # Brings numpy, which workers do not need.
    from kb.search.generations.generation import Generations

    previous = Generations(order.data).current(trusted=trusted)
    named = Generations(order.data).published_name()
    if named and (previous is None or previous.name != named):
        report.notes.append(f"Generation {named} is damaged; everything is read anew.")
        return previous, Ledger()
    if previous is None:
        return None, Ledger()
    noted = ledger.from_json(previous.ledger())
    if noted is None:
        report.notes.append(
            f"Generation {previous.name} was made by another version; everything is read anew."
        )
    return previous, noted or Ledger()


def _count(report: Report, files: Mapping[str, SourceFile], plan: ReadingPlan) -> None:
    report.files = len(files)
    for name in ("added", "changed", "removed", "unchanged"):
        setattr(report, name, len(getattr(plan.difference, name)))
    report.waiting = {
        name: tuple(key.partition("=")[2] for key in getattr(plan.difference, name))
        for name in ("added", "changed", "removed")
    }
    report.findings += plan.ids.findings


def _make(work: _IndexRun, pool: WorkerPool, previous: Generation | None) -> None:
    """Read, build aside, check, and publish unless that was not asked for or a check fails."""
    from kb.search.build.builder import IndexBuilder

    report, order = work.report, work.order
    with contextlib.ExitStack() as opened:
        # A check builds elsewhere: it needs no lock, leaves no trace and may run while readers'
        # data is published.
        data = opened.enter_context(temporary_folder("kb-check-")) if order.check_only else None
        builder = opened.enter_context(
            IndexBuilder(
                data or order.data,
                keep=order.keep,
                operators=data is None,
                previous=previous,
                semantic=order.semantic,
            )
        )
        if data is None and (builder.previous.name if builder.previous else "") != (
            previous.name if previous else ""
        ):
            raise Conflict("Another index build was published meanwhile; run `kb index` again.")
        builder.progress = lambda stage, done, total: work.progress(stage, done, total, "")
        builder.curations = work.decided.values
        builder.resolved_tickets(work.taught.solved)
        if not work.take_over(builder, previous):
            raise Conflict(
                "The last generation lacks documents that it should hold; run `kb index --full`."
            )
        noted = ledger.to_json(work.read(pool, builder)) | {"media": sorted(work.pictures)}
        started = time.monotonic()
        prepared = builder.prepare(
            ledger=noted,
            settings={**order.settings, "semantic": order.semantic},
            findings=report.findings,
        )
        report.stages["building"] = time.monotonic() - started
        _judge(work, prepared, previous)
        if order.preview is not None:
            with contextlib.closing(prepared.store) as store:
                articles = store.documents(work.fresh_ids())
                report.previews = PreviewFile(order.preview).replace(articles)
        if order.check_only or report.refused:
            return
        manifest = builder.release(prepared)
        media.remove_unused(order.data)
    report.published, report.generation = True, manifest.name
    report.documents = manifest.documents


def _judge(work: _IndexRun, prepared: Generation, previous: Generation | None) -> None:
    from indexer.publish import gate

    started, order = time.monotonic(), work.order
    work.progress("checking", 0, 1, "")
    checks = gate.GateSettings(
        drop=order.drop,
        gate=order.gate,
        golden=curation_files.read_golden_queries(order.golden) if order.golden else (),
        source=str(order.golden or ""),
        queries=order.queries,
        asked=work.taught.asked,
    )
    verdict = gate.check_generation(prepared, previous, checks, compare=order.check_only)
    work.report.refused += verdict.refused
    work.report.findings += verdict.findings + _unknown(work)
    work.report.changes += verdict.changes
    work.report.failed, work.report.compared = verdict.failed, verdict.compared
    work.progress("checking", 1, 1, "")
    work.report.stages["checking"] = time.monotonic() - started


def _unknown(work: _IndexRun) -> list[Finding]:
    """Curations that name a document which is not there."""
    known = work.used or {id_ for entry in work.before.entries.values() for id_ in entry.ids}
    sentence = "There is no document {}; correct the id or take the line out."
    return [
        Finding(str(work.order.curations), line, sentence.format(id_))
        for id_, line in dict.fromkeys(work.decided.named)
        if id_ not in known
    ]


@dataclass(frozen=True, slots=True)
class Named:
    """What the ledger keeps of a document: its id, the pictures it shows, the ids that its old
    addresses had.
    """

    id: str
    pictures: tuple[str, ...]
    old: tuple[str, ...]


def _noted(document: Document) -> Named:
    addresses = filter(None, document.extra.get("old_urls", "").split("\n"))
    old = tuple(ids.document_id(document.kind, address.split("#")[0]) for address in addresses)
    return Named(document.id, tuple(media.image_names(document.html)), old)


@dataclass(slots=True)
class _IndexRun:
    """One run's work in progress."""

    order: IndexOptions
    files: Mapping[str, SourceFile]
    before: Ledger
    plan: ReadingPlan
    report: Report
    progress: Progress
    decided: curation_files.CurationRules = field(default_factory=curation_files.CurationRules)
    taught: SearchFeedback = field(default_factory=SearchFeedback)
    used: set[str] = field(default_factory=set)
    entries: dict[str, Entry] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    pictures: set[str] = field(default_factory=set)

    def take_over(self, builder: IndexBuilder, previous: Generation | None) -> bool:
        """Give ``builder`` the documents of the unchanged files; False when some are missing."""
        wanted = [
            id_ for key in self.plan.difference.unchanged for id_ in self.before.entries[key].ids
        ]
        if not wanted or previous is None:
            return not wanted
        builder.previous = previous  # a check builds where there is none
        return builder.carry_over(wanted) == len(wanted)

    def read(self, pool: WorkerPool, builder: IndexBuilder) -> Ledger:
        """Read what is fresh, add its documents and all old addresses, and return the ledger of the
        whole.
        """
        for key in self.plan.difference.unchanged:
            self._keep(key)
        started = time.monotonic()
        boilerplate_blocks = {**self.plan.boilerplate, **self._survey(pool)}
        # Pictures of a preview are shown under names that nobody guesses; the next publish removes
        # those it lacks.
        kept = (
            self.order.data / media.MEDIA_FOLDER
            if self.order.preview or not self.order.check_only
            else None
        )
        pool.share(self.plan.ids.site_index(self.files, boilerplate_blocks, kept, self.order.today))
        documents: dict[str, list[Named]] = {}
        tasks = (ReadTask("read", self.files[key]) for key in self.plan.fresh)
        for done in pool.work(tasks):
            self._take(done, documents, builder.add)
            if done.last:
                self.report.read += 1
                self.progress("reading", self.report.read, len(self.plan.fresh), done.file.name)
        self.report.reading_seconds = time.monotonic() - started
        self._must_hold_something()
        self.moved = self._moves()
        self.old_addresses(builder)
        self.report.stages["reading"] = time.monotonic() - started
        return Ledger(
            dict(sorted(self.entries.items())), boilerplate_blocks, self.moved, self.taught.stamp
        )

    def fresh_ids(self) -> list[str]:
        """The documents that were read in this run."""
        return [
            id_ for key in self.plan.fresh if key in self.entries for id_ in self.entries[key].ids
        ]

    def _keep(self, key: str) -> None:
        entry, file = self.before.entries[key], self.files[key]
        self._note(entry)
        self.entries[key] = (
            entry if entry.mtime_ns == file.mtime_ns else replace(entry, mtime_ns=file.mtime_ns)
        )
        self.used.update(entry.ids)
        self.report.kinds[self._kind(entry.ids, file)] += len(entry.ids)
        self.report.documents += len(entry.ids)
        self.report.findings += entry.findings

    def _note(self, entry: Entry) -> None:
        """The pictures that a file's documents show, and the old addresses that lead to them."""
        self.pictures.update(entry.pictures)
        for old, document_id in entry.old_urls.items():
            self.aliases.setdefault(old, document_id)

    @staticmethod
    def _kind(found: Sequence[str], file: SourceFile) -> str:
        return found[0].split("/")[0] if found else str(file.kind)

    def _survey(self, pool: WorkerPool) -> dict[str, frozenset[int]]:
        """The repeated blocks of each site that is to be surveyed."""
        found = {}
        for site, pages in self.plan.surveys.items():
            sample = pages[:: max(1, len(pages) // SURVEYED)]
            seen = []
            for done in pool.work(ReadTask("blocks", page) for page in sample):
                seen.append(set(done.blocks))
                self.progress("comparing pages", len(seen), len(sample), done.file.name)
            found[site] = boilerplate.repeated_blocks(seen)
        return found

    def _take(
        self, done: TaskResult, documents: dict[str, list[Named]], add: Callable[[Document], None]
    ) -> None:
        key = done.file.key
        taken = documents.setdefault(key, [])
        clashes: list[Finding] = []
        for document in done.documents:
            named = self._named(document, done.file, clashes)
            add(named)
            taken.append(_noted(named))
            self.report.kinds[named.kind] += 1
            self.report.documents += 1
        if done.last:
            self._enter(done, documents.pop(key), clashes)

    def _named(self, document: Document, file: SourceFile, clashes: list[Finding]) -> Document:
        """The document under an id that no other has."""
        name, number = document.id, 1
        while name in self.used or self._reserved(name, file):
            number += 1
            name = f"{document.id}-{number}"
        self.used.add(name)
        if name == document.id:
            return document
        sentence = (
            f"“{document.title[:80]}” has the address of another document; it is found at "
            f"/help/{name}."
        )
        clashes.append(Finding(file.name, 0, sentence))
        return replace(document, id=name)

    def _reserved(self, name: str, file: SourceFile) -> bool:
        """Whether another file stands under this name."""
        return self.plan.owners.get(name, file.key) != file.key

    def _enter(self, done: TaskResult, found: list[Named], clashes: list[Finding]) -> None:
        file, reading = done.file, done.reading
        findings = list(reading.findings if reading else ()) + clashes
        if done.failed:
            sentence = (
                f"Reading stopped after {len(found)} documents" if found else "It could not be read"
            )
            findings.append(
                Finding(
                    file.name, 0, f"{sentence}: it takes too long or too much memory.", not found
                )
            )
        place = self.plan.ids.pages[file.key]
        taken = self.plan.difference.digests.get(file.key) or file_digest(file)
        entry = Entry(
            file.size,
            file.mtime_ns,
            taken,
            tuple(one.id for one in found),
            place.id,
            place.collection,
            self.plan.ids.uids.get(file.key, ""),
            place.title,
            findings=tuple(findings),
            pictures=tuple(sorted({picture for one in found for picture in one.pictures})),
            old_urls={old: one.id for one in found for old in one.old},
        )
        if reading is not None:
            entry = replace(
                entry, includes=reading.includes, links=reading.links, until=reading.until
            )
        self.entries[file.key] = entry
        self._note(entry)
        self.report.findings += findings

    def _moves(self) -> dict[str, str]:
        """Old ids that lead to the documents of moved files: files that are gone here and new
        there, byte by byte.
        """
        gone = {
            self.before.entries[key].digest: self.before.entries[key]
            for key in self.plan.difference.removed
        }
        moved = {old: new for old, new in self.before.moved.items() if new in self.used}
        for key in self.plan.difference.added:
            old = gone.get(self.entries[key].digest)
            if old is not None and len(old.ids) == len(self.entries[key].ids):
                moved |= dict(zip(old.ids, self.entries[key].ids, strict=True))
        return {old: new for old, new in moved.items() if old != new}

    def old_addresses(self, builder: IndexBuilder) -> None:
        """Let old addresses lead to the documents: those they name, the path of a file with a uid,
        moved files.
        """
        for key, entry in self.entries.items():
            onward = set(entry.links.values()) - {""}
            if not entry.ids and len(onward) == 1:  # a page that only leads on to another
                self.aliases.setdefault(entry.page_id, onward.pop())
            if entry.uid and entry.ids == (entry.page_id,):
                self.aliases.setdefault(document_ids.path_id(self.files[key]), entry.page_id)
        listed = redirects.redirect_aliases(self.files.values(), self.plan.ids.pages)
        for old, new in {**listed, **self.moved, **self.aliases}.items():
            if old not in self.used and new in self.used:
                builder.alias(old, new)

    def _must_hold_something(self) -> None:
        filled = {key.partition("/")[0] for key, entry in self.entries.items() if entry.ids}
        for source in self.order.sources if self.order.strict else ():
            if f"{source.kind}={source.name}" not in filled:
                raise Invalid(_nothing(source, self.report.findings), field="source")
        if not filled:
            raise Invalid(_nothing(self.order.sources[0], self.report.findings), field="source")


def _nothing(source: Source, findings: list[Finding]) -> str:
    first = next(
        (f for f in findings if f.skipped and f.source.startswith(f"{source.name}/")), None
    )
    why = f" ({first})" if first else ""
    return (
        f"{source.kind}={source.path}: nothing here can be read{why}; point to a file or folder "
        f"of Markdown, HTML, "
        "a Stack Exchange Posts.xml or Discourse topics."
    )
