"""What happens, in which order, when an editor runs `kb index`?

Sources -> what differs from the last generation -> read only that -> the rest comes from the last generation's store ->
build aside and publish. Nothing different publishes nothing. Not for formats (``readers``) or ranking (``kb.search``).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer import cleaning, ledger, shelf, workers
from indexer import sources as source_files
from indexer.ledger import Difference, Entry, Ledger
from indexer.report import Finding, Report
from indexer.shelf import Shelf
from indexer.sources import Source, SourceFile
from indexer.visit import Library, stamp
from indexer.workers import Crew, Done, Task
from kb import ids
from kb.errors import Conflict, Invalid
from kb.search.documents import Document

if TYPE_CHECKING:
    from kb.search.generations import Builder, Generation

Progress = Callable[[str, int, int, str], None]
#: Pages of a site that are looked at to find its repeated blocks, and the share of changed pages that asks for it anew.
SURVEYED = 400
_SURVEY_ANEW = 0.1


@dataclass(frozen=True, slots=True)
class Order:
    """What the editor asked for. ``strict``: a source without anything readable is a mistake."""

    sources: tuple[Source, ...]
    data: Path
    today: dt.date
    full: bool = False
    check_only: bool = False
    strict: bool = True
    keep: int = 3
    settings: Mapping[str, Any] = field(default_factory=dict)


def run(order: Order, *, progress: Progress = lambda *_: None) -> Report:
    """The whole story. Raises Invalid when a source holds nothing readable, Conflict when another build runs."""
    started = time.monotonic()
    report = Report()
    files = _files(order.sources, report)
    previous, before = _before(order, report)
    plan = _plan(files, before, order)
    _count(report, files, plan)
    if not plan.difference.nothing or order.full or previous is None:
        with Crew(workers.count(len(plan.fresh))) as crew:
            crew.start()
            if order.check_only:
                _Run(order, files, before, plan, report, progress).read(crew, lambda _: None)
            else:
                _build(_Run(order, files, before, plan, report, progress), crew, previous)
    else:
        report.findings += [finding for key in files for finding in before.entries[key].findings]
        report.documents = previous.manifest.documents
        report.kinds.update(previous.manifest.kinds)
    report.generation = report.generation or (previous.name if previous else "")
    report.findings.sort(key=lambda finding: (finding.source, finding.line))
    report.seconds = time.monotonic() - started
    return report


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be read. ``difference.changed`` includes what is stale."""

    difference: Difference
    fresh: tuple[str, ...]
    shelf: Shelf
    surveys: Mapping[str, list[SourceFile]]
    chrome: Mapping[str, frozenset[int]]
    owners: Mapping[str, str]  # id of a place -> key of its file


def _files(sources: Iterable[Source], report: Report) -> dict[str, SourceFile]:
    files = {file.key: file for source in sources for file in source_files.walk(source, report.findings.append)}
    return dict(sorted(files.items()))


def _before(order: Order, report: Report) -> tuple[Generation | None, Ledger]:
    """The last generation and its ledger; an empty ledger when all is to be read anew."""
    from kb.search import generations  # brings numpy, which workers do not need

    previous = generations.current(order.data)
    named = generations.published(order.data)
    if named and (previous is None or previous.name != named):
        report.notes.append(f"Generation {named} is damaged; everything is read anew.")
        return previous, Ledger()
    if previous is None:
        return None, Ledger()
    noted = ledger.from_json(previous.ledger())
    if noted is None:
        report.notes.append(f"Generation {previous.name} was made by another version; everything is read anew.")
    return previous, noted or Ledger()


def _plan(files: dict[str, SourceFile], before: Ledger, order: Order) -> _Plan:
    found = ledger.difference(before.entries, files, digest)
    if order.full:
        again = tuple(sorted(found.changed + found.unchanged))
        found = replace(found, changed=again, unchanged=())
    shelves = shelf.arrange(files, before.entries, (*found.added, *found.changed))
    library = shelves.library(files, {}, None, order.today)
    stale = ledger.stale(
        before.entries, found.unchanged, found=lambda name: _found(library, name), included=stamp, today=order.today
    )
    surveys = _surveys(files, before, {*found.added, *found.changed, *stale})
    # A page must be cleaned with what its site repeats now.
    again = tuple(page.key for pages in surveys.values() for page in pages)
    changed = sorted({*found.changed, *stale, *again} - set(found.added))
    unchanged = tuple(key for key in found.unchanged if key not in set(changed))
    found = replace(found, changed=tuple(changed), unchanged=unchanged)
    chrome = {site: blocks for site, blocks in before.chrome.items() if site not in surveys}
    owners = {place.id: key for key, place in shelves.places.items()}
    return _Plan(found, tuple(sorted((*found.added, *changed))), shelves, surveys, chrome, owners)


def _found(library: Library, name: str) -> str:
    place = library.uids.get(name[4:]) if name.startswith("uid:") else library.place(name)
    return place.id if place else ""


def _surveys(files: Mapping[str, SourceFile], before: Ledger, fresh: set[str]) -> dict[str, list[SourceFile]]:
    """Sites to be surveyed: new ones, and those of which many pages changed."""
    wanted = {}
    for site, pages in shelf.sites(files.values()).items():
        changed = sum(page.key in fresh for page in pages)
        if changed and (site not in before.chrome or changed > max(2, len(pages) * _SURVEY_ANEW)):
            wanted[site] = pages
    return wanted


def _count(report: Report, files: Mapping[str, SourceFile], plan: _Plan) -> None:
    report.files = len(files)
    for name in ("added", "changed", "removed", "unchanged"):
        setattr(report, name, len(getattr(plan.difference, name)))
    report.findings += plan.shelf.findings


def digest(file: SourceFile) -> str:
    """The hash of a file's bytes; "" when it cannot be read."""
    try:
        with Path(file.absolute).open("rb") as opened:
            return hashlib.file_digest(opened, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError:
        return ""


def _build(run_: _Run, crew: Crew, previous: Generation | None) -> None:
    from kb.search.generations import Builder

    report, order = run_.report, run_.order
    with Builder(order.data, keep=order.keep) as builder:
        if (builder.previous.name if builder.previous else "") != (previous.name if previous else ""):
            raise Conflict("Another index build was published meanwhile; run `kb index` again.")
        builder.progress = lambda stage, done, total: run_.progress(stage, done, total, "")
        if not run_.take_over(builder):
            raise Conflict("The last generation lacks documents that it should hold; run `kb index --full`.")
        noted = run_.read(crew, builder.add)
        run_.old_addresses(builder)
        manifest = builder.publish(ledger=ledger.to_json(noted), settings=dict(order.settings))
    report.published, report.generation = True, manifest.name
    report.documents = manifest.documents


@dataclass(slots=True)
class _Run:
    """One run's work in progress."""

    order: Order
    files: Mapping[str, SourceFile]
    before: Ledger
    plan: _Plan
    report: Report
    progress: Progress
    used: set[str] = field(default_factory=set)
    entries: dict[str, Entry] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)

    def take_over(self, builder: Builder) -> bool:
        """Give ``builder`` the documents of the unchanged files; False when some are missing."""
        wanted = [id_ for key in self.plan.difference.unchanged for id_ in self.before.entries[key].ids]
        if wanted and builder.previous is not None:
            count = 0
            for document in builder.previous.store.documents(wanted):
                self._note_address(document)
                builder.add(document)
                count += 1
            return count == len(wanted)
        return not wanted

    def read(self, crew: Crew, add: Callable[[Document], None]) -> Ledger:
        """Read what is fresh, ``add`` its documents, and return the ledger of the whole."""
        for key in self.plan.difference.unchanged:
            self._keep(key)
        started = time.monotonic()
        chrome = {**self.plan.chrome, **self._survey(crew)}
        media = None if self.order.check_only else self.order.data / "media"
        crew.share(self.plan.shelf.library(self.files, chrome, media, self.order.today))
        documents: dict[str, list[str]] = {}
        tasks = (Task("read", self.files[key]) for key in self.plan.fresh)
        for done in crew.work(tasks):
            self._take(done, documents, add)
            if done.last:
                self.report.read += 1
                self.progress("reading", self.report.read, len(self.plan.fresh), done.file.name)
        self.report.reading_seconds = time.monotonic() - started
        self._must_hold_something()
        self.moved = self._moves()
        return Ledger(dict(sorted(self.entries.items())), chrome, self.moved)

    def _keep(self, key: str) -> None:
        entry, file = self.before.entries[key], self.files[key]
        self.entries[key] = replace(entry, mtime_ns=file.mtime_ns)
        self.used.update(entry.ids)
        self.report.kinds[self._kind(entry.ids, file)] += len(entry.ids)
        self.report.documents += len(entry.ids)
        self.report.findings += entry.findings

    @staticmethod
    def _kind(found: Sequence[str], file: SourceFile) -> str:
        return found[0].split("/")[0] if found else str(file.kind)

    def _survey(self, crew: Crew) -> dict[str, frozenset[int]]:
        """The repeated blocks of each site that is to be surveyed."""
        found = {}
        for site, pages in self.plan.surveys.items():
            sample = pages[:: max(1, len(pages) // SURVEYED)]
            seen = []
            for done in crew.work(Task("blocks", page) for page in sample):
                seen.append(set(done.blocks))
                self.progress("comparing pages", len(seen), len(sample), done.file.name)
            found[site] = cleaning.repeated(seen)
        return found

    def _take(self, done: Done, documents: dict[str, list[str]], add: Callable[[Document], None]) -> None:
        key = done.file.key
        taken = documents.setdefault(key, [])
        clashes: list[Finding] = []
        for document in done.documents:
            named = self._named(document, done.file, clashes)
            self._note_address(named)
            add(named)
            taken.append(named.id)
            self.report.kinds[named.kind] += 1
            self.report.documents += 1
        if done.last:
            self._enter(done, tuple(documents.pop(key)), clashes)

    def _named(self, document: Document, file: SourceFile, clashes: list[Finding]) -> Document:
        """The document under an id that no other has."""
        name, number = document.id, 1
        while name in self.used or self._reserved(name, file):
            number += 1
            name = f"{document.id}-{number}"
        self.used.add(name)
        if name == document.id:
            return document
        sentence = f"“{document.title[:80]}” has the address of another document; it is found at /help/{name}."
        clashes.append(Finding(file.name, 0, sentence))
        return replace(document, id=name)

    def _reserved(self, name: str, file: SourceFile) -> bool:
        """Whether another file stands under this name."""
        return self.plan.owners.get(name, file.key) != file.key

    def _enter(self, done: Done, found: tuple[str, ...], clashes: list[Finding]) -> None:
        file, reading = done.file, done.reading
        findings = list(reading.findings if reading else ()) + clashes
        if done.failed:
            sentence = f"Reading stopped after {len(found)} documents" if found else "It could not be read"
            findings.append(Finding(file.name, 0, f"{sentence}: it takes too long or too much memory.", not found))
        place = self.plan.shelf.places[file.key]
        entry = Entry(
            file.size, file.mtime_ns, self.plan.difference.digests.get(file.key) or digest(file), found, place.id,
            place.many, self.plan.shelf.uids.get(file.key, ""), place.title, findings=tuple(findings),
        )  # fmt: skip
        if reading is not None:
            entry = replace(entry, includes=reading.includes, links=reading.links, until=reading.until)
        self.entries[file.key] = entry
        self.report.findings += findings

    def _note_address(self, document: Document) -> None:
        for old in document.extra.get("old_urls", "").split("\n"):
            if old:
                self.aliases.setdefault(ids.document_id(document.kind, old.split("#")[0]), document.id)

    def _moves(self) -> dict[str, str]:
        """Old ids that lead to the documents of moved files: files that are gone here and new there, byte by byte."""
        gone = {self.before.entries[key].digest: self.before.entries[key] for key in self.plan.difference.removed}
        moved = {old: new for old, new in self.before.moved.items() if new in self.used}
        for key in self.plan.difference.added:
            old = gone.get(self.entries[key].digest)
            if old is not None and len(old.ids) == len(self.entries[key].ids):
                moved |= dict(zip(old.ids, self.entries[key].ids, strict=True))
        return {old: new for old, new in moved.items() if old != new}

    def old_addresses(self, builder: Builder) -> None:
        """Let old addresses lead to the documents: those they name, the path of a file with a uid, moved files."""
        for key, entry in self.entries.items():
            if entry.uid and entry.ids == (entry.place,):
                self.aliases.setdefault(shelf.path_id(self.files[key]), entry.place)
        for old, new in {**self.moved, **self.aliases}.items():
            if old not in self.used:
                builder.alias(old, new)

    def _must_hold_something(self) -> None:
        filled = {key.partition("/")[0] for key, entry in self.entries.items() if entry.ids}
        for source in self.order.sources if self.order.strict else ():
            if f"{source.kind}={source.name}" not in filled:
                raise Invalid(_nothing(source, self.report.findings), field="source")
        if not filled:
            raise Invalid(_nothing(self.order.sources[0], self.report.findings), field="source")


def _nothing(source: Source, findings: list[Finding]) -> str:
    first = next((f for f in findings if f.skipped and f.source.startswith(f"{source.name}/")), None)
    why = f" ({first})" if first else ""
    return (
        f"{source.kind}={source.path}: nothing here can be read{why}; point to a file or folder of Markdown, HTML, "
        "a Stack Exchange Posts.xml or Discourse topics."
    )
