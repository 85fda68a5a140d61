"""Which files must be read in this run, and why?

Compares what lies there with the ledger of the last generation, and adds what is stale: pages whose
links, includes, day or site have changed. Not for reading anything but heads.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from indexer.readers.context import Library, stamp
from indexer.sources import document_ids as shelf
from indexer.sources import ledger
from indexer.sources.document_ids import Shelf
from indexer.sources.ledger import Difference, Ledger
from indexer.sources.walk import SourceFile

#: The share of changed pages of a site that asks for its repeated blocks anew.
_SURVEY_ANEW = 0.1


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be read. ``difference.changed`` includes what is stale."""

    difference: Difference
    fresh: tuple[str, ...]
    shelf: Shelf
    surveys: Mapping[str, list[SourceFile]]
    chrome: Mapping[str, frozenset[int]]
    owners: Mapping[str, str]  # id of a place -> key of its file


def plan(files: dict[str, SourceFile], before: Ledger, *, full: bool, today: dt.date) -> Plan:
    """What differs from ``before``, and what must be read therefore; ``full`` reads everything."""
    found = ledger.difference(before.entries, files, digest)
    if full:
        again = tuple(sorted(found.changed + found.unchanged))
        found = replace(found, changed=again, unchanged=())
    shelves = shelf.arrange(files, before.entries, (*found.added, *found.changed))
    library = shelves.library(files, {}, None, today)
    stale = ledger.stale(
        before.entries,
        found.unchanged,
        found=lambda name: _found(library, name),
        included=stamp,
        today=today,
    )
    surveys = _surveys(files, before, {*found.added, *found.changed, *stale})
    # A page must be cleaned with what its site repeats now.
    again = tuple(page.key for pages in surveys.values() for page in pages)
    changed = sorted({*found.changed, *stale, *again} - set(found.added))
    unchanged = tuple(key for key in found.unchanged if key not in set(changed))
    found = replace(found, changed=tuple(changed), unchanged=unchanged)
    chrome = {site: blocks for site, blocks in before.chrome.items() if site not in surveys}
    owners = {place.id: key for key, place in shelves.places.items()}
    return Plan(found, tuple(sorted((*found.added, *changed))), shelves, surveys, chrome, owners)


def _found(library: Library, name: str) -> str:
    place = library.uids.get(name[4:]) if name.startswith("uid:") else library.place(name)
    return place.id if place else ""


def _surveys(
    files: Mapping[str, SourceFile], before: Ledger, fresh: set[str]
) -> dict[str, list[SourceFile]]:
    """Sites to be surveyed: new ones, and those of which many pages changed."""
    wanted: dict[str, list[SourceFile]] = {}
    if not any(shelf.is_page(files[key]) for key in fresh):
        return wanted
    for site, pages in shelf.sites(files.values()).items():
        changed = sum(page.key in fresh for page in pages)
        if changed and (site not in before.chrome or changed > max(2, len(pages) * _SURVEY_ANEW)):
            wanted[site] = pages
    return wanted


def digest(file: SourceFile) -> str:
    """The hash of a file's bytes; "" when it cannot be read."""
    try:
        with Path(file.absolute).open("rb") as opened:
            return hashlib.file_digest(opened, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError:
        return ""
