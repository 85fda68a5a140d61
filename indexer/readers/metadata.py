"""What does a file's front matter say about its document?

A ``Metadata`` is the front matter in the words of ``Document``, with a finding for each value that
cannot be understood; ``hidden`` says why a file must not surface. Not for the text below the front
matter.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from indexer.readers import frontmatter, language
from indexer.readers.context import ReadContext
from indexer.readers.frontmatter import text, text_list
from kb import ids
from kb.search.documents import AUDIENCES, PUBLIC, Document, DocumentKind, Section

_LANGUAGES = frozenset({
    "ar", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "he", "hi", "hr", "hu", "id",
    "it", "ja", "ko", "lt", "lv", "ms", "nb", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "sr", "sv", "th", "tr",
    "uk", "vi", "zh", "pt-br", "pt-pt", "zh-cn", "zh-tw", "zh-hans", "zh-hant", "en-us", "en-gb", "de-de", "fr-fr",
})  # fmt: skip
_RETIRED_STATUS = frozenset(
    {"draft", "archived", "archive", "expired", "unpublished", "retired", "hidden"}
)
_GROUP = re.compile(r"[\w][\w .-]{0,63}")


@dataclass(frozen=True, slots=True)
class Metadata:
    """The fields of a Document that front matter decides; ``line`` is where the body begins."""

    title: str = ""
    uid: str = ""
    line: int = 1
    fields: Mapping[str, Any] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()


def split_metadata(written: str, context: ReadContext) -> tuple[Metadata, str] | None:
    """(facts, body) of a file; None, with a finding, when it must not surface. Broken front matter
    is a finding.
    """
    found = split_front_matter(written, context)
    if found is None or not may_publish(found[0], context):
        return None
    values, body, line = found
    return parse_metadata(values, context, line=line), body


#: The lines of front matter that never ends: readers need not see them.
_HEAD = re.compile(r"(?:[\w.-]{1,40}:[^\n]*\n|[ \t]*- [^\n]*\n){1,60}(?=\s*\n|#)")


def split_front_matter(
    written: str, context: ReadContext
) -> tuple[dict[str, Any], str, int] | None:
    """(values, body, line at which the body begins); None when what cannot be read may keep the
    file back.
    """
    try:
        return frontmatter.split_front_matter(written)
    except frontmatter.FrontMatterError as broken:
        context.note(f"{broken.sentence} The text below it was read without it.", line=broken.line)
        # Of front matter that never ends, nobody knows where it ends: then all the beginning
        # counts.
        raw = written[: len(written) - len(broken.body)]
        if frontmatter.restricts_visibility(raw if raw.strip().count("\n") else written):
            context.note(
                "It may be a draft or not for everybody, so it stays out until that is mended.",
                skipped=True,
            )
            return None
        head = _HEAD.match(broken.body) if not raw.strip().count("\n") else None
        return {}, broken.body[head.end() :] if head else broken.body, broken.body_line


def may_publish(values: Mapping[str, Any], context: ReadContext) -> bool:
    """Whether a file with these values may surface today; a finding says why not."""
    reason = unpublished_reason(values, context)
    if reason:
        context.note(reason, skipped=True)
    context.audience = _audience(values, context)
    return not reason


def unpublished_reason(values: Mapping[str, Any], context: ReadContext) -> str:
    """Why this file must not surface today; "" when it may."""
    today = context.site_index.today
    if frontmatter.is_true(values, "draft") or frontmatter.is_false(values, "published"):
        return "It is a draft."
    if (
        frontmatter.is_true(values, "archived")
        or text(values, "status", "state").lower() in _RETIRED_STATUS
    ):
        return "Its front matter says that it is no longer, or not yet, published."
    for name, verb in (
        ("expiryDate", "expired"),
        ("expires", "expired"),
        ("unpublishDate", "expired"),
    ):
        day = _day(values, name, context)
        if day and day <= today:
            return f"It {verb} on {day}."
        if day:
            context.expires(day)
    day = _day(values, "publishDate", context)
    if day and day > today:
        context.expires(day)
        return f"It is to be published on {day}."
    build = values.get("build")
    if isinstance(build, dict) and frontmatter.text(build, "render").lower() in ("never", "false"):
        return "Its site never renders it as a page."
    return ""


def _day(values: Mapping[str, Any], name: str, context: ReadContext) -> dt.date | None:
    written = text(values, name)
    try:
        return frontmatter.parse_date(written)
    except ValueError:
        context.note(f"{name}: {written[:40]!r} is no date; write YYYY-MM-DD.", line=1)
        return None


def parse_metadata(values: Mapping[str, Any], context: ReadContext, *, line: int = 1) -> Metadata:
    """Front matter values as Metadata."""
    old, renamed = _aliases(values)
    fields: dict[str, Any] = {
        "summary": text(values, "summary", "description", "abstract", "excerpt"),
        "audience": _audience(values, context),
        "product": text(values, "product", "ms.prod", "ms.service", "project"),
        "versions": text_list(values, "versions", "version", "product_version"),
        "tags": text_list(values, "tags", "keywords", "categories", "tag"),
        "authors": text_list(values, "authors", "author", "ms.author"),
        "language": declared_language(text(values, "language", "lang", "locale"), context),
        "updated": next(filter(None, (_day(values, name, context) for name in _DATES)), None),
        "source": context.file.name,
    }
    extra = {name: said for name, written in _EXTRA.items() if (said := text(values, *written))}
    if old:
        extra["old_urls"] = "\n".join(old)
    if extra:
        fields["extra"] = extra
    link_title = text(
        values, "linkTitle", "nav_title", "short_title", "shortTitle", "sidebar_label"
    )
    aliases = (*((link_title,) if link_title else ()), *renamed)
    return Metadata(text(values, "title"), text(values, "uid"), line, fields, aliases)


_DATES = ("updated", "lastmod", "last_updated", "last_modified", "ms.date", "date")


#: Metadata that have no field of their own, and how houses name them.
_EXTRA = {
    "type": ("ms.topic", "content_type", "article_type", "type", "schema"),
    "subject": ("subject", "category", "area", "ms.subservice"),
    "reviewed": ("reviewed", "last_reviewed", "review_date"),
}
_RENAMED = (
    "formerly",
    "formerly_known_as",
    "formerly known as",
    "previously",
    "renamed_from",
    "old_titles",
    "old_title",
)


def _aliases(values: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(old addresses, old names): ``aliases`` holds either."""
    given = text_list(values, "aliases", "alias", "redirect_from", "redirects", *_RENAMED)
    given = (
        *given,
        *(name for name in text_list(values, "permalink", "slug", "url") if name.startswith("/")),
    )
    old = tuple(
        name
        for name in given
        if name.startswith(("/", "http:", "https:")) or name.endswith((".html", ".md"))
    )
    return old, tuple(name for name in given if name not in old)


def _audience(values: Mapping[str, Any], context: ReadContext) -> str:
    """Who may see it: public when nothing is said, staff when it is said in a way that is not
    understood.
    """
    lowered = {key.lower(): value for key, value in values.items()}
    if "audience" not in lowered or lowered["audience"] in ("", None):
        return PUBLIC
    written = text(values, "audience")
    found = next((name for name in AUDIENCES if name == written.lower()), None)
    if found:
        return found
    if _GROUP.fullmatch(written):
        meant = difflib.get_close_matches(written.lower(), AUDIENCES, 1, 0.75)
        if meant:
            sentence = (
                f"audience: {written} is not understood as {meant[0]} but as a group of "
                f"its own; nobody else sees it."
            )
            context.note(sentence, line=1)
        return written
    context.note(
        f"audience: {lowered['audience']!r:.60} is not understood, so that only staff may see it.",
        line=1,
    )
    return AUDIENCES[-1]


def declared_language(written: str, context: ReadContext) -> str:
    """The language said by the file, else by its name (``page.de.html``) or a folder (``/de/``); ""
    when unknown.
    """
    tag = written.lower().replace("_", "-")
    if re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]{2,8}){0,2}", tag):
        return tag
    parts = context.file.path.lower().split("/")
    candidates = [*parts[-1].split(".")[1:-1], *reversed(parts[:-1])]
    return next((part for part in candidates if part in _LANGUAGES), "")


def make_document(
    context: ReadContext,
    facts: Metadata,
    sections: tuple[Section, ...],
    *,
    titles: tuple[str, ...],
    html: str,
    **more: Any,
) -> Document:
    """The one document of a file: the first of ``titles`` is its title, the others stay findable as
    aliases.
    """
    named = [title for title in titles if title] or [_title_from(context.file.path)]
    aliases = [name for name in (*named[1:], *facts.aliases) if _same(name) != _same(named[0])]
    fields = {**facts.fields, **more}
    kind = fields.pop("kind", DocumentKind(context.file.kind))
    if not fields.get("language"):
        fields["language"] = language.detect_language(
            "\n".join((named[0], *(section.text for section in sections[:20])))
        )
    return Document(
        id=fields.pop("id", context.page.id), kind=kind, title=named[0], sections=sections, html=html,
        aliases=tuple(dict.fromkeys(aliases)), **fields,
    )  # fmt: skip


def _same(title: str) -> str:
    return ids.slug(title, limit=300)


def _title_from(path: str) -> str:
    parts = [part for part in path.split("/") if part]
    stem = re.sub(r"(\.[a-z]{2})?\.\w+(\.gz)?$", "", parts[-1])
    if stem.lower() in ("index", "_index", "readme") and len(parts) > 1:
        stem = parts[-2]
    return " ".join(re.split(r"[-_\s]+", stem)).strip().capitalize() or "Untitled"
