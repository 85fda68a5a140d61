"""Sources and their files: what lies where the editor pointed, and which of it may be read.

``KIND=PATH`` becomes a ``Source``; ``walk_files`` yields its ``SourceFile``s and reports each file
that is skipped. It never leaves the root: no symbolic links, no devices, no hidden folders. Files
are not opened here.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from indexer.findings import Finding, make_finding
from indexer.sources.format_detection import is_redirect_list
from indexer.sources.hard_links import is_linked_outside
from kb.errors import Invalid
from kb.search.documents import PUBLIC, DocumentKind, is_audience, normal_audience

_MEGABYTE = 1024 * 1024

#: Bytes. The dump of a whole forum is streamed and may be larger.
SIZE_LIMIT = 10 * _MEGABYTE
DUMP_LIMIT = 64 * 1024**3

IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".ico", ".bmp", ".avif"}
)
_UNPUBLISHED_FOLDERS = frozenset(
    {"draft", "drafts", "_drafts", "archive", "archived", "_archive", "_archived", "expired"}
)
_PARTS_FOLDERS = frozenset({"includes", "node_modules", "__pycache__"})

#: Folders with a leading underscore hold parts of pages, except where a site generator keeps its
#: pages there.
_UNDERSCORED_PAGES = frozenset({"_posts", "_docs", "_pages", "_faq", "_articles"})

Skip = Callable[[Finding], None]


@dataclass(frozen=True, slots=True)
class Source:
    """A root. ``name`` is unique in the run; includes and images may not leave the folder
    ``limit``. Pages that name no audience have the default ``audience``."""

    kind: DocumentKind
    name: str
    path: Path
    limit: Path
    audience: str = PUBLIC

    @property
    def key(self) -> str:
        """What the keys of its files begin with. With another audience its files are others."""
        return f"{self.kind}{_audience_mark(self.audience)}={self.name}"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file. ``path`` is relative to its root and has ``/`` between its parts; ``size`` is in
    bytes."""

    kind: DocumentKind
    root: str
    path: str
    size: int
    mtime_ns: int
    absolute: str
    limit: str
    audience: str = PUBLIC

    @property
    def key(self) -> str:
        """The name of the file in the ledger."""
        return f"{self.kind}{_audience_mark(self.audience)}={self.root}/{self.path}"

    @property
    def name(self) -> str:
        """The name of the file for editors: the root's name and the path in it."""
        return f"{self.root}/{self.path}"


def _audience_mark(audience: str) -> str:
    return "" if audience == PUBLIC else f"@{audience}"


def parse_sources(words: Iterable[str], *, content: Path | None = None) -> tuple[Source, ...]:
    """Sources from ``KIND=PATH`` and ``KIND@AUDIENCE=PATH`` words.

    Files inside the ``content`` folder may include others from all of it. Raises Invalid when a
    word or its path is wrong.
    """
    sources: list[Source] = []
    for word in words:
        head, _, path = word.partition("=")
        kind, at, audience = head.partition("@")
        if kind not in tuple(DocumentKind) or not path or bool(at) != bool(audience):
            raise Invalid(
                f"{word!r} is not a valid source; use KIND=PATH, where KIND is doc, faq, or forum, "
                "or KIND@AUDIENCE=PATH.",
                field="source",
            )
        if at and not is_audience(audience):
            raise Invalid(
                f"{word!r}: {audience!r} is not a valid audience; use public, customers, partners, "
                "staff, or a group.",
                field="source",
            )
        names = {source.name for source in sources}
        source = _source(DocumentKind(kind), Path(path), word, content, names)
        sources.append(replace(source, audience=normal_audience(audience) if at else PUBLIC))
    return tuple(sources)


def _source(
    kind: DocumentKind, path: Path, word: str, content: Path | None, taken_names: set[str]
) -> Source:
    path = Path(os.path.abspath(path))
    if not path.exists():
        raise Invalid(f"{word}: {path} does not exist; check the path.", field="source")
    if not (path.is_dir() or path.is_file()):
        raise Invalid(f"{word}: {path} is neither a file nor a folder.", field="source")

    # The root itself may be a link that the editor chose; nothing below it may.
    path = Path(os.path.realpath(path))
    folder = path if path.is_dir() else path.parent
    limit = folder
    if content is not None and folder.is_relative_to(os.path.realpath(content)):
        limit = Path(os.path.realpath(content))

    name = folder.name or "root"
    number = 1
    while name in taken_names:
        number += 1
        name = f"{folder.name or 'root'}-{number}"
    return Source(kind, name, path, limit)


def walk_files(source: Source, skip: Skip) -> Iterator[SourceFile]:
    """The files of ``source`` in a fixed order; each skipped one is reported to ``skip``.

    Images are left out without a report: the pages that show them copy them.
    """
    if source.path.is_file():
        yield from _file(source, source.path.name, os.lstat(source.path), str(source.path), skip)
        return

    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            entries = sorted(os.scandir(source.path / folder), key=lambda entry: entry.name)
        except OSError as error:
            name = f"{source.name}/{folder}"
            skip(make_finding("folder-unreadable", name, reason=error.strerror))
            continue

        subfolders = []
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if not entry.is_dir(follow_symlinks=False):
                yield from _entry(source, path, entry, skip)
            elif _holds_pages(source, path, entry.name, skip):
                subfolders.append(path)
        folders += reversed(subfolders)


def _holds_pages(source: Source, path: str, name: str, skip: Skip) -> bool:
    if name.startswith("."):
        return False
    if name.lower() in _UNPUBLISHED_FOLDERS:
        skip(make_finding("unpublished-folder", f"{source.name}/{path}/", name=name))
        return False
    if name in _PARTS_FOLDERS or (name.startswith("_") and name not in _UNDERSCORED_PAGES):
        skip(make_finding("folder-of-parts", f"{source.name}/{path}/"))
        return False
    return True


def _entry(source: Source, path: str, entry: os.DirEntry[str], skip: Skip) -> Iterator[SourceFile]:
    if entry.name.startswith(".") and not is_redirect_list(entry.name):
        return
    try:
        facts = entry.stat(follow_symlinks=False)
    except OSError as error:
        skip(make_finding("file-unreadable", f"{source.name}/{path}", reason=error.strerror))
        return
    yield from _file(source, path, facts, entry.path, skip)


def _file(
    source: Source, path: str, facts: os.stat_result, absolute: str, skip: Skip
) -> Iterator[SourceFile]:
    name = f"{source.name}/{path}"
    suffix = os.path.splitext(path)[1].lower()
    size_limit = DUMP_LIMIT if suffix == ".xml" else SIZE_LIMIT

    if stat.S_ISLNK(facts.st_mode):
        skip(make_finding("symbolic-link", name))
    elif not stat.S_ISREG(facts.st_mode):
        skip(make_finding("special-file", name))
    elif suffix in IMAGE_SUFFIXES:
        return
    elif is_linked_outside(facts, str(source.limit)):
        skip(make_finding("hard-link", name))
    elif facts.st_size > size_limit:
        size, limit = facts.st_size // _MEGABYTE, SIZE_LIMIT // _MEGABYTE
        skip(make_finding("too-large", name, size=size, limit=limit))
    elif not facts.st_size:
        skip(make_finding("empty-file", name))
    elif _is_part(os.path.basename(path)) and absolute != str(source.path):
        skip(make_finding("part-of-pages", name))
    else:
        yield SourceFile(
            kind=source.kind,
            root=source.name,
            path=path,
            size=facts.st_size,
            mtime_ns=facts.st_mtime_ns,
            absolute=absolute,
            limit=str(source.limit),
            audience=source.audience,
        )


def _is_part(name: str) -> bool:
    """Whether a site generator would take the file for a part of pages; ``_index`` is a page of
    Hugo's."""
    return name.startswith("_") and not name.startswith("_index.") and not is_redirect_list(name)
