"""DocumentCollector: the documents of a run, from the workers and from the last generation.

It reads what the plan says, gives every document an ID of its own, records each file in the new
ledger, and lets old addresses lead to the documents. What a generation is made of, and whether it
is published, is decided in ``pipeline``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.findings import Finding, make_finding
from indexer.html.boilerplate import repeated_blocks
from indexer.publish.media import image_names
from indexer.readers.site_index import TITLE_LINK
from indexer.report import Progress, Report
from indexer.sources import document_ids
from indexer.sources.ledger import Entry, Ledger
from indexer.sources.plan import ReadingPlan, file_digest
from indexer.sources.walk import SourceFile
from indexer.worker_pool import ReadTask, TaskResult, WorkerPool
from kb import ids
from kb.search.documents import Document

if TYPE_CHECKING:
    from kb.search.engine import IndexWriter

#: Pages of a site that are looked at to find its repeated blocks.
MAX_SURVEYED_PAGES = 200


@dataclass(slots=True)
class _FileRecord:
    """What the ledger keeps of the documents of one file, while they come in."""

    ids: list[str] = field(default_factory=list)
    images: dict[str, set[str]] = field(default_factory=dict)  # name -> audiences
    old_urls: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def add(self, document: Document) -> None:
        self.ids.append(document.id)
        for name in image_names(document.html):
            self.images.setdefault(name, set()).add(document.audience)
        for address in document.extra.get("old_urls", "").split("\n"):
            if address:
                old_id = ids.document_id(document.kind, address.split("#")[0])
                self.old_urls[old_id] = document.id


@dataclass(slots=True)
class DocumentCollector:
    """The documents of one run: ``entries`` of the new ledger, and ``images`` that they show, with
    the audiences of those that do."""

    files: Mapping[str, SourceFile]
    previous: Ledger
    plan: ReadingPlan
    report: Report
    progress: Progress
    entries: dict[str, Entry] = field(default_factory=dict)
    images: dict[str, set[str]] = field(default_factory=dict)
    used_ids: set[str] = field(default_factory=set)
    _aliases: dict[str, str] = field(default_factory=dict)
    _records: dict[str, _FileRecord] = field(default_factory=dict)

    def fresh_ids(self) -> list[str]:
        """The documents that were read in this run."""
        fresh = (self.entries[key] for key in self.plan.fresh if key in self.entries)
        return [id_ for entry in fresh for id_ in entry.ids]

    # --- unchanged files

    def carry_over(self, writer: IndexWriter) -> bool:
        """Give ``writer`` the documents of the unchanged files; False when some are missing."""
        unchanged, entries = set(self.plan.difference.unchanged), self.previous.entries
        if not unchanged or writer.previous is None:
            return not unchanged
        others = [
            id_ for key, entry in entries.items() if key not in unchanged for id_ in entry.ids
        ]
        count = sum(len(entries[key].ids) for key in unchanged)
        return writer.carry_over_all_but(others) == count

    def keep_unchanged(self) -> None:
        """Record the unchanged files as they were."""
        for key in self.plan.difference.unchanged:
            entry, file = self.previous.entries[key], self.files[key]
            if entry.mtime_ns != file.mtime_ns:  # touched, with the same bytes
                entry = replace(entry, mtime_ns=file.mtime_ns)
            self._record(key, entry)
            self.used_ids.update(entry.ids)
            kind = entry.ids[0].partition("/")[0] if entry.ids else str(file.kind)
            self.report.kinds[kind] += len(entry.ids)
            self.report.documents += len(entry.ids)

    # --- files that are read

    def read(
        self,
        pool: WorkerPool,
        writer: IndexWriter,
        *,
        media: Path | None,
        today: dt.date,
        front_matter: Mapping[str, tuple[str, ...]],
        aliases: Mapping[str, tuple[str, ...]],
    ) -> Mapping[str, frozenset[int]]:
        """Read the files of the plan and add their documents; the repeated blocks of all sites.

        Images are copied to ``media``, unless it is None. ``aliases`` are those in the curations.
        """
        boilerplate = {**self.plan.boilerplate, **self._survey_sites(pool)}
        site_index = self.plan.ids.site_index(self.files, boilerplate, media, today, front_matter)
        pool.share(site_index)

        tasks = (ReadTask("read", self.files[key]) for key in self.plan.fresh)
        for result in pool.work(tasks):
            record = self._records.setdefault(result.file.key, _FileRecord())
            for document in result.documents:
                unique = self._with_unique_id(document, result.file, record)
                if unique.id in aliases:
                    titles = dict.fromkeys((*unique.aliases, *aliases[unique.id]))
                    unique = replace(unique, aliases=tuple(titles))
                writer.add(unique)
                record.add(unique)
                self.report.kinds[unique.kind] += 1
                self.report.documents += 1

            if result.last:
                self._finish(result, self._records.pop(result.file.key))
                self.report.read += 1
                total = len(self.plan.fresh)
                self.progress("reading", self.report.read, total, result.file.name)
        return boilerplate

    def _survey_sites(self, pool: WorkerPool) -> dict[str, frozenset[int]]:
        """The repeated blocks of each site that is to be surveyed."""
        boilerplate = {}
        for site, pages in self.plan.surveys.items():
            sample = pages[:: max(1, len(pages) // MAX_SURVEYED_PAGES)]
            blocks = []
            for result in pool.work(ReadTask("blocks", page) for page in sample):
                blocks.append(set(result.blocks))
                self.progress("comparing pages", len(blocks), len(sample), result.file.name)
            boilerplate[site] = repeated_blocks(blocks)
        return boilerplate

    def _with_unique_id(
        self, document: Document, file: SourceFile, record: _FileRecord
    ) -> Document:
        """The document under an ID that no other document has and no other file is entitled to."""
        unique, number = document.id, 1
        while unique in self.used_ids or self.plan.owners.get(unique, file.key) != file.key:
            number += 1
            unique = f"{document.id}-{number}"
        self.used_ids.add(unique)
        if unique == document.id:
            return document

        record.findings.append(
            make_finding(
                "address-of-another-document", file.name, title=document.title[:80], id=unique
            )
        )
        return replace(document, id=unique)

    def _finish(self, result: TaskResult, record: _FileRecord) -> None:
        """Record a file of which all documents have come in."""
        file, reading = result.file, result.reading
        findings = [*(reading.findings if reading else ()), *record.findings]
        if result.failed and record.ids:
            findings.append(make_finding("reading-stopped", file.name, count=len(record.ids)))
        elif result.failed:
            findings.append(make_finding("limits-exceeded", file.name))

        page = self.plan.ids.pages[file.key]
        entry = Entry(
            size=file.size,
            mtime_ns=file.mtime_ns,
            digest=self.plan.difference.digests.get(file.key) or file_digest(file),
            ids=tuple(record.ids),
            page_id=page.id,
            collection=page.collection,
            uid=self.plan.ids.uids.get(file.key, ""),
            title=page.title,
            audience=page.audience,
            findings=tuple(findings),
            pictures={name: tuple(sorted(who)) for name, who in sorted(record.images.items())},
            old_urls=record.old_urls,
        )
        if reading is not None:
            entry = replace(
                entry, includes=reading.includes, links=reading.links, until=reading.until
            )
        self._record(file.key, entry)

    def _record(self, key: str, entry: Entry) -> None:
        self.entries[key] = entry
        for name, audiences in entry.pictures.items():
            self.images.setdefault(name, set()).update(audiences)
        for old_id, document_id in entry.old_urls.items():
            self._aliases.setdefault(old_id, document_id)
        self.report.findings += entry.findings

    # --- old addresses

    def moved_ids(self) -> dict[str, str]:
        """Old IDs that lead to the documents of moved files: gone here and new there, byte by
        byte."""
        removed = {}
        for key in self.plan.difference.removed:
            entry = self.previous.entries[key]
            removed[entry.digest] = entry

        moved = {old: new for old, new in self.previous.moved.items() if new in self.used_ids}
        for key in self.plan.difference.added:
            entry = self.entries[key]
            old_entry = removed.get(entry.digest)
            if old_entry is not None and len(old_entry.ids) == len(entry.ids):
                moved |= dict(zip(old_entry.ids, entry.ids, strict=True))
        return {old: new for old, new in moved.items() if old != new}

    def aliases(self, moved: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """(old ID, document ID): from redirect lists, moved files, front matter, and redirect
        pages, and of the path of each file with a uid."""
        aliases = dict(self._aliases)
        for key, entry in self.entries.items():
            found = {i for n, i in entry.links.items() if not n.startswith(TITLE_LINK)}
            targets = found - {""}
            if not entry.ids and len(targets) == 1:  # a page that only redirects
                aliases.setdefault(entry.page_id, targets.pop())
            if entry.uid and entry.ids == (entry.page_id,):
                aliases.setdefault(document_ids.path_id(self.files[key]), entry.page_id)

        listed = self.plan.ids.redirects.aliases
        for old_id, document_id in {**listed, **moved, **aliases}.items():
            if old_id not in self.used_ids and document_id in self.used_ids:
                yield old_id, document_id
