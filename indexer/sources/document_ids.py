"""Document IDs: every file of a run gets one, and keeps it from run to run.

An ID comes from the file's uid, else from its path. Two files that want the same ID get it in the
order of their paths, and whoever had an ID keeps it. Only the first lines of files are read here,
for the uid and the title.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from indexer.findings import Finding, make_finding
from indexer.readers import faq, frontmatter
from indexer.readers.access import is_unpublished, page_audience
from indexer.readers.site_index import INDEX_PAGE, SiteIndex, SitePage
from indexer.sources.ledger import Entry
from indexer.sources.redirects import Redirects, find_redirects
from indexer.sources.walk import SourceFile
from kb import ids
from kb.search.documents import PUBLIC, DocumentKind

#: Bytes that hold the front matter and the first heading.
_HEAD_SIZE = frontmatter.LIMIT + 2048
_MARKDOWN_SUFFIXES = (".md", ".markdown", ".mdx", ".mkd", ".mdown", ".txt")
_COLLECTION_SUFFIXES = (".yml", ".yaml", ".mbox")
_HTML_PAGE = re.compile(r"\.x?html?(\.gz)?$", re.IGNORECASE)
_HEADING = re.compile(r"^#[ \t]+(.{1,300})$", re.MULTILINE)

#: Fewer HTML pages than this are no site with repeated blocks.
_MIN_SITE_PAGES = 8


@dataclass(frozen=True, slots=True)
class DocumentIds:
    """The pages and uids of all files, by the files' keys, the redirects between them, and what is
    wrong with them.
    """

    pages: Mapping[str, SitePage]
    uids: Mapping[str, str]
    redirects: Redirects
    findings: tuple[Finding, ...]

    def site_index(
        self,
        files: Mapping[str, SourceFile],
        boilerplate: Mapping[str, frozenset[int]],
        media: Path | None,
        today: dt.date,
        front_matter: Mapping[str, tuple[str, ...]] | None = None,
    ) -> SiteIndex:
        """What the readers share."""
        pages: dict[str, SitePage] = {}
        for key, page in self.pages.items():
            pages.setdefault(files[key].absolute.lower(), page)
        # The exact path wins over another file's path in lower case.
        for key, page in self.pages.items():
            pages[files[key].absolute] = page
        # Links to a file that is gone lead where its redirect does.
        for path, page in self.redirects.files.items():
            pages.setdefault(path, page)

        uids: dict[str, SitePage] = {}
        for key, uid in self.uids.items():
            uids.setdefault(uid.lower(), self.pages[key])
        for uid, key in _implicit_uids(files).items():
            uids.setdefault(uid, self.pages[key])

        audiences: dict[str, str] = {}
        for file in files.values():
            root = file.absolute.removesuffix(file.path).rstrip("/") or "/"
            audiences[root] = file.audience

        folder = str(media) if media else None
        return SiteIndex(
            pages, uids, boilerplate, folder, today, audiences, dict(front_matter or {})
        )


def _implicit_uids(files: Mapping[str, SourceFile]) -> dict[str, str]:
    """``folder.page`` -> the key of the only file that it can mean.

    DocFX gives the pages of generated references such uids without writing them into the files:
    ``<xref:Shop.Orders.Get-Order>`` means ``Shop.Orders/Get-Order.md``, or that file in a folder
    ``About`` below it.
    """
    owners: dict[str, set[str]] = {}
    for key, file in files.items():
        *folders, name = file.path.lower().split("/")
        if name.endswith(_MARKDOWN_SUFFIXES):
            stem = name.rpartition(".")[0]
            for folder in folders[-2:]:
                owners.setdefault(f"{folder}.{stem}", set()).add(key)
    return {uid: keys.pop() for uid, keys in owners.items() if len(keys) == 1}


def assign_ids(
    files: Mapping[str, SourceFile],
    previous: Mapping[str, Entry],
    fresh: Iterable[str],
    today: dt.date,
) -> DocumentIds:
    """A page for every file; ``fresh`` are the keys of the files whose heads must be read."""
    must_peek = set(fresh)
    must_peek |= {key for key, entry in previous.items() if entry.until and entry.until <= today}
    previous_owners = {entry.page_id: key for key, entry in previous.items() if key in files}

    pages: dict[str, SitePage] = {}
    uids: dict[str, str] = {}
    owners: dict[str, str] = {}
    findings: list[Finding] = []

    for key, file in files.items():
        entry = previous.get(key)
        if entry is not None and key not in must_peek:
            head = _Head(entry.uid, entry.title, entry.collection, entry.audience)
        else:
            head = _peek(file, today)
        uid = head.uid

        preferred = ids.document_id(_kind(file), ids.slug(uid)) if uid else path_id(file)
        page_id = _free_id(preferred, key, entry, previous_owners, owners)
        if page_id != preferred:
            other = owners.get(preferred) or previous_owners.get(preferred, "")
            reason = f"The uid {uid}" if uid else "This path"
            findings.append(
                make_finding(
                    "address-taken",
                    file.name,
                    target=uid,
                    reason=reason,
                    other=other.partition("=")[2],
                    id=page_id,
                )
            )

        owners[page_id] = key
        pages[key] = SitePage(page_id, head.title, head.collection, head.audience)
        if uid:
            uids[key] = uid

    return DocumentIds(pages, uids, find_redirects(files.values(), pages), tuple(findings))


def path_id(file: SourceFile) -> str:
    """The ID that the file's path alone gives."""
    path = INDEX_PAGE.sub(r"\1", file.path)
    if path.startswith("."):  # index.md at the root: there is no folder to name it after
        path = file.path
    return ids.document_id(_kind(file), path)


def _kind(file: SourceFile) -> DocumentKind:
    """A YAML file among articles holds questions; a mailbox holds discussions."""
    suffix = os.path.splitext(file.path.lower())[1]
    if suffix in (".yml", ".yaml"):
        return DocumentKind.FAQ
    return DocumentKind.FORUM if suffix == ".mbox" else file.kind


def _free_id(
    preferred: str,
    key: str,
    entry: Entry | None,
    previous_owners: Mapping[str, str],
    owners: Mapping[str, str],
) -> str:
    """``preferred``, or with a number behind it when another file has or had it."""
    if entry is not None:
        kept = entry.page_id
        is_ours = previous_owners.get(kept) == key and kept not in owners
        if is_ours and _is_numbered(kept, preferred):
            return kept

    candidate, number = preferred, 1
    while candidate in owners or previous_owners.get(candidate, key) != key:
        number += 1
        candidate = f"{preferred}-{number}"
    return candidate


def _is_numbered(page_id: str, preferred: str) -> bool:
    """Whether ``page_id`` is ``preferred``, or ``preferred-2`` and so on."""
    if page_id == preferred:
        return True
    return page_id.startswith(f"{preferred}-") and page_id[len(preferred) + 1 :].isdecimal()


class _Head(NamedTuple):
    uid: str = ""
    title: str = ""
    collection: bool = False  # each heading is a document
    audience: str = PUBLIC  # of the title; "" when the page is not published


def _peek(file: SourceFile, today: dt.date) -> _Head:
    """What the first lines of a file say."""
    path = file.path.lower()
    if path.endswith(_COLLECTION_SUFFIXES):
        return _Head(collection=True, audience=file.audience)
    if not path.endswith(_MARKDOWN_SUFFIXES):
        return _Head(audience=file.audience)

    # The questions of a FAQ file may begin anywhere.
    is_faq = file.kind is DocumentKind.FAQ
    try:
        with Path(file.absolute).open("rb") as opened:
            data = opened.read(-1 if is_faq else _HEAD_SIZE)
    except OSError:
        return _Head(audience="")

    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    try:
        values, body, _ = frontmatter.split_front_matter(text)
        audience = page_audience(values, file.audience, today)
        if is_unpublished(values, today):
            audience = ""
    except frontmatter.FrontMatterError as error:
        values, body = {}, error.body
        audience = "" if frontmatter.restricts_visibility(text) else file.audience

    title = frontmatter.text(values, "title")
    heading = _HEADING.search(body)
    if not title and heading:
        title = heading[1].strip()
    collection = is_faq and faq.holds_many(body)
    return _Head(frontmatter.text(values, "uid"), title, collection, audience)


def is_html_page(file: SourceFile) -> bool:
    """Whether it is an HTML page, by its name."""
    return _HTML_PAGE.search(file.path) is not None


def group_sites(files: Iterable[SourceFile]) -> dict[str, list[SourceFile]]:
    """HTML pages by site: the nearest folder that holds enough pages, with all below it."""
    pages = [file for file in files if is_html_page(file)]

    page_counts: dict[str, int] = {}
    for page in pages:
        for folder in _folders(page):
            page_counts[folder] = page_counts.get(folder, 0) + 1

    sites: dict[str, list[SourceFile]] = {}
    for page in pages:
        for folder in _folders(page):
            if page_counts[folder] >= _MIN_SITE_PAGES:
                sites.setdefault(folder, []).append(page)
                break
    return sites


def _folders(page: SourceFile) -> list[str]:
    """The folders above ``page`` within its root, the nearest first."""
    root = page.absolute.removesuffix(page.path).rstrip("/")
    folders = []
    folder = os.path.dirname(page.absolute)
    while folder.startswith(root) and len(folder) >= len(root):
        folders.append(folder)
        parent = os.path.dirname(folder)
        folder = parent if parent != folder else ""
    return folders
