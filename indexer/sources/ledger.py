"""Ledger: what was indexed last time, and what differs from it now.

An ``Entry`` for each file: size, time, hash, the IDs of its documents, and what it depends on.
``difference`` and ``stale`` are pure: they compare entries with what they are given. A size and a
time that did not change spare the hash. Documents are kept elsewhere (``kb.search``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from indexer.findings import Finding
from indexer.sources.walk import SourceFile
from kb.search.documents import PUBLIC

#: Raised when a reader changes, so that everything is read anew.
VERSION = 12


@dataclass(frozen=True, slots=True)
class Entry:
    """One file as it was read.

    ``digest`` is the blake2b of its bytes, "" when they could not be read. Links to the file lead
    to ``page_id``; in a ``collection`` each heading is a document. ``includes`` (absolute path ->
    stamp, "" where there was no file) and ``links`` (target that was looked up -> document ID, or
    "") are what its documents were made of besides. It must be read again on the day ``until``.
    Its documents show ``pictures`` (name -> audiences of those documents), and the IDs of
    ``old_urls`` lead to them.
    """

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
    pictures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    old_urls: Mapping[str, str] = field(default_factory=dict)
    audience: str = PUBLIC  # of the title; "" when the file is not published


@dataclass(frozen=True, slots=True)
class Ledger:
    """All entries by key. ``boilerplate`` are the repeated blocks of each site, ``moved`` the old
    IDs of moved files, ``lessons`` identifies the resolved tickets that vote."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    boilerplate: Mapping[str, frozenset[int]] = field(default_factory=dict)
    moved: Mapping[str, str] = field(default_factory=dict)
    lessons: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """Keys of files, sorted. ``digests`` are the hashes that had to be computed."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]
    digests: Mapping[str, str]

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.changed or self.removed)


def difference(
    previous: Mapping[str, Entry],
    files: Mapping[str, SourceFile],
    digest: Callable[[SourceFile], str],
) -> Difference:
    """Which of ``files`` were added, changed, or not, since ``previous``, and which are gone."""
    digests: dict[str, str] = {}
    changed: list[str] = []
    unchanged: list[str] = []

    for key in sorted(previous.keys() & files.keys()):
        entry, file = previous[key], files[key]
        # A file that could not be read has no digest and is tried again.
        if entry.digest and (entry.size, entry.mtime_ns) == (file.size, file.mtime_ns):
            unchanged.append(key)
            continue
        digests[key] = digest(file)
        if digests[key] == entry.digest:
            unchanged.append(key)
        else:
            changed.append(key)

    return Difference(
        added=tuple(sorted(files.keys() - previous.keys())),
        changed=tuple(changed),
        removed=tuple(sorted(previous.keys() - files.keys())),
        unchanged=tuple(unchanged),
        digests=digests,
    )


def stale(
    entries: Mapping[str, Entry],
    keys: Iterable[str],
    *,
    resolve: Callable[[str], str],
    stamp: Callable[[str], str],
    today: dt.date,
) -> list[str]:
    """Of ``keys``, those whose own bytes are the same but whose surroundings are not.

    A link now leads elsewhere (``resolve``: target -> document ID), an included file differs
    (``stamp``: path -> stamp), or their day has come.
    """
    outdated = []
    for key in keys:
        entry = entries[key]
        if (
            (entry.until is not None and entry.until <= today)
            or any(resolve(target) != id_ for target, id_ in entry.links.items())
            or any(stamp(path) != recorded for path, recorded in entry.includes.items())
        ):
            outdated.append(key)
    return outdated


def to_json(ledger: Ledger) -> dict[str, Any]:
    """A ledger as JSON-ready values."""
    boilerplate = {folder: sorted(blocks) for folder, blocks in ledger.boilerplate.items()}
    return {
        "version": VERSION,
        "files": {key: _row(entry) for key, entry in ledger.entries.items()},
        "chrome": boilerplate,
        "moved": dict(ledger.moved),
        "lessons": ledger.lessons,
    }


def from_json(values: Mapping[str, Any]) -> Ledger | None:
    """The inverse of ``to_json``; None for anything else, or when readers have changed since."""
    try:
        if values["version"] != VERSION:
            return None
        return Ledger(
            entries={str(key): _entry(row) for key, row in values["files"].items()},
            boilerplate={folder: frozenset(blocks) for folder, blocks in values["chrome"].items()},
            moved=dict(values["moved"]),
            lessons=str(values.get("lessons", "")),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _row(entry: Entry) -> list[Any]:
    """A list and no object: the ledger of a large tree has tens of thousands of rows."""
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
        entry.until.isoformat() if entry.until else "",
        {name: list(audiences) for name, audiences in entry.pictures.items()},
        dict(entry.old_urls),
        [finding.row() for finding in entry.findings],
        entry.audience,
    ]


def _entry(row: list[Any]) -> Entry:
    size, mtime_ns, digest, ids, page_id, collection, uid, title, *dependencies = row
    includes, links, until, pictures, old_urls, findings, audience = dependencies
    return Entry(
        size=int(size),
        mtime_ns=int(mtime_ns),
        digest=str(digest),
        ids=tuple(ids),
        page_id=page_id,
        collection=bool(collection),
        uid=uid,
        title=title,
        includes=dict(includes),
        links=dict(links),
        until=dt.date.fromisoformat(until) if until else None,
        findings=tuple(Finding(*finding) for finding in findings),
        pictures={name: tuple(audiences) for name, audiences in pictures.items()},
        old_urls=dict(old_urls),
        audience=audience,
    )
