"""ReadContext: what the reader of one file may know of other files, and what it reports.

Links, includes, and images are resolved here; no path leaves the source's limit, neither through
``..`` nor through a symbolic link. Everything that was looked up is noted, so that a later run
knows when the file must be read again. Nothing is parsed here.
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

from indexer.findings import Finding, make_finding
from indexer.html.drawings import has_dark_colours, is_drawing, what_is_refused
from indexer.readers import frontmatter
from indexer.readers.access import is_unpublished, page_audience
from indexer.readers.site_index import TITLE_LINK, SiteIndex, SitePage, portal_fragment
from indexer.sources.format_detection import decode_text
from indexer.sources.hard_links import is_linked_outside
from indexer.sources.walk import SIZE_LIMIT, SourceFile
from kb import ids
from kb.search.documents import Document, visible_to

INCLUDE_DEPTH = 8
INCLUDE_COUNT = 200

#: A finding that was reported among so many last ones is not repeated.
_RECENT_FINDINGS = 50
_MAX_PATH = 1000  # characters

_URL_SCHEMES = frozenset({"http", "https", "mailto", "tel", "ftp", "ftps"})
_MAIL_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_CONTROLS = re.compile(r"[\x00-\x20\x7f]+")

#: Addresses of the portal itself, which articles may link to as they are.
_PORTAL_PATH = re.compile(
    r"/(?:help/.|media/.|search$|tickets(?:/|$)|docs(?:/|$)|faq$|forum$|sitemap$|sign-in$|$)"
)

#: A link without a suffix, or to a folder, means one of these files.
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
_PAGE_EXTENSIONS = (".md", ".markdown", ".mdx", ".rst")

_IMAGE_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What came out of one file.

    ``includes`` maps the absolute path of each included file to its stamp, ``links`` each target
    that was looked up to the document ID, or "" when there was none. Reading the file again on the
    day ``until`` gives something else.
    """

    key: str
    documents: tuple[Document, ...] = ()
    findings: tuple[Finding, ...] = ()
    includes: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    until: dt.date | None = None


class ReadContext:
    """One file while it is read; ``careful`` 1 and 2 ask for simpler rendering."""

    def __init__(self, file: SourceFile, site_index: SiteIndex, *, careful: int = 0) -> None:
        self.file = file
        self.site_index = site_index
        self.careful = careful
        self.findings: list[Finding] = []
        self.includes: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self.until: dt.date | None = None
        #: Of the document that is being read: a narrower one may not be included into it.
        self.audience = file.audience
        #: The text of the file, in which the lines of keys are looked up.
        self.written = ""
        self._include_count = 0

    @property
    def page(self) -> SitePage:
        page = self.site_index.pages.get(self.file.absolute)
        return page or SitePage(ids.document_id(self.file.kind, self.file.path))

    def note(self, code: str, *, line: int = 0, **values: object) -> None:
        """Report the message with this ``code`` (``indexer.findings``) about the file."""
        finding = make_finding(code, self.file.name, line=line, **values)
        if finding not in self.findings[-_RECENT_FINDINGS:]:
            self.findings.append(finding)

    def line_of_key(self, name: str) -> int:
        """The line of a key of the front matter; 0 when it is not found."""
        key = rf"""^[ \t{{,:]*["']?{re.escape(name)}["']?[ \t]*[:=]"""
        written = self.written[: frontmatter.LIMIT * 2]
        for pattern in (key, rf"""["'\s]{re.escape(name)}["']?[ \t]*[:=]""", re.escape(name)):
            found = re.search(pattern, written, re.MULTILINE | re.IGNORECASE)
            if found:
                start = found.start() + len(found[0]) - len(found[0].lstrip())
                return written.count("\n", 0, start) + 1
        return 0

    def expires(self, day: dt.date) -> None:
        self.until = min(day, self.until or day)

    def reading(self, documents: tuple[Document, ...]) -> Reading:
        findings = tuple(self.findings)
        return Reading(self.file.key, documents, findings, self.includes, self.links, self.until)

    # --- links

    def link(self, href: str) -> str | None:
        """Where ``href`` leads in the portal, or None when it leads nowhere a reader may go."""
        # Browsers ignore control characters in a scheme: "java\tscript:" runs.
        if ":" in href[:30]:
            href = _CONTROLS.sub("", href)
        href = href.strip()

        if href.startswith("#"):
            return portal_fragment(href[1:]) or None
        if href.lower().startswith("xref:"):
            return self._link_to_uid(href[len("xref:") :])

        try:
            parts = urlsplit(href)
        except ValueError:
            return None
        if href.startswith("//"):
            return f"https:{href}"
        if parts.scheme:
            return href if parts.scheme.lower() in _URL_SCHEMES else None
        if _PORTAL_PATH.match(parts.path):
            return href
        if _MAIL_ADDRESS.fullmatch(href):
            self.note("mail-without-mailto", target=href)
            return f"mailto:{href}"
        return self._link_to_file(unquote(parts.path), parts.fragment)

    def title(self, uid: str) -> str:
        """The title of the article with this ``uid``, or the uid itself when there is none; "" with
        a finding when not everyone who may read this page may see the article."""
        uid = _without_query(uid)
        page = self.site_index.uids.get(uid.lower())
        title = self.site_index.title_for(uid, self.audience)
        self.links[f"{TITLE_LINK}{self.audience}:{uid.lower()}"] = title
        if page is not None and not self.may_show(page.audience):
            self.note("reference-restricted", target=uid)
            return ""
        return title or uid

    def _link_to_uid(self, target: str) -> str | None:
        uid, _, anchor = target.partition("#")
        uid = _without_query(uid)
        page = self.site_index.uids.get(uid.lower())
        self.links[f"uid:{uid.lower()}"] = page.id if page else ""
        if page is None:
            self.note("uid-not-found", target=uid)
            return None
        return f"/help/{page.id}{portal_fragment(anchor)}"

    def _link_to_file(self, path: str, anchor: str) -> str | None:
        if not path:
            return None

        if path.startswith("/"):
            root = self.file.absolute.removesuffix(self.file.path).rstrip("/") or "/"
            folders = [root, self.file.limit]
        else:
            folders = [os.path.dirname(self.file.absolute)]

        for folder in folders:
            target = os.path.normpath(f"{folder}/{path.lstrip('/')}")
            for suffix in _PAGE_SUFFIXES:
                page = self.site_index.page(target + suffix)
                if page:
                    self.links[target + suffix] = page.id
                    return page.url(anchor)

        # Noted as missing, so that the page is read again when the target appears.
        self.links[target] = ""
        if path.lower().endswith(_PAGE_EXTENSIONS) and not path.startswith("/"):
            self.note("link-not-found", target=path)
        return None

    # --- other files

    def include(self, path: str, *, beside: str = "", depth: int = 0) -> tuple[str, str] | None:
        """(text, absolute path) of a file to include, searched from the file ``beside`` upwards;
        None with a finding."""
        self._include_count += 1
        if depth >= INCLUDE_DEPTH or self._include_count > INCLUDE_COUNT:
            self.note("include-nesting", target=path)
            return None

        included = self._resolve(path, beside or self.file.absolute, search_parents=True)
        if included is None:
            for candidate in self._candidates(path, self.file.absolute, search_parents=False):
                self.includes.setdefault(candidate, "")
            self.note("include-not-found", target=path, root=self.file.root)
            return None

        self.includes[included] = file_stamp(included)
        text, _ = decode_text(_read_bytes(included))
        if not self._may_include(text, self.site_index.default_audience(included)):
            self.note("include-restricted", target=path)
            return None
        return text, included

    def _may_include(self, text: str, default: str) -> bool:
        """Whether everyone who may read this file may read ``text``, by its own front matter, else
        by the ``default`` of its source."""
        try:
            values, _, _ = frontmatter.split_front_matter(text)
        except frontmatter.FrontMatterError:
            return not frontmatter.restricts_visibility(text)
        if is_unpublished(values, self.site_index.today):
            return False
        return self.may_show(page_audience(values, default, self.site_index.today))

    def may_show(self, audience: str) -> bool:
        """Whether everyone who may read this file may see what ``audience`` may."""
        return audience in visible_to(self.audience)

    def image(self, src: str) -> str | None:
        """The portal's address of an image, which is copied into the media folder; None with a
        finding."""
        path = unquote(src.strip().split("?")[0].split("#")[0])
        file = self._resolve(path, self.file.absolute, search_parents=False)
        if file is None:
            for candidate in self._candidates(path, self.file.absolute, search_parents=False):
                self.includes.setdefault(candidate, "")
            self.note("image-not-found", target=src, root=self.file.root)
            return None

        self.includes[file] = file_stamp(file)
        data = _read_bytes(file)
        suffix = image_suffix(data)
        if suffix is None:
            found = what_is_refused(data) if file.lower().endswith(".svg") else None
            if found:
                self.note("drawing-refused", target=src, found=found)
            else:
                self.note("image-format", target=src)
            return None

        name = f"{hashlib.blake2b(data, digest_size=8).hexdigest()}.{suffix}"
        if self.site_index.media:
            _write_once(Path(self.site_index.media) / name, data)
        # Pages show other drawings on white (customer.css).
        is_dark = suffix == "svg" and has_dark_colours(data)
        return f"/media/{name}#dark" if is_dark else f"/media/{name}"

    def _resolve(self, path: str, beside: str, *, search_parents: bool) -> str | None:
        """The real file that ``path`` means beside ``beside``; None outside the limit."""
        for candidate in self._candidates(path, beside, search_parents=search_parents):
            if (
                os.path.isfile(candidate)
                and os.path.realpath(candidate) == candidate
                and os.path.getsize(candidate) <= SIZE_LIMIT
                and not is_linked_outside(os.lstat(candidate), self.file.limit)
            ):
                return candidate
        return None

    def _candidates(self, path: str, beside: str, *, search_parents: bool) -> list[str]:
        """The paths within the limit that ``path`` may mean beside ``beside``.

        With ``search_parents``, and for paths that begin with ``/``, the folders above are tried
        too: site generators resolve them against a root that is not known here.
        """
        limit = self.file.limit
        if "\x00" in path or len(path) > _MAX_PATH:
            return []

        folders = [os.path.dirname(beside)]
        if path.startswith("/") or search_parents:
            parents = map(str, Path(beside).parents)
            folders += [parent for parent in parents if parent.startswith(limit)]

        candidates = [
            os.path.normpath(posixpath.join(folder, path.lstrip("/"))) for folder in folders
        ]
        return [path for path in candidates if path.startswith(limit.rstrip("/") + "/")]


def file_stamp(path: str) -> str:
    """What changes when a file does, without reading it; "" when there is no file."""
    try:
        facts = os.lstat(path)
    except OSError:
        return ""
    return f"{facts.st_size}:{facts.st_mtime_ns}"


def image_suffix(data: bytes) -> str | None:
    """The suffix of an image by its content; None for anything that is not shown."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    for signature, suffix in _IMAGE_SIGNATURES:
        if data.startswith(signature):
            return suffix
    return "svg" if is_drawing(data) else None


def _read_bytes(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def _write_once(path: Path, data: bytes) -> None:
    """Write a file whose name is the hash of its content: another process may do the same."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(data)
    temporary.replace(path)


def _without_query(uid: str) -> str:
    return unquote(uid.split("?")[0].strip())
