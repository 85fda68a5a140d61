"""Which files lie where the editor pointed, and which of them may be read?

``KIND=PATH`` becomes a ``Source``; ``walk`` yields its ``SourceFile``s and a ``Finding`` for each
file that is left alone. Never leaves the root: no symbolic links, no devices, no hidden folders.
Not for looking into files.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from indexer.report import Finding
from indexer.sources import format_detection
from kb.errors import Invalid
from kb.search.documents import DocumentKind

#: Bytes. A dump of a whole forum is streamed and may be larger (see ``DUMP_LIMIT``).
SIZE_LIMIT = 10 * 1024 * 1024
DUMP_LIMIT = 64 * 1024**3
IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".ico", ".bmp", ".avif"}
)
_RETIRED = frozenset(
    {"draft", "drafts", "_drafts", "archive", "archived", "_archive", "_archived", "expired"}
)
_PARTS = frozenset({"includes", "node_modules", "__pycache__"})
#: Folders with a leading underscore hold parts of pages, except where a site generator keeps its
#: pages there.
_UNDERSCORED_PAGES = frozenset({"_posts", "_docs", "_pages", "_faq", "_articles"})


@dataclass(frozen=True, slots=True)
class Source:
    """A root: ``name`` is unique in the run; ``limit`` is the folder that includes and images may
    not leave.
    """

    kind: DocumentKind
    name: str
    path: Path
    limit: Path


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file: ``path`` is relative to its root, with ``/``; ``size`` in bytes; ``absolute`` is
    where it lies.
    """

    kind: DocumentKind
    root: str
    path: str
    size: int
    mtime_ns: int
    absolute: str
    limit: str

    @property
    def key(self) -> str:
        """What the ledger knows it by."""
        return f"{self.kind}={self.root}/{self.path}"

    @property
    def name(self) -> str:
        """What an editor knows it by: the root's name and the path in it."""
        return f"{self.root}/{self.path}"


def parse_sources(words: Iterable[str], *, content: Path | None = None) -> tuple[Source, ...]:
    """``KIND=PATH`` words to Sources. Raises Invalid with one sentence when a word or its path is
    wrong.
    """
    sources: list[Source] = []
    for word in words:
        kind, equals, path = word.partition("=")
        if not equals or kind not in tuple(DocumentKind) or not path:
            raise Invalid(
                f"{word!r} is no source; give KIND=PATH with KIND doc, faq or forum.",
                field="source",
            )
        sources.append(
            _source(
                DocumentKind(kind), Path(path), word, content, {source.name for source in sources}
            )
        )
    return tuple(sources)


def _source(
    kind: DocumentKind, path: Path, word: str, content: Path | None, taken: set[str]
) -> Source:
    path = Path(os.path.abspath(path))
    if not path.exists():
        raise Invalid(f"{word}: there is no file or folder {path}; check the path.", field="source")
    if not (path.is_dir() or path.is_file()):
        raise Invalid(
            f"{word}: {path} is neither a file nor a folder; point to one of these.", field="source"
        )
    # The root itself may be a link that the editor chose; nothing below it may.
    path = Path(os.path.realpath(path))
    folder = path if path.is_dir() else path.parent
    limit = folder
    if content is not None and folder.is_relative_to(os.path.realpath(content)):
        limit = Path(os.path.realpath(content))
    return Source(kind, _unique(folder.name or "root", taken), path, limit)


def _unique(name: str, taken: set[str]) -> str:
    candidates = (name, *(f"{name}-{n}" for n in range(2, len(taken) + 3)))
    return next(candidate for candidate in candidates if candidate not in taken)


def walk_files(source: Source, skip: Callable[[Finding], None]) -> Iterator[SourceFile]:
    """The files of ``source`` in a fixed order; each one left alone is told to ``skip``. Images are
    not told.
    """
    if source.path.is_file():
        yield from _file(source, source.path.name, os.lstat(source.path), source.path, skip)
        return
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            entries = sorted(os.scandir(source.path / folder), key=lambda entry: entry.name)
        except OSError as error:
            skip(
                Finding(
                    f"{source.name}/{folder}",
                    0,
                    f"This folder cannot be opened: {error.strerror}.",
                    True,
                )
            )
            continue
        below = []
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                below += [path] if _wanted(source, path, entry.name, skip) else []
            else:
                yield from _entry(source, path, entry, skip)
        folders += reversed(below)


def _wanted(source: Source, path: str, name: str, skip: Callable[[Finding], None]) -> bool:
    if name.startswith("."):
        return False
    reason = ""
    if name.lower() in _RETIRED:
        reason = f"The folder is named {name}, so its files are not published."
    elif name in _PARTS or (name.startswith("_") and name not in _UNDERSCORED_PAGES):
        reason = "The folder holds parts of pages, not pages."
    if reason:
        skip(Finding(f"{source.name}/{path}/", 0, reason, True))
    return not reason


def _entry(
    source: Source, path: str, entry: os.DirEntry[str], skip: Callable[[Finding], None]
) -> Iterator[SourceFile]:
    if entry.name.startswith(".") and not format_detection.is_redirect_list(entry.name):
        return
    try:
        facts = entry.stat(follow_symlinks=False)
    except OSError as error:
        skip(
            Finding(f"{source.name}/{path}", 0, f"It cannot be looked at: {error.strerror}.", True)
        )
        return
    yield from _file(source, path, facts, Path(entry.path), skip)


def _file(
    source: Source,
    path: str,
    facts: os.stat_result,
    absolute: Path,
    skip: Callable[[Finding], None],
) -> Iterator[SourceFile]:
    reason = _refused(path, facts)
    if reason is None and _is_part(os.path.basename(path)) and absolute != source.path:
        reason = "Its name begins with _, so that it is a part of other pages."
    if reason is None:
        key = (
            source.kind,
            source.name,
            path,
            facts.st_size,
            facts.st_mtime_ns,
            str(absolute),
            str(source.limit),
        )
        yield SourceFile(*key)
    elif reason:
        skip(Finding(f"{source.name}/{path}", 0, reason, True))


def _is_part(name: str) -> bool:
    """Site generators keep parts of pages so; ``_index`` is a page of Hugo's."""
    return (
        name.startswith("_")
        and not name.startswith("_index.")
        and not format_detection.is_redirect_list(name)
    )


def _refused(path: str, facts: os.stat_result) -> str | None:
    """Why this file is left alone; "" without a word; None when it may be read."""
    suffix = os.path.splitext(path)[1].lower()
    if stat.S_ISLNK(facts.st_mode):
        return "It is a symbolic link; copy the file here if it should be read."
    if not stat.S_ISREG(facts.st_mode):
        return "It is no ordinary file."
    if suffix in IMAGE_SUFFIXES:
        return ""
    if facts.st_size > (DUMP_LIMIT if suffix == ".xml" else SIZE_LIMIT):
        megabytes = SIZE_LIMIT // 1024**2
        return f"It is larger than {megabytes} MB ({facts.st_size // 1024**2} MB); split it."
    return None if facts.st_size else "It is empty."
