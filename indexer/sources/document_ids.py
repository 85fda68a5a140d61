"""Under which id does each file stand, and is it still the id of last time?

A file's id comes from its uid, else from its path; two files that want one id get it in the order
of their paths, and whoever had an id keeps it. Gives the ``Library`` that readers resolve links
with. Not for reading texts.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from indexer.readers import faq, frontmatter
from indexer.readers.context import Library, Place
from indexer.report import Finding
from indexer.sources.ledger import Entry
from indexer.sources.walk import SourceFile
from kb import ids
from kb.search.documents import Kind

_HEAD = frontmatter.LIMIT + 2048
_MARKDOWN = (".md", ".markdown", ".mdx", ".mkd", ".mdown", ".txt")
_PAGE = re.compile(r"\.x?html?(\.gz)?$", re.IGNORECASE)
_FOLDER_PAGE = re.compile(
    r"(?:^|/)(?:index|_index|readme)(?:\.[a-z]{2})?(\.\w+(?:\.gz)?)$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Shelf:
    """``places`` and ``uids`` by the file's key."""

    places: Mapping[str, Place]
    uids: Mapping[str, str]
    findings: tuple[Finding, ...]

    def library(
        self,
        files: Mapping[str, SourceFile],
        chrome: Mapping[str, frozenset[int]],
        media: Path | None,
        today: dt.date,
    ) -> Library:
        """What the readers share."""
        by_path: dict[str, Place] = {}
        for key, place in self.places.items():
            by_path.setdefault(files[key].absolute.lower(), place)
        by_path |= {files[key].absolute: place for key, place in self.places.items()}
        by_uid: dict[str, Place] = {}
        for key, uid in self.uids.items():
            by_uid.setdefault(uid.lower(), self.places[key])
        return Library(by_path, by_uid, chrome, str(media) if media else None, today)


def arrange(
    files: Mapping[str, SourceFile], before: Mapping[str, Entry], fresh: Iterable[str]
) -> Shelf:
    """A place for every file; ``fresh`` are the keys whose heads must be looked into."""
    looked = set(fresh)
    places: dict[str, Place] = {}
    uids: dict[str, str] = {}
    findings: list[Finding] = []
    had = {entry.place: key for key, entry in before.items() if key in files}
    taken: dict[str, str] = {}
    for key, file in files.items():
        old = before.get(key)
        if old is not None and key not in looked:
            uid, title, many = old.uid, old.title, old.many
        else:
            uid, title, many = _peek(file)
        wanted = ids.document_id(_kind(file), ids.slug(uid) if uid else _named(file.path))
        id_ = _free(wanted, key, old, had, taken)
        if id_ != wanted:
            other = taken.get(wanted) or had.get(wanted, "")
            what = f"The uid {uid}" if uid else "This path"
            sentence = (
                f"{what} gives the same address as {other.partition('=')[2]}; this one is "
                f"found at /help/{id_}."
            )
            findings.append(Finding(file.name, 0, sentence))
        taken[id_] = key
        places[key] = Place(id_, title, many)
        if uid:
            uids[key] = uid
    return Shelf(places, uids, tuple(findings))


def path_id(file: SourceFile) -> str:
    """The id that the file's path alone would give."""
    return ids.document_id(_kind(file), _named(file.path))


def _kind(file: SourceFile) -> Kind:
    """A YAML file among articles holds questions; a mailbox holds discussions."""
    suffix = os.path.splitext(file.path.lower())[1]
    return {".yml": Kind.FAQ, ".yaml": Kind.FAQ, ".mbox": Kind.FORUM}.get(suffix, file.kind)


def _free(
    wanted: str, key: str, old: Entry | None, had: Mapping[str, str], taken: Mapping[str, str]
) -> str:
    kept = old is not None and had.get(old.place) == key and old.place not in taken
    if old is not None and kept and _numbered(old.place, wanted):
        return old.place
    name, number = wanted, 1
    while name in taken or had.get(name, key) != key:
        number += 1
        name = f"{wanted}-{number}"
    return name


def _numbered(id_: str, wanted: str) -> bool:
    """Whether ``id_`` is ``wanted``, or ``wanted-2`` and so on."""
    return id_ == wanted or (id_.startswith(f"{wanted}-") and id_[len(wanted) + 1 :].isdecimal())


def _named(path: str) -> str:
    """The path that the id is made of: ``guides/index.md`` stands for its folder."""
    folder = _FOLDER_PAGE.sub(r"\1", path)
    if folder == path or folder.startswith("."):
        return path
    return folder


def _peek(file: SourceFile) -> tuple[str, str, bool]:
    """(uid, title, whether each heading is a document) of a Markdown file, from its first lines."""
    if file.path.lower().endswith((".yml", ".yaml", ".mbox")):
        return "", "", True
    if not file.path.lower().endswith(_MARKDOWN):
        return "", "", False
    whole = file.kind is Kind.FAQ
    try:
        with Path(file.absolute).open("rb") as opened:
            text = (
                opened.read(-1 if whole else _HEAD).decode("utf-8", "replace").replace("\r\n", "\n")
            )
    except OSError:
        return "", "", False
    try:
        values, body, _ = frontmatter.split(text)
    except frontmatter.Broken as broken:
        values, body = {}, broken.body
    heading = re.search(r"^#[ \t]+(.{1,300})$", body, re.MULTILINE)
    title = frontmatter.text(values, "title") or (heading[1].strip() if heading else "")
    return frontmatter.text(values, "uid"), title, whole and faq.holds_many(body)


def is_page(file: SourceFile) -> bool:
    """Whether it is an HTML page, by its name."""
    return _PAGE.search(file.path) is not None


def sites(files: Iterable[SourceFile], least: int = 8) -> dict[str, list[SourceFile]]:
    """HTML pages by site: the nearest folder that holds, with all below it, ``least`` pages or
    more.
    """
    pages = [file for file in files if is_page(file)]
    found: dict[str, list[SourceFile]] = {}
    below: dict[str, int] = {}
    for page in pages:
        for folder in _folders(page):
            below[folder] = below.get(folder, 0) + 1
    for page in pages:
        site = next((folder for folder in _folders(page) if below[folder] >= least), None)
        if site:
            found.setdefault(site, []).append(page)
    return found


def _folders(page: SourceFile) -> list[str]:
    root = page.absolute.removesuffix(page.path).rstrip("/")
    folders, folder = [], os.path.dirname(page.absolute)
    while folder.startswith(root) and len(folder) >= len(root):
        folders.append(folder)
        folder = os.path.dirname(folder) if folder != os.path.dirname(folder) else ""
    return folders
