"""What should editors mend before they publish?

Reads the sources as `kb index` does, into a folder that is thrown away, and looks at the documents:
links, addresses, pictures, titles, sections, twins, versions. Each ``Issue`` names its rule,
file, line and what to do. Not for what visitors ask (golden queries come with the report of the
pipeline).
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lxml import html as lxml_html

from indexer import pipeline
from indexer.lint import duplicates
from indexer.pipeline import IndexOptions, Progress
from indexer.report import Finding
from indexer.sources.walk import SourceFile, walk_files
from kb import ids
from kb.search.documents import Document, DocumentKind
from kb.temporary_folder import temporary_folder

_FILE_NAME = re.compile(
    r"\S+\.(?:png|jpe?g|gif|webp|svg|bmp)|(?:image|img|picture|screen ?shot|figure)[-_ ]?\d*", re.I
)
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_MAILED = re.compile(r"https?://([\w.+-]+@[\w-]+(?:\.[\w-]+)+)/?$")
#: What a reader's finding is about, by its words; the first that fits counts.
_KINDS = (
    ("front-matter", re.compile(r"front matter|is no date|is not understood"), "Correct it."),
    ("encoding", re.compile(r"is not UTF-8"), "Save it as UTF-8."),
    ("mail", re.compile(r"a mail address without mailto"), "Write mailto: before the address."),
    ("empty", re.compile(r"holds no (?:text|answer)|has no answer"), "Write it, or remove the page."),
    ("golden", re.compile(r"^“.*” should show"), "Write the words that people type into the "
                                                 "page's title, or pin it."),
    ("link", re.compile(r"uid \S+; the link|The link to"), "Correct the address, or remove the link."),
    ("image", re.compile(r"^The image"), "Correct the path; PNG, JPEG, GIF and WebP are shown."),
    ("include", re.compile(r"^The include"), "Correct the path of the part."),
    ("address", re.compile(r"same address|address of another|stands here twice"), "Give each page a uid of its own."),
)  # fmt: skip
_NAMED = re.compile(r"(?:uid|link to|image|include of|links? the uid) (\S+?)[;,.]?(?: |$)")
#: Left out on purpose: nothing to mend.
_MEANT = re.compile(
    r"draft|no longer, or not yet|It expired|to be published|never renders|named \w+, so its|only "
    r"leads on|"
    r"parts? of (?:other )?pages"
)


@dataclass(frozen=True, slots=True, order=True)
class Issue:
    """``source`` is the file as editors know it, ``line`` 0 when it is the whole file."""

    source: str
    line: int
    rule: str
    sentence: str
    suggestion: str

    def __str__(self) -> str:
        where = f"{self.source}:{self.line}" if self.line else self.source
        return f"{where}: {self.sentence} {self.suggestion} [{self.rule}]"


def check(
    order: IndexOptions, *, catalogue: Path | None = None, progress: Progress = lambda *_: None
) -> list[Issue]:
    """All problems, by file and line. Raises what ``pipeline.run_index`` raises."""
    from kb.search.generations.generation import Generations  # brings numpy

    with temporary_folder("kb-check-") as data:
        report = pipeline.run_index(
            replace(order, data=data, full=True, drop=100, gate=_gate(order)), progress=progress
        )
        built = Generations(data).current()
        documents = list(built.store.all()) if built else []
        if built:
            built.store.close()
    texts = _Texts(order)
    found = {*_read(report.findings, texts), *_written(documents, texts), *_twins(documents, texts)}
    found |= {*_alike(documents, texts), *_outdated(documents, texts, catalogue, order.today)}
    return sorted(found)


def _gate(order: IndexOptions) -> str:
    return "warn" if order.golden else "off"


class _Texts:
    """The lines of the sources, to find where a problem stands."""

    def __init__(self, order: IndexOptions) -> None:
        files = (file for source in order.sources for file in walk_files(source, lambda _: None))
        self._files: dict[str, SourceFile] = {file.name: file for file in files}
        self._kept: tuple[str, str] = ("", "")

    def shown(self, source: str) -> str:
        """The path of a file as one would open it."""
        file = self._files.get(source)
        if file is None:
            return source
        path = Path(file.absolute)
        return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)

    def line(self, source: str, *words: str) -> int:
        """The first line that holds one of ``words``, the first of them that stands anywhere; 0
        when none does.
        """
        text = self._text(source)
        for word in words:
            at = text.find(word) if word else -1
            if at >= 0:
                return text.count("\n", 0, at) + 1
        return 0

    def _text(self, source: str) -> str:
        if self._kept[0] != source:
            file = self._files.get(source)
            try:
                text = Path(file.absolute).read_text("utf-8", "replace") if file else ""
            except OSError:
                text = ""
            self._kept = (source, text)
        return self._kept[1]


def _read(findings: Iterable[Finding], texts: _Texts) -> Iterator[Issue]:
    """What the readers noted."""
    for finding in findings:
        if _MEANT.search(finding.sentence):
            continue
        rule, suggestion = next(
            (
                (rule, advice)
                for rule, pattern, advice in _KINDS
                if pattern.search(finding.sentence)
            ),
            ("unreadable", ""),
        )
        named = _NAMED.search(finding.sentence)
        line = finding.line or texts.line(finding.source, *([named[1]] if named else []))
        yield Issue(
            texts.shown(finding.source),
            line,
            rule,
            finding.sentence,
            suggestion or "Mend or remove the file.",
        )


def _written(documents: list[Document], texts: _Texts) -> Iterator[Issue]:
    """What stands in each document: links, addresses, pictures, empty sections."""
    anchors = {document.id: _anchors(document) for document in documents}
    for document in documents:
        if document.kind is DocumentKind.FORUM:
            continue  # written by visitors
        root = lxml_html.fromstring(f"<div>{document.html}</div>")
        for link in root.iter("a"):
            yield from _link(document, link, anchors, texts)
        for image in root.iter("img"):
            yield from _image(document, str(image.get("alt") or ""), texts)
        yield from _empty(document, texts)


def _anchors(document: Document) -> set[str]:
    return set(re.findall(r'\bid="([^"]+)"', document.html))


def _link(
    document: Document, link: Any, anchors: Mapping[str, set[str]], texts: _Texts
) -> Iterator[Issue]:
    href, words = str(link.get("href") or ""), " ".join(link.text_content().split())
    where = texts.shown(document.source)
    mailed = _MAILED.match(href)
    if mailed and not _MAIL.fullmatch(words):
        sentence = f"“{words[:60]}” is linked to {href[:80]}, which is a mail address behind http."
        advice = f"Link it to mailto:{mailed[1]}."
        yield Issue(where, texts.line(document.source, href, words), "mail", sentence, advice)
    if _MAIL.fullmatch(words) and href.startswith(("http://", "https://")):
        sentence = f"The address {words} is linked to {href[:80]}."
        yield Issue(
            where,
            texts.line(document.source, words),
            "mail",
            sentence,
            f"Link it to mailto:{words}.",
        )
    path, _, anchor = href.partition("#")
    target = (
        path.removeprefix("/help/")
        if path.startswith("/help/")
        else document.id
        if href.startswith("#")
        else ""
    )
    if target and target in anchors and anchor and anchor not in anchors[target]:
        line = texts.line(document.source, f"#{anchor.removeprefix('s-')}", words)
        sentence = (
            f"“{words[:60]}” leads to a heading #{anchor.removeprefix('s-')} that {target} "
            f"does not have."
        )
        yield Issue(
            where, line, "link", sentence, "Link to a heading that is there, or to the page."
        )
    if (
        path.startswith("/help/")
        and target not in anchors
        and target.split("/")[0] in tuple(DocumentKind)
    ):
        line = texts.line(document.source, path, words)
        yield Issue(
            where, line, "link", f"There is no page {path}.", "Link to the file of the page."
        )


def _image(document: Document, alt: str, texts: _Texts) -> Iterator[Issue]:
    alt = " ".join(alt.split())
    if not alt:
        sentence = "A picture has no alternative text."
        line = texts.line(document.source, "![](", "<img", "[](")
    elif _FILE_NAME.fullmatch(alt):
        sentence, line = (
            f"The alternative text {alt!r} is only a file's name.",
            texts.line(document.source, f"![{alt}", alt),
        )
    else:
        return
    suggestion = "Say in a few words what the picture shows."
    yield Issue(texts.shown(document.source), line, "alt", sentence, suggestion)


def _empty(document: Document, texts: _Texts) -> Iterator[Issue]:
    paths = [section.path for section in document.sections]
    for number, section in enumerate(document.sections):
        below = paths[number + 1][: len(section.path)] if number + 1 < len(paths) else ()
        if (
            section.text
            or not section.path
            or below == section.path
            or "<img" in _after(document, section.anchor)
        ):
            continue
        heading = section.path[-1]
        sentence = f"There is nothing under the heading “{heading[:80]}”."
        line = texts.line(document.source, f"# {heading}", heading)
        yield Issue(
            texts.shown(document.source),
            line,
            "empty",
            sentence,
            "Write it, or remove the heading.",
        )


def _after(document: Document, anchor: str) -> str:
    """The HTML between a heading and the next one."""
    rest = document.html.partition(f'id="{anchor}"')[2].partition("</h")[2]
    return re.split(r"<h[2-6]\b", rest)[0]


def _twins(documents: list[Document], texts: _Texts) -> Iterator[Issue]:
    """Titles that two articles or questions share."""
    first: dict[tuple[str, str], Document] = {}
    for document in documents:
        if document.kind is DocumentKind.FORUM:
            continue
        key = (ids.slug(document.title, limit=300), document.language)
        other = first.setdefault(key, document)
        if other is not document:
            sentence = f"“{document.title[:80]}” is also the title of {texts.shown(other.source)}."
            line = texts.line(document.source, document.title)
            advice = "Say in the title what sets it apart, or merge the two."
            yield Issue(texts.shown(document.source), line, "title", sentence, advice)


def _alike(documents: list[Document], texts: _Texts) -> Iterator[Issue]:
    by_id = {
        document.id: document for document in documents if document.kind is not DocumentKind.FORUM
    }
    for one, other, cosine in duplicates.near_duplicates(
        {id_: document.text() for id_, document in by_id.items()}
    ):
        source, twin = by_id[other].source, texts.shown(by_id[one].source)
        sentence = (
            f"“{by_id[other].title[:80]}” says nearly the same as "
            f"“{by_id[one].title[:80]}” in {twin} ({cosine:.2f})."
        )
        line = texts.line(source, by_id[other].title)
        yield Issue(texts.shown(source), line, "duplicate", sentence, "Keep one and link to it.")


def _outdated(
    documents: list[Document], texts: _Texts, catalogue: Path | None, today: dt.date
) -> Iterator[Issue]:
    """Articles that are only about versions whose support has ended."""
    ends = _support(catalogue)
    for document in documents:
        known = [ends.get((document.product, version)) for version in document.versions]
        past = [day for day in known if day is not None and day < today]
        if past and len(past) == len(known):
            sentence = (
                f"It is only about {document.product} {', '.join(document.versions)}, "
                f"supported until {max(past)}."
            )
            line = texts.line(document.source, "versions:", "version:")
            yield Issue(
                texts.shown(document.source),
                line,
                "version",
                sentence,
                "Bring it up to date, or archive it.",
            )


def _support(catalogue: Path | None) -> dict[tuple[str, str], dt.date]:
    """The last day of support by product and version, from a catalogue file; a broken one is
    another's business.
    """
    try:
        tables = tomllib.loads(catalogue.read_text("utf-8")) if catalogue else {}
    except (OSError, ValueError):
        return {}
    rows = [product for product in tables.get("products", []) if isinstance(product, dict)]
    return {
        (str(product.get("key")), str(version.get("name"))): version["support_ends"]
        for product in rows
        for version in product.get("versions", [])
        if isinstance(version, dict) and type(version.get("support_ends")) is dt.date
    }
