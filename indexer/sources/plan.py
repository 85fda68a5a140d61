"""ReadingPlan: which files must be read in this run.

Files that were added or changed since the last generation, and files that are stale although their
bytes are the same: pages whose links, included files, expiry day, aliases, or site have changed.
Only the heads of files are read here (for their IDs).
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from pathlib import Path

from indexer.readers.context import file_stamp
from indexer.readers.site_index import TITLE_LINK
from indexer.sources import document_ids, ledger
from indexer.sources.document_ids import DocumentIds
from indexer.sources.ledger import Difference, Ledger
from indexer.sources.walk import SourceFile

#: When so many of a site's pages have changed, its repeated blocks are counted again.
_RESURVEY_SHARE = 0.1
_RESURVEY_PAGES = 2


@dataclass(frozen=True, slots=True)
class ReadingPlan:
    """What is read, by the keys of files.

    ``difference.changed`` includes what is stale; ``fresh`` is all that is read. ``surveys`` are
    the sites whose repeated blocks are counted anew, ``boilerplate`` the blocks of the others.
    ``owners`` maps the ID of each page to the key of its file.
    """

    difference: Difference
    fresh: tuple[str, ...]
    ids: DocumentIds
    surveys: Mapping[str, list[SourceFile]]
    boilerplate: Mapping[str, frozenset[int]]
    owners: Mapping[str, str]


def plan_reading(
    files: dict[str, SourceFile],
    previous: Ledger,
    *,
    full: bool,
    today: dt.date,
    renamed: Set[str] = frozenset(),
) -> ReadingPlan:
    """What differs from ``previous``, and what must be read; ``full`` reads everything.

    The aliases of ``renamed`` documents have changed.
    """
    difference = ledger.difference(previous.entries, files, file_digest)
    if full:
        everything = sorted(difference.changed + difference.unchanged)
        difference = replace(difference, changed=tuple(everything), unchanged=())

    document_ids_ = document_ids.assign_ids(
        files, previous.entries, (*difference.added, *difference.changed), today
    )
    site_index = document_ids_.site_index(files, {}, None, today)

    def resolve(name: str) -> str:
        """What a noted name stands for now; "" for nothing."""
        if name.startswith(TITLE_LINK):
            audience, _, uid = name.removeprefix(TITLE_LINK).partition(":")
            return site_index.title_for(uid, audience)
        uid = name.removeprefix("uid:")
        page = site_index.uids.get(uid) if uid != name else site_index.page(name)
        return page.id if page else ""

    stale = ledger.stale(
        previous.entries, difference.unchanged, resolve=resolve, stamp=file_stamp, today=today
    )

    stale += [
        key for key in difference.unchanged if not renamed.isdisjoint(previous.entries[key].ids)
    ]

    surveys = _sites_to_survey(files, previous, {*difference.added, *difference.changed, *stale})
    # The pages of a surveyed site are cleaned with what the site repeats now: all are read.
    surveyed = {page.key for pages in surveys.values() for page in pages}
    changed = {*difference.changed, *stale, *surveyed} - set(difference.added)
    unchanged = tuple(key for key in difference.unchanged if key not in changed)
    difference = replace(difference, changed=tuple(sorted(changed)), unchanged=unchanged)

    return ReadingPlan(
        difference=difference,
        fresh=tuple(sorted((*difference.added, *difference.changed))),
        ids=document_ids_,
        surveys=surveys,
        boilerplate={
            site: blocks for site, blocks in previous.boilerplate.items() if site not in surveys
        },
        owners={page.id: key for key, page in document_ids_.pages.items()},
    )


def _sites_to_survey(
    files: Mapping[str, SourceFile], previous: Ledger, fresh: set[str]
) -> dict[str, list[SourceFile]]:
    """New sites, and sites of which many pages have changed."""
    if not any(document_ids.is_html_page(files[key]) for key in fresh):
        return {}  # spares a pass over all files when only Markdown was edited

    surveys = {}
    for site, pages in document_ids.group_sites(files.values()).items():
        changed = sum(page.key in fresh for page in pages)
        many = changed > max(_RESURVEY_PAGES, len(pages) * _RESURVEY_SHARE)
        if changed and (many or site not in previous.boilerplate):
            surveys[site] = pages
    return surveys


def file_digest(file: SourceFile) -> str:
    """The hash of a file's bytes; "" when it cannot be read."""
    try:
        with Path(file.absolute).open("rb") as opened:
            return hashlib.file_digest(opened, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError:
        return ""
