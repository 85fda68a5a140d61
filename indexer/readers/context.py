"""What may the reader of one file know of the other files, and what did it learn?

A ``Library`` says where every file of the run will be found in the portal; a ``Visit`` is one file
being read: it resolves links, includes and images, never outside the file's limit, and collects
findings. Not for parsing anything.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from indexer.readers import frontmatter
from indexer.report import Finding
from indexer.sources import format_detection as formats
from indexer.sources.walk import SIZE_LIMIT, SourceFile
from kb import ids
from kb.search.documents import PUBLIC, Document, visible_to

#: nh3 puts this before every id, so that no article can take the name of a part of the portal.
ID_PREFIX = "s-"
INCLUDE_DEPTH = 8
INCLUDE_COUNT = 200
_SCHEMES = frozenset({"http", "https", "mailto", "tel", "ftp", "ftps"})
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_PAGE_SUFFIXES = (
    "",
    ".md",
    ".html",
    ".rst",
    ".mdx",
    "/index.md",
    "/_index.md",
    "/README.md",
    "/index.html",
)
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
)
#: Addresses of the portal itself, which articles may lead to as they are.
_PORTAL = re.compile(r"/(?:help/.|media/.|search$|tickets(?:/|$)|docs$|faq$|forum$|sign-in$|$)")
_CONTROLS = re.compile(r"[\x00-\x20\x7f]+")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file is found: its document's id, its title for ``xref``; ``many`` when each heading
    is a document.
    """

    id: str
    title: str = ""
    many: bool = False


@dataclass(frozen=True, slots=True)
class Library:
    """What all readers share. ``places`` by absolute path, ``uids`` by uid, ``chrome`` by folder:
    the texts of the blocks that a site repeats on its pages; ``media`` is where images are copied
    to (None: nowhere); ``today`` decides what is expired.
    """

    places: Mapping[str, Place] = field(default_factory=dict)
    uids: Mapping[str, Place] = field(default_factory=dict)
    chrome: Mapping[str, frozenset[int]] = field(default_factory=dict)
    media: str | None = None
    today: dt.date = dt.date.min

    def place(self, path: str) -> Place | None:
        """Where the file at ``path`` is found; written in other cases it is found too, as on
        Windows and macOS.
        """
        return self.places.get(path) or self.places.get(path.lower())

    def site(self, path: str) -> frozenset[int]:
        """The repeated blocks of the nearest folder above ``path`` that is a site."""
        for folder in Path(path).parents:
            if str(folder) in self.chrome:
                return self.chrome[str(folder)]
        return frozenset()


@dataclass(frozen=True, slots=True)
class Reading:
    """What came out of one file. ``includes``: absolute path -> stamp; ``links``: what was looked
    up -> the id found, or ""; ``until``: the day on which reading it again would give something
    else."""

    key: str
    documents: tuple[Document, ...] = ()
    findings: tuple[Finding, ...] = ()
    includes: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    until: dt.date | None = None


class Visit:
    """One file being read. ``line`` is added to the line of a finding: bodies begin after their
    front matter.
    """

    def __init__(self, file: SourceFile, library: Library, *, careful: int = 0) -> None:
        self.file, self.library, self.careful = file, library, careful
        self.findings: list[Finding] = []
        self.includes: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self.until: dt.date | None = None
        self.audience = (
            PUBLIC  # of the document that is being read; narrower ones may not be included into it
        )
        self._included = 0

    @property
    def place(self) -> Place:
        found = self.library.places.get(self.file.absolute)
        return found if found else Place(ids.document_id(self.file.kind, self.file.path))

    def note(self, sentence: str, *, line: int = 0, skipped: bool = False) -> None:
        finding = Finding(self.file.name, line, sentence, skipped)
        if finding not in self.findings[-50:]:
            self.findings.append(finding)

    def expires(self, day: dt.date) -> None:
        self.until = min(day, self.until or day)

    def reading(self, documents: tuple[Document, ...]) -> Reading:
        return Reading(
            self.file.key, documents, tuple(self.findings), self.includes, self.links, self.until
        )

    # Links

    def link(self, href: str) -> str | None:
        """Where ``href`` leads in the portal, or None when it leads nowhere a reader may go."""
        href = (
            _CONTROLS.sub("", href)
            if _CONTROLS.search(href.strip()) and ":" in href[:30]
            else href.strip()
        )
        if href.startswith("#"):
            return fragment(href[1:]) or None
        if href.lower().startswith("xref:"):
            return self._uid(href[5:])
        try:
            parts = urlsplit(href)
        except ValueError:
            return None
        if href.startswith("//"):
            return f"https:{href}"
        if parts.scheme:
            return href if parts.scheme.lower() in _SCHEMES else None
        if _PORTAL.match(parts.path):
            return href
        if _MAIL.fullmatch(href):
            self.note(
                f"The link to {href} is a mail address without mailto:, which was put before it."
            )
            return f"mailto:{href}"
        return self._page(unquote(parts.path), parts.fragment)

    def title(self, uid: str) -> str:
        """The title of the article that ``uid`` names, or the uid itself."""
        place = self.library.uids.get(_bare_uid(uid).lower())
        return place.title if place and place.title else _bare_uid(uid)

    def _uid(self, uid: str) -> str | None:
        name, _, anchor = uid.partition("#")
        name = _bare_uid(name)
        place = self.library.uids.get(name.lower())
        self.links[f"uid:{name.lower()}"] = place.id if place else ""
        if place is None:
            self.note(f"No article has the uid {name}; the link was taken out.")
            return None
        return f"/help/{place.id}{fragment(anchor)}"

    def _page(self, path: str, anchor: str) -> str | None:
        if not path:
            return None
        for folder in self._folders(path):
            wanted = os.path.normpath(f"{folder}/{path.lstrip('/')}")
            for suffix in _PAGE_SUFFIXES:
                place = self.library.place(wanted + suffix)
                if place:
                    self.links[wanted + suffix] = place.id
                    return _address(place, anchor)
        self.links[wanted] = ""
        if path.lower().endswith((".md", ".markdown", ".mdx", ".rst")) and not path.startswith("/"):
            self.note(f"The link to {path} leads to no document; it was taken out.")
        return None

    def _folders(self, path: str) -> tuple[str, ...]:
        if path.startswith("/"):
            root = self.file.absolute.removesuffix(self.file.path).rstrip("/") or "/"
            return (root, self.file.limit)
        return (os.path.dirname(self.file.absolute),)

    # Other files

    def include(self, path: str, *, beside: str = "", depth: int = 0) -> tuple[str, str] | None:
        """(text, absolute path) of a file to be included into this one; None with a finding."""
        self._included += 1
        if depth >= INCLUDE_DEPTH or self._included > INCLUDE_COUNT:
            self.note(
                f"The include of {path} is nested too deeply or one of too many; it was left out."
            )
            return None
        found = self._inside(path, beside or self.file.absolute, anywhere=True)
        if found is None:
            self.includes.setdefault(
                os.path.normpath(f"{os.path.dirname(self.file.absolute)}/{path}"), ""
            )
            self.note(
                f"The include of {path} was left out: there is no such file inside "
                f"{self.file.root}."
            )
            return None
        self.includes[found] = stamp(found)
        text = formats.decode(_bytes(found))[0]
        if not self._may_show(text):
            self.note(
                f"The include of {path} was left out: it is a draft, or for fewer readers than "
                f"this page."
            )
            return None
        return text, found

    def _may_show(self, text: str) -> bool:
        """Whether everyone who may read this file may read ``text``, by what its own front matter
        says.
        """
        try:
            values = frontmatter.split(text)[0]
        except frontmatter.Broken:
            return not frontmatter.guarded(text)
        if frontmatter.yes(values, "draft") or frontmatter.no(values, "published"):
            return False
        said = frontmatter.text(values, "audience").lower()
        return said in ("", *visible_to(self.audience))

    def image(self, src: str) -> str | None:
        """The portal's address of an image, which is copied into the media folder; None with a
        finding.
        """
        path = unquote(src.strip().split("?")[0].split("#")[0])
        found = self._inside(path, self.file.absolute, anywhere=False)
        if found is None:
            self.note(
                f"The image {src[:200]} was left out: there is no such file inside "
                f"{self.file.root}."
            )
            return None
        self.includes[found] = stamp(found)
        data = _bytes(found)
        name = hashlib.blake2b(data, digest_size=8).hexdigest()
        suffix = picture(data)
        if suffix is None:
            self.note(
                f"The image {src[:200]} was left out: only PNG, JPEG, GIF and WebP are shown."
            )
            return None
        if self.library.media:
            _keep(Path(self.library.media) / f"{name}.{suffix}", data)
        return f"/media/{name}.{suffix}"

    def _inside(self, path: str, beside: str, *, anywhere: bool) -> str | None:
        """The real file that ``path`` means, only when no symbolic link or ``..`` leads out of the
        limit.
        """
        limit = self.file.limit
        if "\x00" in path or len(path) > 1000:
            return None
        folders = [os.path.dirname(beside)]
        if path.startswith("/") or anywhere:
            folders += [
                str(parent) for parent in Path(beside).parents if str(parent).startswith(limit)
            ]
        for folder in folders:
            wanted = os.path.normpath(posixpath.join(folder, path.lstrip("/")))
            if not wanted.startswith(limit.rstrip("/") + "/"):
                continue
            if (
                os.path.isfile(wanted)
                and os.path.realpath(wanted) == wanted
                and os.path.getsize(wanted) <= SIZE_LIMIT
            ):
                return wanted
        return None


def fragment(name: str) -> str:
    """``#Release notes`` in a source -> ``#s-release-notes`` in the portal."""
    return f"#{ID_PREFIX}{ids.slug(unquote(name))}" if name.strip() else ""


def stamp(path: str) -> str:
    """What changes when a file does, without reading it; "" when it is not there."""
    try:
        facts = os.lstat(path)
    except OSError:
        return ""
    return f"{facts.st_size}:{facts.st_mtime_ns}"


def picture(data: bytes) -> str | None:
    """The suffix of an image by its first bytes, or None."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return next((suffix for magic, suffix in _MAGIC if data.startswith(magic)), None)


def _bytes(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def _keep(path: Path, data: bytes) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_bytes(data)
    aside.replace(path)


def _bare_uid(uid: str) -> str:
    return unquote(uid.split("?")[0].strip())


def _address(place: Place, anchor: str) -> str:
    if place.many:
        return (
            f"/help/{place.id}/{ids.slug(unquote(anchor))}"
            if anchor
            else f"/{place.id.split('/')[0]}"
        )
    return f"/help/{place.id}{fragment(anchor)}"
