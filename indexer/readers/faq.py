"""A file of questions becomes one Document for each question.

Markdown: each heading of the question level is a question. Pages: schema.org FAQPage, ``dl``, or
headings that end with a question mark. A file with one question is one Document. Not for articles
that happen to hold a question.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from lxml import html as lxml_html

from indexer.html import boilerplate, sections, tree
from indexer.readers import html as page
from indexer.readers import markdown, metadata
from indexer.readers.context import ReadContext
from indexer.readers.site_index import SitePage
from kb import ids
from kb.search.documents import Document, DocumentKind

_HEADING = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t]*#*$", re.MULTILINE)
_FENCED = re.compile(r"^[ \t]*(```|~~~).*?^[ \t]*\1[ \t]*$", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"^(?:Q[:.]?\s+|\d{1,3}(?:\.\d{1,3})*[.)]?\s+)", re.IGNORECASE)
_ALL = ("h1", "h2", "h3", "h4", "h5", "h6")


def holds_many(body: str) -> bool:
    """Whether a Markdown text holds several questions, seen from its headings alone."""
    levels = [len(match[1]) for match in _HEADING.finditer(_FENCED.sub("", body))]
    return _question_level([f"h{level}" for level in levels], []) is not None


def read(text: str, context: ReadContext) -> tuple[Document, ...]:
    """The questions of a Markdown file."""
    found = metadata.split_metadata(text, context)
    if found is None:
        return ()
    facts, body = found
    return _documents(markdown.rendered(body, context), facts, context, ())


def read_page(text: str, context: ReadContext) -> tuple[Document, ...]:
    """The questions of an HTML page."""
    root = tree.parse_html(text, context)
    facts = page.page_facts(root, context)
    if facts is None:
        return ()
    pairs = list(_schema(root)) or list(_definitions(root))
    head = page.head_title(root)
    if pairs:
        return _unique(
            context, [_question(*pair, facts, context, (facts.title or head,)) for pair in pairs]
        )
    content = boilerplate.main_content(
        root, context.site_index.boilerplate_of(context.file.absolute)
    )
    return _documents(content, facts, context, (head,))


def _documents(
    root: Any, facts: metadata.Metadata, context: ReadContext, names: tuple[str, ...]
) -> tuple[Document, ...]:
    headings = list(root.iter(*_ALL))
    level = _question_level(
        [heading.tag for heading in headings], [_text(heading) for heading in headings]
    )
    if level is None:
        cut = sections.to_article(root, context)
        if not any(section.text for section in cut.sections):
            context.note("It holds no answer.", skipped=True)
            return ()
        titles = (facts.title, cut.title, *names)
        return (
            metadata.make_document(
                context, facts, cut.sections, titles=titles, html=cut.html, kind=DocumentKind.FAQ
            ),
        )
    made = []
    for title, path, anchor, answer in _split(root, level):
        if not answer.text_content().strip() and answer.find(".//img") is None:
            if title.endswith("?"):
                context.note(f"The question “{title[:80]}” has no answer.")
            continue
        made.append(_question(title, answer, facts, context, path, anchor=anchor))
    if not made:
        context.note("It holds no answer.", skipped=True)
    return _unique(context, made)


def _question_level(tags: list[str], texts: list[str]) -> str | None:
    """The heading level whose headings are the questions: the one with most question marks, else
    the most frequent below the title; None when the file is one question."""
    asked = [tag for tag, text in zip(tags, texts, strict=False) if text.endswith(("?", "？", "؟"))]
    counts = (
        asked
        if len(asked) > 1
        else [tag for tag in tags if tag not in ("h1",)]
        if tags.count("h1") == 1
        else tags
    )
    if (
        tags.count("h1") == 1
        and len(asked) == 1
        and tags[texts.index(next(t for t in texts if t.endswith("?")))] == "h1"
    ):
        return None  # the title asks, the headings below belong to its answer
    level = max(sorted(set(counts)), key=counts.count, default=None)
    return level if level and counts.count(level) > 1 else None


def _split(root: Any, level: str) -> Iterator[tuple[str, tuple[str, ...], str, Any]]:
    """(question, headings above it, its id, the tree of its answer) for each heading of ``level``."""
    flat = list(_flat(root))
    above: dict[str, str] = {}
    title, anchor, answer = "", "", None
    path: tuple[str, ...] = ()
    for element in flat:
        if element.tag in _ALL and element.tag <= level:
            if answer is not None:
                yield title, path, anchor, answer
                answer = None
            above = {tag: text for tag, text in above.items() if tag < element.tag} | {
                element.tag: _text(element)
            }
            if element.tag == level:
                answer = lxml_html.Element("div")
                path = tuple(text for tag, text in sorted(above.items()) if tag < level)
                title, anchor = _text(element), element.get("id") or ""
        elif answer is not None:
            answer.append(element)
    if answer is not None:
        yield title, path, anchor, answer


def _flat(root: Any) -> Iterator[Any]:
    """The blocks of ``root`` in order; wrappers that hold headings are opened."""
    for child in list(root):
        if child.tag not in _ALL and next(child.iter(*_ALL), None) is not None:
            yield from _flat(child)
        else:
            yield child


def _question(
    title: str,
    answer: Any,
    facts: metadata.Metadata,
    context: ReadContext,
    path: tuple[str, ...],
    *,
    anchor: str = "",
) -> Document:
    cut = sections.to_article(answer, context, keep_title=True)
    title = _NUMBER.sub("", title) or title
    del anchor
    extra = {**facts.fields.get("extra", {}), "topic": " › ".join(part for part in path if part)}
    return metadata.make_document(
        context, metadata.Metadata("", "", facts.line, facts.fields, ()), cut.sections, titles=(title,), html=cut.html,
        kind=DocumentKind.FAQ, id=f"{context.page.id}/{ids.slug(title)}", extra=extra,
    )  # fmt: skip


def _unique(context: ReadContext, documents: list[Document]) -> tuple[Document, ...]:
    """Two questions with one wording in a file are one mistake: the later one is left out with a
    finding.
    """
    seen: dict[str, Document] = {}
    for document in documents:
        if document.id in seen:
            context.note(
                f"The question “{document.title[:80]}” stands here twice; the first answer is kept."
            )
        elif any(section.text for section in document.sections):
            seen[document.id] = document
    return tuple(seen.values())


def _schema(root: Any) -> Iterator[tuple[str, Any]]:
    """Questions that the page declares as schema.org FAQPage."""
    for script in root.iter("script"):
        if (script.get("type") or "").split(";")[0].strip().lower() != "application/ld+json":
            continue
        try:
            data = json.loads(script.text or "")
        except (ValueError, RecursionError):
            continue
        yield from _questions(data, 0)


def _questions(data: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > 6:
        return
    if isinstance(data, list):
        for item in data:
            yield from _questions(item, depth + 1)
    elif isinstance(data, dict):
        answer = data.get("acceptedAnswer") or data.get("suggestedAnswer")
        answer = answer[0] if isinstance(answer, list) and answer else answer
        if data.get("@type") == "Question" and isinstance(answer, dict):
            name, text = str(data.get("name") or ""), str(answer.get("text") or "")
            if name.strip() and text.strip():
                title = " ".join(tree.parse_html(name).text_content().split())
                yield title, tree.parse_html(text)
            return
        for name in ("@graph", "mainEntity", "hasPart"):
            yield from _questions(data.get(name), depth + 1)


def _definitions(root: Any) -> Iterator[tuple[str, Any]]:
    """Questions in ``dl`` lists, when at least half of the terms ask."""
    for terms in root.iter("dl"):
        pairs = [(term, term.getnext()) for term in terms.iter("dt")]
        pairs = [
            (term, answer) for term, answer in pairs if answer is not None and answer.tag == "dd"
        ]
        asked = [pair for pair in pairs if _text(pair[0]).endswith("?")]
        if (
            len(pairs) > 1
            and len(asked) * 2 >= len(pairs)
            and "toc" not in (terms.get("class") or "")
        ):
            for term, answer in pairs:
                answer.tag = "div"
                yield _text(term), answer


def _text(heading: Any) -> str:
    return " ".join(heading.text_content().split()).rstrip("¶§# ")


def place(visit_id: str, title: str, body: str) -> SitePage:
    """Where links to a FAQ file lead."""
    return SitePage(visit_id, title, holds_many(body))
