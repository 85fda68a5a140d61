"""Metadata: what front matter says about a document, in the fields of ``Document``.

Whether a file may be published at all is decided here; each value that is not valid is a finding.
The syntax is ``frontmatter``'s, the text below it the readers'.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from indexer.readers import frontmatter
from indexer.readers.access import UNPUBLISHED_STATUS, access_marks, page_audience
from indexer.readers.context import ReadContext
from indexer.readers.frontmatter import FrontMatterError, text, text_list
from indexer.readers.language import detect_language
from kb import ids
from kb.search.documents import AUDIENCES, Document, DocumentKind, Section, is_audience

#: Language tags that folders and file names hold (``de/page.md``, ``page.de.html``).
_LANGUAGES = frozenset({
    "ar", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "he",
    "hi", "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "nb", "nl", "no", "pl", "pt",
    "ro", "ru", "sk", "sl", "sr", "sv", "th", "tr", "uk", "vi", "zh", "pt-br", "pt-pt", "zh-cn",
    "zh-tw", "zh-hans", "zh-hant", "en-us", "en-gb", "de-de", "fr-fr",
})  # fmt: skip
_NUMBER = re.compile(r"-?\d{1,9}(\.\d{1,6})?", re.ASCII)
_LANGUAGE_TAG = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8}){0,2}")

_EXPIRY_FIELDS = ("expiryDate", "expires", "unpublishDate")

#: The fields of a document, and the names that tools give them; the first that is set counts.
_SUMMARY = ("summary", "description", "abstract", "excerpt")
_PRODUCT = ("product", "ms.prod", "ms.service", "project")
_VERSIONS = ("versions", "version", "product_version")
_TAGS = ("tags", "keywords", "categories", "tag")
_AUTHORS = ("authors", "author", "ms.author")
_LANGUAGE = ("language", "lang", "locale")
_UPDATED = ("updated", "lastmod", "last_updated", "last_modified", "ms.date", "date")
_SHORT_TITLE = ("linkTitle", "nav_title", "short_title", "shortTitle", "sidebar_label")
_ORDER = ("order", "weight", "nav_order", "sidebar_position")
#: Names of pages and folders beside an index page, in the order in which they are listed.
_CONTENTS = ("contents", "sections")
_OLD_URLS = ("aliases", "alias", "redirect_from", "redirects")
_OWN_URL = ("permalink", "slug", "url")
_OLD_TITLES = (
    "formerly",
    "formerly_known_as",
    "formerly known as",
    "previously",
    "renamed_from",
    "old_titles",
    "old_title",
)
#: Values without a field of their own.
_EXTRA = {
    "type": ("ms.topic", "content_type", "article_type", "type", "schema"),
    "subject": ("subject", "category", "area", "ms.subservice"),
    "reviewed": ("reviewed", "last_reviewed", "review_date"),
}

#: The lines of front matter that is never closed: readers need not see them.
_UNCLOSED_LINES = re.compile(r"(?:[\w.-]{1,40}:[^\n]*\n|[ \t]*- [^\n]*\n){1,60}(?=\s*\n|#)")

#: Sections that the language of a document is detected from.
_LANGUAGE_SECTIONS = 20


@dataclass(frozen=True, slots=True)
class Metadata:
    """The fields of a Document that front matter decides; ``line`` is where the body begins."""

    title: str = ""
    uid: str = ""
    line: int = 1
    fields: Mapping[str, Any] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()


def split_metadata(written: str, context: ReadContext) -> tuple[Metadata, str] | None:
    """(metadata, body) of a file; None, with a finding, when it must not be published."""
    parts = split_front_matter(written, context)
    if parts is None:
        return None
    values, body, line = parts
    if not may_publish(values, context):
        return None
    return parse_metadata(values, context, line=line), body


def split_front_matter(
    written: str, context: ReadContext
) -> tuple[dict[str, Any], str, int] | None:
    """(values, body, line at which the body begins); None when invalid front matter may restrict
    who can read the file."""
    context.written = written
    try:
        return frontmatter.split_front_matter(written)
    except FrontMatterError as error:
        context.note("invalid-front-matter", line=error.line, reason=error.reason)

        # Where unclosed front matter ends is unknown: then the whole file is searched.
        raw = written[: len(written) - len(error.body)]
        is_closed = bool(raw.strip().count("\n"))
        if frontmatter.restricts_visibility(raw if is_closed else written):
            context.note("unclear-visibility")
            return None

        head = None if is_closed else _UNCLOSED_LINES.match(error.body)
        body = error.body[head.end() :] if head else error.body
        return {}, body, error.body_line


def may_publish(values: Mapping[str, Any], context: ReadContext) -> bool:
    """Whether a file with these values may be published today; a finding says why not."""
    reason = _unpublished_reason(values, context)
    if reason:
        code, detail = reason
        context.note(code, **detail)
        return False
    context.audience = _audience(values, context)
    return True


def _unpublished_reason(
    values: Mapping[str, Any], context: ReadContext
) -> tuple[str, dict[str, Any]] | None:
    """The code and the values of the message that says why a file is not published."""
    today = context.site_index.today
    if frontmatter.is_true(values, "draft") or frontmatter.is_false(values, "published"):
        return "draft", {}
    status = text(values, "status", "state").lower()
    if frontmatter.is_true(values, "archived") or status in UNPUBLISHED_STATUS:
        return "unpublished-status", {}

    for name in _EXPIRY_FIELDS:
        day = _date(values, name, context)
        if day and day <= today:
            return "expired", {"day": day}
        if day:
            context.expires(day)

    day = _date(values, "publishDate", context)
    if day and day > today:
        context.expires(day)
        return "scheduled", {"day": day}

    for name in ("build", "_build"):
        build = values.get(name)
        if isinstance(build, dict) and text(build, "render").lower() in ("never", "false"):
            return "never-rendered", {}
    return None


def _date(values: Mapping[str, Any], name: str, context: ReadContext) -> dt.date | None:
    written = text(values, name)
    try:
        return frontmatter.parse_date(written)
    except ValueError:
        context.note("invalid-date", line=1, name=name, value=repr(written[:40]))
        return None


def parse_metadata(values: Mapping[str, Any], context: ReadContext, *, line: int = 1) -> Metadata:
    """Front matter values as Metadata."""
    updated = None
    for name in _UPDATED:
        updated = _date(values, name, context)
        if updated:
            break

    own = context.site_index.front_matter
    fields: dict[str, Any] = {
        "summary": text(values, *own.get("summary", ()), *_SUMMARY),
        "audience": _audience(values, context),
        "product": text(values, *own.get("product", ()), *_PRODUCT),
        "versions": text_list(values, *own.get("versions", ()), *_VERSIONS),
        "tags": text_list(values, *own.get("tags", ()), *_TAGS),
        "authors": text_list(values, *own.get("authors", ()), *_AUTHORS),
        "language": declared_language(text(values, *_LANGUAGE), context),
        "updated": updated,
        "source": context.file.name,
    }

    extra = {name: text(values, *own.get(name, ()), *names) for name, names in _EXTRA.items()}
    old_urls, old_titles = _aliases(values)
    extra["old_urls"] = "\n".join(old_urls)
    extra["order"] = _number(values, context)
    extra["featured"] = "true" if frontmatter.is_true(values, "featured") else ""
    verify_by = _date(values, "verify_by", context)
    extra["verify_by"] = verify_by.isoformat() if verify_by else ""
    extra["contents"] = "\n".join(text_list(values, *_CONTENTS))
    extra = {name: value for name, value in extra.items() if value}
    if extra:
        fields["extra"] = extra

    short_title = text(values, *_SHORT_TITLE)
    aliases = (short_title, *old_titles) if short_title else old_titles
    return Metadata(text(values, "title"), text(values, "uid"), line, fields, aliases)


def _number(values: Mapping[str, Any], context: ReadContext) -> str:
    """The number by which the page is listed, as text; "" when there is none."""
    written = text(values, *_ORDER)
    if written and not _NUMBER.fullmatch(written):
        name = next(key for key in values if key.lower() in _ORDER)
        line = context.line_of_key(name)
        context.note("invalid-order", line=line, name=name, value=repr(written[:40]))
        return ""
    return written


def _aliases(values: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(old addresses, old titles): ``aliases`` holds either."""
    own = [name for name in text_list(values, *_OWN_URL) if name.startswith("/")]
    urls, titles = [], []
    for name in (*text_list(values, *_OLD_URLS, *_OLD_TITLES), *own):
        if name.startswith(("/", "http:", "https:")) or name.endswith((".html", ".md")):
            urls.append(name)
        else:
            titles.append(name)
    return tuple(urls), tuple(titles)


def _audience(values: Mapping[str, Any], context: ReadContext) -> str:
    """Who may read the file: its source's default when nothing is declared, staff when something
    is not understood."""
    today = context.site_index.today
    for mark in access_marks(values, today):
        line = context.line_of_key(mark.name)
        context.note("access-mark", line=line, name=mark.name, value=mark.value)

    key = next((key for key in values if key.lower() == "audience"), "")
    declared, name = values.get(key, ""), text(values, "audience")
    if declared and not is_audience(name):
        line = context.line_of_key(key)
        context.note("invalid-audience", line=line, value=f"{declared!r:.60}")
    elif name and name.lower() not in AUDIENCES:
        suggestions = difflib.get_close_matches(name.lower(), AUDIENCES, 1, 0.75)
        if suggestions:
            line = context.line_of_key(key)
            context.note("audience-typo", line=line, value=name, suggestion=suggestions[0])
    return page_audience(values, context.file.audience, today)


def declared_language(written: str, context: ReadContext) -> str:
    """The language that the file declares, else that of its name (``page.de.html``) or a folder
    (``/de/``); "" when there is none."""
    tag = written.lower().replace("_", "-")
    if _LANGUAGE_TAG.fullmatch(tag):
        return tag

    *folders, name = context.file.path.lower().split("/")
    for part in (*name.split(".")[1:-1], *reversed(folders)):
        if part in _LANGUAGES:
            return part
    return ""


def make_document(
    context: ReadContext,
    metadata: Metadata,
    sections: tuple[Section, ...],
    *,
    titles: tuple[str, ...],
    html: str,
    **overrides: Any,
) -> Document:
    """The Document of a file.

    The first of ``titles`` that is not empty becomes its title; the others stay findable as
    aliases. ``overrides`` are fields of the Document.
    """
    title, *others = [name for name in titles if name] or [_title_from(context.file.path)]
    aliases = {
        name: None
        for name in (*others, *metadata.aliases)
        if _comparable(name) != _comparable(title)
    }

    fields: dict[str, Any] = {"id": context.page.id, "kind": DocumentKind(context.file.kind)}
    fields |= {**metadata.fields, **overrides}
    if not fields.get("language"):
        texts = [section.text for section in sections[:_LANGUAGE_SECTIONS]]
        fields["language"] = detect_language("\n".join([title, *texts]))

    return Document(title=title, sections=sections, html=html, aliases=tuple(aliases), **fields)


def _comparable(title: str) -> str:
    return ids.slug(title, limit=300)


def _title_from(path: str) -> str:
    """``guides/reset_my-password.md`` -> "Reset my password"."""
    parts = [part for part in path.split("/") if part]
    stem = re.sub(r"(\.[a-z]{2})?\.\w+(\.gz)?$", "", parts[-1])
    if stem.lower() in ("index", "_index", "readme") and len(parts) > 1:
        stem = parts[-2]
    return " ".join(re.split(r"[-_\s]+", stem)).strip().capitalize() or "Untitled"
