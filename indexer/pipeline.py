"""The stages of an index run, in their order.

Find the sources' files, compare them with the last generation, read what differs, carry over the
rest, build a generation aside, check it, and publish it. When nothing differs, nothing is
published. Formats are read in ``indexer.readers``, ranking is in ``kb.search``.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.collector import DocumentCollector
from indexer.findings import Finding, make_finding
from indexer.publish import media
from indexer.publish.feedback import SearchFeedback, read_feedback
from indexer.report import Progress, Report
from indexer.sources import ledger
from indexer.sources.ledger import Ledger
from indexer.sources.plan import ReadingPlan, plan_reading
from indexer.sources.walk import Source, SourceFile, walk_files
from indexer.worker_pool import WorkerPool, worker_count
from kb.database import DatabaseLocation
from kb.errors import Conflict, Invalid
from kb.search.documents import PUBLIC
from kb.search.generations.previews import PreviewFile
from kb.search.query.curation_file import CurationFile, aliases_of, read_curations
from kb.search.query.golden_file import read_golden_queries
from kb.temporary_folder import temporary_folder

if TYPE_CHECKING:
    from kb.search.engine import IndexWriter, SearchEngine
    from kb.search.generations.generation import Generation


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """What the editor asked for."""

    sources: tuple[Source, ...]
    data: Path
    today: dt.date
    cluster: str = ""  # as in ``search_engine``
    database: DatabaseLocation | None = None  # tickets that search learns from
    full: bool = False  # read everything
    check_only: bool = False  # publish nothing
    compare_only: bool = False  # only report what differs
    preview: Path | None = None  # with check_only: a file for the articles that would change
    strict: bool = True  # a source without anything readable is a mistake
    keep: int = 3  # generations

    #: Settings of the index, to be kept in its manifest.
    settings: Mapping[str, Any] = field(default_factory=dict)
    meaning: bool = False  # find passages by what they mean
    #: Of 100 questions that nothing answers, how many may be shown something; None: not measured.
    false_suggestions: int | None = None

    #: Field of a document -> keys of front matter that the site adds for it.
    front_matter: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    #: Files of the content folder; None for none.
    golden: Path | None = None
    curations: Path | None = None

    #: See ``gate.GateSettings``.
    gate: str = "off"
    drop: int = 100
    queries: tuple[str, ...] = ()
    ask_for_public: bool = False  # pages that become public need consent
    vote_customers: int = 3  # different customers behind the votes of resolved tickets

    @property
    def database_location(self) -> DatabaseLocation:
        return self.data if self.database is None else self.database


def run_index(
    options: IndexOptions,
    *,
    progress: Progress = lambda *_: None,
    pool: WorkerPool | None = None,
) -> Report:
    """Run all stages.

    ``progress`` is called from this thread; ``pool`` is kept by the caller for the next run. A
    generation that fails its checks is not published: ``Report.refused`` says why. Raises Invalid
    when a source contains nothing readable, Misconfigured for an invalid golden or curations file,
    and Conflict when another build runs.
    """
    started = time.monotonic()
    run = _IndexRun(options, Report(), progress)
    run.compare(trusted=pool is not None)
    if options.preview is not None:
        PreviewFile(options.preview).clear()

    if options.compare_only or run.is_up_to_date:
        run.keep_current()
    elif pool is not None:
        run.build(pool)
    else:
        with WorkerPool(worker_count(len(run.plan.fresh))) as own_pool:
            if run.plan.fresh:
                own_pool.start()
            run.build(own_pool)

    report = run.report
    if not report.generation and run.previous is not None:
        report.generation = run.previous.name
    report.findings.sort(key=lambda finding: (finding.source, finding.line))
    report.seconds = time.monotonic() - started
    return report


class _IndexRun:
    """One run: ``compare`` first, then either ``keep_current`` or ``build``."""

    files: dict[str, SourceFile]
    engine: SearchEngine
    previous: Generation | None
    ledger: Ledger
    plan: ReadingPlan
    curations: CurationFile
    aliases: Mapping[str, tuple[str, ...]]  # document -> titles that curations add to it
    feedback: SearchFeedback

    def __init__(self, options: IndexOptions, report: Report, progress: Progress) -> None:
        self.options = options
        self.report = report
        self.progress = progress
        # Brings numpy, which workers do not need.
        from kb.search.installation import search_engine

        self.engine = search_engine(options.data, options.cluster)

    def compare(self, *, trusted: bool) -> None:
        """Find out what differs from the last generation; ``trusted`` as in ``Generations``."""
        options, report = self.options, self.report
        with self._stage("looking"):
            # Invalid curations stop the run before anything else is looked at.
            self.curations = CurationFile()
            if options.curations:
                self.curations = read_curations(options.curations)
            self.files = _find_files(options.sources, report)
            self.previous, self.ledger = self._last_generation(trusted=trusted)
            self.aliases = aliases_of(self.curations.values)
            before = aliases_of(self.previous.curations()) if self.previous else {}
            self.plan = plan_reading(
                self.files,
                self.ledger,
                full=options.full,
                today=options.today,
                renamed={id_ for id_, _ in {*before.items()} ^ {*self.aliases.items()}},
            )

        difference = self.plan.difference
        report.files = len(self.files)
        report.added = len(difference.added)
        report.changed = len(difference.changed)
        report.removed = len(difference.removed)
        report.unchanged = len(difference.unchanged)
        report.findings += self.plan.ids.findings

        now = dt.datetime.now(dt.UTC)
        self.feedback = read_feedback(options.database_location, now, queries=options.check_only)
        if self.feedback.tickets:
            from kb.search.build.vouching import customer_words, vouched_tickets

            tickets, customers = self.feedback.tickets, options.vote_customers
            self.feedback = replace(
                self.feedback,
                solved=vouched_tickets(tickets, customers),
                words=customer_words(tickets, customers),
            )
        report.voters = len(self.feedback.solved)
        if self.feedback.note:
            report.notes.append(self.feedback.note)

        report.waiting = {
            "added": _file_names(difference.added),
            "changed": _file_names(difference.changed),
            "removed": _file_names(difference.removed),
            "other": tuple(self._other_differences()),
        }

    @property
    def is_up_to_date(self) -> bool:
        if self.previous is None or self.options.full:
            return False
        return self.plan.difference.is_empty and not self.report.waiting["other"]

    def _last_generation(self, *, trusted: bool) -> tuple[Generation | None, Ledger]:
        """The last generation and its ledger, which is empty when everything must be read."""
        generations = self.engine.generations
        previous = generations.current(trusted=trusted)
        published = generations.published_name()
        if published and (previous is None or previous.name != published):
            self.report.notes.append(f"Generation {published} is damaged. All files are read.")
            return previous, Ledger()
        if previous is None:
            return None, Ledger()

        recorded = ledger.from_json(previous.ledger())
        if recorded is None:
            note = (
                f"Generation {previous.name} is from another version or another machine. "
                "All files are read."
            )
            self.report.notes.append(note)
        if previous.manifest.settings.get("front_matter", {}) != self._front_matter:
            self.report.notes.append("The front matter keys have changed. All files are read.")
            return previous, Ledger()
        return previous, recorded or Ledger()

    @property
    def _front_matter(self) -> dict[str, list[str]]:
        """The site's front matter keys, as a manifest keeps them."""
        return {name: list(keys) for name, keys in self.options.front_matter.items()}

    def _other_differences(self) -> Iterator[str]:
        """What differs from the last generation besides files."""
        if self.previous is None:
            return
        meaning = self.options.meaning
        if bool(self.previous.manifest.settings.get("meaning")) != meaning:
            yield f"Pages are {'now' if meaning else 'no longer'} found by their meaning."
        problem = "" if self.options.check_only else self.engine.problem(self.previous)
        if problem:
            yield problem
        if self.previous.curations() != self.curations.values:
            yield "Curations have changed."
        if not self.feedback.note and self.ledger.lessons != self.feedback.stamp:
            yield f"The resolved tickets that vote have changed ({len(self.feedback.solved)} now)."

    # --- nothing to build

    def keep_current(self) -> None:
        """Nothing differs, or nothing else was asked: the recorded findings still hold."""
        for key in self.files:
            entry = self.ledger.entries.get(key)
            if entry is not None:
                self.report.findings += entry.findings

        if self.previous is not None:
            self.report.documents = self.previous.manifest.documents
            self.report.kinds.update(self.previous.manifest.kinds)
            if self.options.check_only:
                document_ids = {id_ for entry in self.ledger.entries.values() for id_ in entry.ids}
                self._check(self.engine, self.previous, self.previous, document_ids, {})

    # --- the next generation

    def build(self, pool: WorkerPool) -> None:
        """Read, build aside, check, and publish, unless that was not asked for or a check fails."""
        from kb.search.installation import search_engine

        options, report = self.options, self.report
        collector = DocumentCollector(self.files, self.ledger, self.plan, report, self.progress)
        with contextlib.ExitStack() as stack:
            # A check builds elsewhere: it needs no lock, leaves no trace, and may run while the
            # data folder is published to.
            engine = self.engine
            if options.check_only:
                engine = search_engine(stack.enter_context(temporary_folder("kb-check-")))
            writer = stack.enter_context(
                engine.writer(
                    previous=self.previous,
                    keep=options.keep,
                    operators=not options.check_only,
                    meaning=options.meaning,
                    progress=lambda stage, done, total: self.progress(stage, done, total, ""),
                    false_suggestions=options.false_suggestions,
                )
            )
            if _name(writer.previous) != _name(self.previous):
                raise Conflict(
                    "Another index build was published in the meantime. Run `kb index` again."
                )
            writer.curations = self.curations.values
            writer.resolved_tickets(self.feedback.solved)
            writer.suggestion_outcomes(self.feedback.outcomes)
            writer.customer_words(self.feedback.tickets, options.vote_customers)

            if not collector.carry_over(writer):
                raise Conflict(
                    "The last generation lacks documents that it should contain. "
                    "Run `kb index --full`."
                )
            with self._stage("reading"):
                recorded = self._read(collector, pool, writer)
            with self._stage("building"):
                generation = writer.prepare(
                    ledger=ledger.to_json(recorded) | {"media": sorted(collector.images)},
                    settings={
                        **options.settings,
                        "meaning": options.meaning,
                        "front_matter": self._front_matter,
                    },
                    pictures=collector.images,
                    findings=report.findings,
                )
            self._check(engine, generation, self.previous, collector.used_ids, recorded.moved)

            if options.preview is not None:
                with contextlib.closing(generation.store) as store:
                    articles = store.documents(collector.fresh_ids())
                    report.previews = PreviewFile(options.preview).replace(articles)
            if options.check_only or report.refused:
                return

            report.calibration = generation.calibrations().get(PUBLIC, {})
            manifest = writer.release(generation)
            if writer.warning:
                report.notes.append(writer.warning)
            media.remove_unused(options.data / media.MEDIA_FOLDER, engine.generations.ledgers())
        report.published = True
        report.generation = manifest.name
        report.documents = manifest.documents

    def _read(self, collector: DocumentCollector, pool: WorkerPool, writer: IndexWriter) -> Ledger:
        """Read what is fresh, and give ``writer`` the documents and all old addresses."""
        options = self.options
        started = time.monotonic()
        collector.keep_unchanged()
        # The images of a preview have names that nobody guesses; the next publish removes those
        # that no article shows.
        copies_images = options.preview is not None or not options.check_only
        folder = options.data / media.MEDIA_FOLDER if copies_images else None
        boilerplate = collector.read(
            pool,
            writer,
            media=folder,
            today=options.today,
            front_matter=options.front_matter,
            aliases=self.aliases,
        )
        self.report.reading_seconds = time.monotonic() - started

        self._require_documents(collector)
        moved = collector.moved_ids()
        for old_id, document_id in collector.aliases(moved):
            writer.alias(old_id, document_id)
        entries = dict(sorted(collector.entries.items()))
        return Ledger(entries, boilerplate, moved, self.feedback.stamp)

    def _require_documents(self, collector: DocumentCollector) -> None:
        """Raises Invalid for a source that contains nothing readable."""
        filled = {key.partition("/")[0] for key, entry in collector.entries.items() if entry.ids}
        sources = self.options.sources
        for source in sources if self.options.strict else ():
            if source.key not in filled:
                raise Invalid(_nothing_readable(source, self.report.skipped), field="source")
        if not filled:
            raise Invalid(_nothing_readable(sources[0], self.report.skipped), field="source")

    def _check(
        self,
        engine: SearchEngine,
        generation: Generation,
        previous: Generation | None,
        document_ids: set[str],
        moved: Mapping[str, str],
    ) -> None:
        from indexer.publish import gate

        options, report = self.options, self.report
        self.progress("checking", 0, 1, "")
        with self._stage("checking"):
            golden = read_golden_queries(options.golden) if options.golden else ()
            settings = gate.GateSettings(
                drop=options.drop,
                gate=options.gate,
                golden=golden,
                source=str(options.golden or ""),
                queries=options.queries,
                asked=self.feedback.asked,
                ask_for_public=options.ask_for_public,
                moved=moved,
            )
            verdict = gate.check_generation(
                engine, generation, previous, settings, compare=options.check_only
            )
            report.refused += verdict.refused
            report.findings += verdict.findings
            report.changes += verdict.changes
            report.failed = verdict.failed
            report.compared = verdict.compared
            report.newly_public = verdict.newly_public

            # Curations that name a document which is not there.
            for id_, line in dict.fromkeys(self.curations.named):
                if id_ not in document_ids:
                    source = str(options.curations)
                    report.findings.append(
                        make_finding("curated-document-not-found", source, line=line, id=id_)
                    )
            self.progress("checking", 1, 1, "")

    @contextlib.contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.report.stages[name] = time.monotonic() - started


def _find_files(sources: Sequence[Source], report: Report) -> dict[str, SourceFile]:
    """All files by key, in the order of their keys; what is skipped is reported."""
    files = {}
    for source in sources:
        for file in walk_files(source, report.findings.append):
            files[file.key] = file
    return dict(sorted(files.items()))


def _file_names(keys: Sequence[str]) -> tuple[str, ...]:
    return tuple(key.partition("=")[2] for key in keys)


def _name(generation: Generation | None) -> str:
    return generation.name if generation else ""


def _nothing_readable(source: Source, skipped: Sequence[Finding]) -> str:
    reason = ""
    for finding in skipped:
        if finding.source.startswith(f"{source.name}/"):
            reason = f" ({finding})"
            break
    return (
        f"{source.kind}={source.path} contains nothing that can be read{reason}; use a file or "
        "folder with Markdown, HTML, a Stack Exchange Posts.xml, or Discourse topics."
    )
