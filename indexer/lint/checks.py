"""The rules of `kb check`: what editors should correct before they publish.

It reads the sources as `kb index` does, into a temporary folder, and looks at the documents: links,
addresses, pictures, titles, sections, duplicates, and versions. Each ``Issue`` names its rule, its
file and line, and what to do. Golden queries are run by the pipeline; they are among its findings.
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

from lxml import html as lxml_html

from indexer.findings import MESSAGES, Finding
from indexer.html.tree import Element
from indexer.lint.duplicates import near_duplicates
from indexer.pipeline import IndexOptions, run_index
from indexer.readers.site_index import ID_PREFIX
from indexer.report import Progress
from indexer.sources.walk import SourceFile, walk_files
from indexer.worker_pool import WorkerPool
from kb import ids
from kb.search.documents import Document, DocumentKind, visible_to
from kb.temporary_folder import temporary_folder

#: Alternative texts that say nothing: names of files, and "screenshot 3".
_FILE_NAME = re.compile(
    r"\S+\.(?:png|jpe?g|gif|webp|svg|bmp)"
    r"|(?:image|img|picture|screen ?shot|figure)[-_ ]?\d*",
    re.I,
)
#: "Extract Metadata Image1": what an editor numbers when it pastes a picture.
_NUMBERED_IMAGE = re.compile(r"(?:image|img|picture|screenshot)\d+$", re.IGNORECASE)
_IMAGE_SOURCE = re.compile(r"!\[([^\[\]\n]*)\]\(<?([^()<>\n]*?([^/()<>\n]+)\.\w+)>?[\s)]")
_MAIL_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_MAIL_AS_URL = re.compile(r"https?://([\w.+-]+@[\w-]+(?:\.[\w-]+)+)/?$")
_ID_ATTRIBUTE = re.compile(r'\bid="([^"]+)"')
_HEADING_TAG = re.compile(r"<h[2-6]\b")

#: Words beside the title of an article that say that it is one.
_ARTICLE_BEFORE = re.compile(r"\b(?:see|read|follow|in)(?: also)?(?: the| our)?[ “\"'‘]*$", re.I)
_ARTICLE_AFTER = re.compile(r"[”\"'’]* (?:article|guide|page|topic|document)\b", re.IGNORECASE)
#: A title with fewer words may be meant as words.
_MIN_TITLE_WORDS = 2
_WORD = re.compile(r"\w+")
_NOT_PROSE = frozenset({"a", "code", "pre", "kbd", "samp", "h2", "h3", "h4", "h5", "h6"})

_MAX_LABEL = 60  # characters that a sentence quotes of a link
_MAX_TITLE = 80  # characters that a sentence quotes of a title or an address


@dataclass(frozen=True, slots=True, order=True)
class Issue:
    """``source`` is the file as editors know it, ``line`` 0 when it is the whole file."""

    source: str
    line: int
    rule: str
    sentence: str
    suggestion: str

    def __str__(self) -> str:
        position = f"{self.source}:{self.line}" if self.line else self.source
        return f"{position}: {self.sentence} {self.suggestion} [{self.rule}]"


def check(
    options: IndexOptions,
    *,
    catalogue: Path | None = None,
    progress: Progress = lambda *_: None,
    pool: WorkerPool | None = None,
) -> list[Issue]:
    """All issues, by file and line. ``pool`` and errors are those of ``run_index``."""
    # Brings numpy.
    from kb.search.installation import search_engine

    gate = "warn" if options.golden else "off"
    with temporary_folder("kb-check-") as data:
        options = replace(options, data=data, cluster="", full=True, drop=100, gate=gate)
        report = run_index(options, progress=progress, pool=pool)
        generation = search_engine(data).generations.current()
        documents = list(generation.store.all()) if generation else []
        if generation:
            generation.store.close()

    files = _SourceTexts(options)
    articles = [document for document in documents if document.kind is not DocumentKind.FORUM]
    issues = {
        *_from_findings(report.findings, files),
        *_check_articles(articles, documents, files),
        *_check_titles(articles, files),
        *_check_mentions(articles, files),
        *_check_duplicates(articles, files),
        *_check_versions(documents, _support_ends(catalogue), options.today, files),
    }
    return sorted(issues)


class _SourceTexts:
    """The texts of the sources, to find the line of an issue."""

    def __init__(self, options: IndexOptions) -> None:
        self._files: dict[str, SourceFile] = {}
        for source in options.sources:
            for file in walk_files(source, lambda _: None):
                self._files[file.name] = file
        self._last: tuple[str, str] = ("", "")  # issues of one file come one after another

    def issue(self, source: str, line: int, rule: str, sentence: str, suggestion: str) -> Issue:
        return Issue(self.path(source), line, rule, sentence, suggestion)

    def path(self, source: str) -> str:
        """The path of a file as one opens it from the current folder."""
        file = self._files.get(source)
        if file is None:
            return source
        path = Path(file.absolute)
        return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)

    def line(self, source: str, *words: str) -> int:
        """The line of the first of ``words`` that is in the file; 0 when none is."""
        text = self._text(source)
        for word in words:
            offset = text.find(word) if word else -1
            if offset >= 0:
                return text.count("\n", 0, offset) + 1
        return 0

    def alt_is_file_name(self, source: str, alt: str) -> bool:
        """Whether ``alt`` is the name of the picture's file, with or without its suffix."""
        images = _IMAGE_SOURCE.findall(self._text(source))
        return any(text == alt and stem == alt for text, _, stem in images)

    def _text(self, source: str) -> str:
        if self._last[0] != source:
            file = self._files.get(source)
            try:
                text = Path(file.absolute).read_text("utf-8", "replace") if file else ""
            except OSError:
                text = ""
            self._last = (source, text)
        return self._last[1]


def _from_findings(findings: Iterable[Finding], files: _SourceTexts) -> Iterator[Issue]:
    """What the readers and the gate found."""
    for finding in findings:
        message = MESSAGES[finding.code]
        if message.intended:
            continue
        line = finding.line
        if not line and finding.target:
            # Markdown may write the target in another way: then its first word is the best guess.
            line = files.line(finding.source, finding.target, finding.target.split()[0])
        yield files.issue(finding.source, line, message.rule, finding.sentence, message.advice)


# --- one article


def _check_articles(
    articles: list[Document], documents: list[Document], files: _SourceTexts
) -> Iterator[Issue]:
    """What is in each article; forum threads are written by visitors."""
    anchors = {document.id: set(_ID_ATTRIBUTE.findall(document.html)) for document in documents}
    audiences = {document.id: document.audience for document in documents}
    for article in articles:
        root = lxml_html.fromstring(f"<div>{article.html}</div>")
        for link in root.iter("a"):
            yield from _check_mail(article, link, files)
            yield from _check_link(article, link, anchors, files)
            yield from _check_readers(article, link, audiences, files)
        for image in root.iter("img"):
            yield from _check_image(article, image, files)
        yield from _check_sections(article, files)


def _check_mail(article: Document, link: Element, files: _SourceTexts) -> Iterator[Issue]:
    """Mail addresses that are linked as if they were pages."""
    href, label = str(link.get("href") or ""), _label(link)
    address = _MAIL_AS_URL.match(href)
    if _MAIL_ADDRESS.fullmatch(label) and href.startswith(("http://", "https://")):
        yield files.issue(
            article.source,
            files.line(article.source, label),
            "mail",
            f"The e-mail address {label} links to {href[:_MAX_TITLE]}.",
            f"Link it to mailto:{label}.",
        )
    elif address:
        yield files.issue(
            article.source,
            files.line(article.source, href, label),
            "mail",
            f"“{label[:_MAX_LABEL]}” links to {href[:_MAX_TITLE]}, an e-mail address after http.",
            f"Link it to mailto:{address[1]}.",
        )


def _check_link(
    article: Document, link: Element, anchors: Mapping[str, set[str]], files: _SourceTexts
) -> Iterator[Issue]:
    """Links to pages and headings that do not exist."""
    href, label = str(link.get("href") or ""), _label(link)
    path, _, anchor = href.partition("#")
    is_page = path.startswith("/help/")
    target = path.removeprefix("/help/") if is_page else ""
    if href.startswith("#"):
        target = article.id

    if anchor and target in anchors and anchor not in anchors[target]:
        heading = f"#{anchor.removeprefix(ID_PREFIX)}"
        yield files.issue(
            article.source,
            files.line(article.source, heading, label),
            "link",
            f"Link target not found: “{label[:_MAX_LABEL]}” links to the heading {heading} of "
            f"{target}.",
            "Link to an existing heading, or to the page.",
        )
    if is_page and target not in anchors and target.split("/")[0] in tuple(DocumentKind):
        yield files.issue(
            article.source,
            files.line(article.source, path, label),
            "link",
            f"Link target not found: {path}.",
            "Link to the file of the page.",
        )


def _check_readers(
    article: Document, link: Element, audiences: Mapping[str, str], files: _SourceTexts
) -> Iterator[Issue]:
    """Links to pages that not everyone who reads the article can see.

    Pages for customers may be announced to everybody: signing in opens them.
    """
    path = str(link.get("href") or "").partition("#")[0]
    target = path.removeprefix("/help/")
    audience = audiences.get(target) if path != target else None
    if audience is not None and audience not in {*visible_to(article.audience), "customers"}:
        label = _label(link)
        yield files.issue(
            article.source,
            files.line(article.source, label, target),
            "link",
            f"“{label[:_MAX_LABEL]}” links to {target}, which not everyone who can see this page "
            "can see. For them, only the text is shown.",
            "Remove the link, or change the audience of one of the pages.",
        )


def _check_image(article: Document, image: Element, files: _SourceTexts) -> Iterator[Issue]:
    alt = " ".join(str(image.get("alt") or "").split())
    if not alt:
        sentence = "The image has no alternative text."
        line = files.line(article.source, "![](", "<img", "[](")
    elif (
        _FILE_NAME.fullmatch(alt)
        or _NUMBERED_IMAGE.search(alt)
        or files.alt_is_file_name(article.source, alt)
    ):
        sentence = f"The alternative text {alt!r} is a file name."
        line = files.line(article.source, f"![{alt}", alt)
    else:
        return
    yield files.issue(article.source, line, "alt", sentence, "Describe the image in a few words.")


def _check_sections(article: Document, files: _SourceTexts) -> Iterator[Issue]:
    """Headings without a text, a picture, or a heading of a lower level below them."""
    for section, following in zip_longest(article.sections, article.sections[1:]):
        if section.text or not section.path:
            continue
        is_parent = following and following.path[: len(section.path)] == section.path
        if is_parent or "<img" in _html_below(article, section.anchor):
            continue
        heading = section.path[-1]
        yield files.issue(
            article.source,
            files.line(article.source, f"# {heading}", heading),
            "empty",
            f"The section “{heading[:_MAX_TITLE]}” is empty.",
            "Add the text, or remove the heading.",
        )


def _html_below(article: Document, anchor: str) -> str:
    """The HTML between a heading and the next one."""
    _, _, after = article.html.partition(f'id="{anchor}"')
    _, _, after = after.partition("</h")
    return _HEADING_TAG.split(after)[0]


def _label(link: Element) -> str:
    return " ".join(link.text_content().split())


# --- articles together


def _check_mentions(articles: list[Document], files: _SourceTexts) -> Iterator[Issue]:
    """Articles that a text names ("see the Backup and restore guide") without a link.

    An article that is linked anywhere on the page may be named again without one.
    """
    by_words: dict[tuple[str, ...], list[Document]] = {}
    for article in articles:
        words = tuple(_WORD.findall(article.title))
        if article.kind is DocumentKind.DOC and len(words) >= _MIN_TITLE_WORDS:
            by_words.setdefault(words[:_MIN_TITLE_WORDS], []).append(article)

    for article in articles:
        root = lxml_html.fromstring(f"<div>{article.html}</div>")
        linked = {str(link.get("href") or "").partition("#")[0] for link in root.iter("a")}
        mentioned = {
            target.id: target
            for text in _prose(root)
            for target in _titles_in(text, by_words)
            if target is not article and target.audience in visible_to(article.audience)
        }
        for target in mentioned.values():
            if f"/help/{target.id}" not in linked:
                yield files.issue(
                    article.source,
                    files.line(article.source, target.title),
                    "mention",
                    f"The article “{target.title[:_MAX_TITLE]}” is named without a link.",
                    f"Link it to {files.path(target.source)}.",
                )


def _prose(element: Element) -> Iterator[str]:
    """The texts of ``element`` outside links, headings and code, block by block."""
    for block in element.iter("p", "li", "td", "dd"):
        parts = [block.text or ""]
        for child in block:
            if child.tag not in _NOT_PROSE and child.tag not in ("p", "ul", "ol"):
                parts.append(child.text_content())
            parts.append(child.tail or "")
        yield " ".join("".join(parts).split())


def _titles_in(text: str, by_words: Mapping[tuple[str, ...], list[Document]]) -> Iterator[Document]:
    """The articles whose titles ``text`` names as articles."""
    matches = list(_WORD.finditer(text))
    for index, match in enumerate(matches):
        words = tuple(word[0] for word in matches[index : index + _MIN_TITLE_WORDS])
        for target in by_words.get(words, ()):
            end = match.start() + len(target.title)
            if text[match.start() : end] == target.title and (
                _ARTICLE_AFTER.match(text, end) or _ARTICLE_BEFORE.search(text[: match.start()])
            ):
                yield target


def _check_titles(articles: list[Document], files: _SourceTexts) -> Iterator[Issue]:
    """Titles that two articles or questions share, except in two languages.

    The language of a short text is unknown, and may be any.
    """
    with_title: dict[str, list[Document]] = {}
    for article in articles:
        others = with_title.setdefault(ids.slug(article.title, limit=300), [])
        other = next(
            (
                document
                for document in others
                if article.language in ("", document.language) or not document.language
            ),
            None,
        )
        others.append(article)
        if other is not None:
            yield files.issue(
                article.source,
                files.line(article.source, article.title),
                "title",
                f"Duplicate title: “{article.title[:_MAX_TITLE]}” is also the title of "
                f"{files.path(other.source)}.",
                "Make the titles different, or merge the pages.",
            )


def _check_duplicates(articles: list[Document], files: _SourceTexts) -> Iterator[Issue]:
    by_id = {article.id: article for article in articles}
    texts = {article.id: article.text() for article in articles}
    for first, second, similarity in near_duplicates(texts):
        original, article = by_id[first], by_id[second]
        yield files.issue(
            article.source,
            files.line(article.source, article.title),
            "duplicate",
            f"Near duplicate: “{article.title[:_MAX_TITLE]}” has nearly the same text as "
            f"“{original.title[:_MAX_TITLE]}” in {files.path(original.source)} "
            f"({similarity:.2f}).",
            "Keep one, and link to it.",
        )


def _check_versions(
    documents: list[Document],
    support_ends: Mapping[tuple[str, str], dt.date],
    today: dt.date,
    files: _SourceTexts,
) -> Iterator[Issue]:
    """Articles that are only about versions whose support has ended."""
    for document in documents:
        ends = [support_ends.get((document.product, version)) for version in document.versions]
        past = [day for day in ends if day is not None and day < today]
        if past and len(past) == len(ends):
            versions = f"{document.product} {', '.join(document.versions)}"
            yield files.issue(
                document.source,
                files.line(document.source, "versions:", "version:"),
                "version",
                f"The page is only about {versions}, which was supported until {max(past)}.",
                "Update the page, or archive it.",
            )


def _support_ends(catalogue: Path | None) -> dict[tuple[str, str], dt.date]:
    """(product, version) -> last day of support, from a catalogue file.

    An invalid catalogue is reported where it is used.
    """
    try:
        tables = tomllib.loads(catalogue.read_text("utf-8")) if catalogue else {}
    except (OSError, ValueError):
        return {}

    ends = {}
    for product in tables.get("products", []):
        if not isinstance(product, dict):
            continue
        for version in product.get("versions", []):
            # A datetime is a date too, but not a day.
            if isinstance(version, dict) and type(version.get("support_ends")) is dt.date:
                key = (str(product.get("key")), str(version.get("name")))
                ends[key] = version["support_ends"]
    return ends
