"""What was indexed last time, and what is different now?

An ``Entry`` for each file: size, time, hash, the ids of its documents, what it depends on.
``difference`` is pure: it compares entries with what lies there now. Size and time that did not
change spare the hash. Not for reading documents.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from indexer.report import Finding
from indexer.sources.walk import SourceFile

#: Raised when a reader changes, so that everything is read anew.
VERSION = 4


@dataclass(frozen=True, slots=True)
class Entry:
    """One file as it was: ``mtime_ns`` in nanoseconds, ``digest`` the blake2b of its bytes, ``ids``
    of its documents; ``page_id`` is the id that links to the file lead to, ``collection`` that each of its
    headings is a document; ``includes`` (absolute path -> stamp of size and time, "" where there
    was none) and ``links`` (looked-up name -> id, or "") are what its documents were made of
    besides; ``until`` is the day on which it must be read again. Its documents show ``pictures``,
    and ``old_urls`` lead to them from the ids of old addresses."""

    size: int
    mtime_ns: int
    digest: str
    ids: tuple[str, ...] = ()
    page_id: str = ""
    collection: bool = False
    uid: str = ""
    title: str = ""
    includes: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    until: dt.date | None = None
    findings: tuple[Finding, ...] = ()
    pictures: tuple[str, ...] = ()
    old_urls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ledger:
    """All entries by key; ``boilerplate`` keeps each site's repeated blocks, ``moved`` the old ids of
    moved files, ``lessons`` the stamp of the resolved tickets that vote."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    boilerplate: Mapping[str, frozenset[int]] = field(default_factory=dict)
    moved: Mapping[str, str] = field(default_factory=dict)
    lessons: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """Keys, sorted. ``digests`` holds the hashes that had to be taken."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]
    digests: Mapping[str, str]

    @property
    def nothing(self) -> bool:
        return not (self.added or self.changed or self.removed)


def difference(
    before: Mapping[str, Entry], now: Mapping[str, SourceFile], digest: Callable[[SourceFile], str]
) -> Difference:
    """Which of ``now`` are added, changed, unchanged since ``before``, and which are removed."""
    digests: dict[str, str] = {}
    changed: list[str] = []
    unchanged: list[str] = []
    for key in sorted(before.keys() & now.keys()):
        entry, file = before[key], now[key]
        if entry.digest and (entry.size, entry.mtime_ns) == (
            file.size,
            file.mtime_ns,
        ):  # "" could not be read
            unchanged.append(key)
            continue
        digests[key] = digest(file)
        (unchanged if digests[key] == entry.digest else changed).append(key)
    added = tuple(sorted(now.keys() - before.keys()))
    return Difference(
        added, tuple(changed), tuple(sorted(before.keys() - now.keys())), tuple(unchanged), digests
    )


def stale(
    entries: Mapping[str, Entry],
    keys: Iterable[str],
    *,
    resolve: Callable[[str], str],
    stamp: Callable[[str], str],
    today: dt.date,
) -> list[str]:
    """Of ``keys``, those whose own bytes are the same but whose surroundings are not: a link now
    leads elsewhere (``resolve``: name -> id), an included file differs (``stamp``: path -> stamp),
    or their day has come."""
    return [
        key
        for key in keys
        if (entries[key].until is not None and entries[key].until <= today)  # type: ignore[operator] # not None here
        or any(resolve(name) != id_ for name, id_ in entries[key].links.items())
        or any(stamp(path) != kept for path, kept in entries[key].includes.items())
    ]


def to_json(ledger: Ledger) -> dict[str, Any]:
    """A ledger as JSON-ready values."""
    return {
        "version": VERSION,
        "files": {key: _row(entry) for key, entry in ledger.entries.items()},
        "chrome": {folder: sorted(blocks) for folder, blocks in ledger.boilerplate.items()},
        "moved": dict(ledger.moved),
        "lessons": ledger.lessons,
    }


def from_json(values: Mapping[str, Any]) -> Ledger | None:
    """The inverse of ``to_json``; None for anything else, or when the readers have changed since."""
    try:
        if values["version"] != VERSION:
            return None
        entries = {str(key): _entry(row) for key, row in values["files"].items()}
        boilerplate = {folder: frozenset(blocks) for folder, blocks in values["chrome"].items()}
        return Ledger(entries, boilerplate, dict(values["moved"]), str(values.get("lessons", "")))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _row(entry: Entry) -> list[Any]:
    until = entry.until.isoformat() if entry.until else ""
    findings = [finding.row() for finding in entry.findings]
    return [
        entry.size,
        entry.mtime_ns,
        entry.digest,
        list(entry.ids),
        entry.page_id,
        entry.collection,
        entry.uid,
        entry.title,
        dict(entry.includes),
        dict(entry.links),
        until,
        list(entry.pictures),
        dict(entry.old_urls),
        findings,
    ]


def _entry(row: list[Any]) -> Entry:
    (
        size,
        mtime_ns,
        digest,
        ids,
        page_id,
        collection,
        uid,
        title,
        includes,
        links,
        until,
        pictures,
        old_urls,
        findings,
    ) = row
    return Entry(
        int(size),
        int(mtime_ns),
        str(digest),
        tuple(ids),
        page_id,
        bool(collection),
        uid,
        title,
        dict(includes),
        dict(links),
        dt.date.fromisoformat(until) if until else None,
        tuple(Finding(*finding) for finding in findings),
        tuple(pictures),
        dict(old_urls),
    )
