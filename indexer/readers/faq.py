"""Files of questions: each question becomes one Document.

Markdown: each heading of the question level is a question. Pages: schema.org FAQPage, ``dl`` lists,
or headings that end with a question mark. A file with one question is one Document. Articles that
happen to hold a question are not read here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import html as lxml_html

from indexer.html.boilerplate import main_content
from indexer.html.sections import to_article
from indexer.html.tree import Element, parse_html
from indexer.readers import html, markdown
from indexer.readers.context import ReadContext
from indexer.readers.metadata import Metadata, make_document, split_metadata
from kb import ids
from kb.search.documents import Document, DocumentKind

_MARKDOWN_HEADING = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t]*#*$", re.MULTILINE)
_FENCED = re.compile(r"^[ \t]*(```|~~~).*?^[ \t]*\1[ \t]*$", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"^(?:Q[:.]?\s+|\d{1,3}(?:\.\d{1,3})*[.)]?\s+)", re.IGNORECASE)
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_QUESTION_MARKS = ("?", "？", "؟")
_MAX_JSON_DEPTH = 6


@dataclass(frozen=True, slots=True)
class _Question:
    """A question with the tree of its ``answer``; ``path`` are the headings above it."""

    title: str
    answer: Element
    path: tuple[str, ...] = ()


def holds_many(body: str) -> bool:
    """Whether a Markdown text holds several questions, by its headings alone."""
    headings = _MARKDOWN_HEADING.finditer(_FENCED.sub("", body))
    return _question_level([f"h{len(heading[1])}" for heading in headings], []) is not None


def read(text: str, context: ReadContext) -> tuple[Document, ...]:
    """The questions of a Markdown file."""
    parts = split_metadata(text, context)
    if parts is None:
        return ()
    metadata, body = parts
    return _from_headings(markdown.render(body, context), metadata, context, ())


def read_page(text: str, context: ReadContext) -> tuple[Document, ...]:
    """The questions of an HTML page."""
    context.written = text
    root = parse_html(text, context)
    metadata = html.page_metadata(root, context)
    if metadata is None:
        return ()

    title = html.head_title(root)
    pairs = list(_schema_questions(root)) or list(_definition_lists(root))
    if pairs:
        path = (metadata.title or title,)
        questions = [_Question(question, answer, path) for question, answer in pairs]
        return _documents(questions, metadata, context)

    boilerplate = context.site_index.boilerplate_of(context.file.absolute)
    return _from_headings(main_content(root, boilerplate), metadata, context, (title,))


def _from_headings(
    root: Element, metadata: Metadata, context: ReadContext, titles: tuple[str, ...]
) -> tuple[Document, ...]:
    headings = list(root.iter(*_HEADINGS))
    level = _question_level(
        [heading.tag for heading in headings], [_text(heading) for heading in headings]
    )
    if level is None:
        article = to_article(root, context)
        if not article.has_text:
            context.note("no-answers")
            return ()
        document = make_document(
            context,
            metadata,
            article.sections,
            titles=(metadata.title, article.title, *titles),
            html=article.html,
            kind=DocumentKind.FAQ,
        )
        return (document,)

    questions = []
    for question in _split(root, level):
        has_answer = question.answer.text_content().strip()
        if has_answer or question.answer.find(".//img") is not None:
            questions.append(question)
        elif question.title.endswith("?"):
            context.note("unanswered-question", question=question.title[:80])
    if not questions:
        context.note("no-answers")
    return _documents(questions, metadata, context)


def _question_level(tags: list[str], texts: list[str]) -> str | None:
    """The heading level of the questions; None when the file is one question.

    It is the level with most question marks, else the most frequent one below the title.
    """
    asking = [index for index, text in enumerate(texts) if text.endswith(_QUESTION_MARKS)]
    has_title = tags.count("h1") == 1
    if has_title and len(asking) == 1 and tags[asking[0]] == "h1":
        return None  # the title asks, the headings below it belong to its answer

    if len(asking) > 1:
        candidates = [tags[index] for index in asking]
    elif has_title:
        candidates = [tag for tag in tags if tag != "h1"]
    else:
        candidates = tags
    level = max(sorted(set(candidates)), key=candidates.count, default=None)
    return level if level and candidates.count(level) > 1 else None


def _split(root: Element, level: str) -> Iterator[_Question]:
    """The questions at the headings of ``level``, each with all that follows it."""
    above: dict[str, str] = {}  # tag -> heading
    question: _Question | None = None
    for element in _blocks(root):
        if element.tag not in _HEADINGS or element.tag > level:
            if question is not None:
                question.answer.append(element)
            continue

        if question is not None:
            yield question
            question = None
        above = {tag: heading for tag, heading in above.items() if tag < element.tag}
        if element.tag == level:
            path = tuple(heading for _, heading in sorted(above.items()))
            question = _Question(_text(element), lxml_html.Element("div"), path)
        above[element.tag] = _text(element)
    if question is not None:
        yield question


def _blocks(root: Element) -> Iterator[Element]:
    """The blocks of ``root`` in order; wrappers that contain headings are opened."""
    for child in list(root):
        if child.tag not in _HEADINGS and next(child.iter(*_HEADINGS), None) is not None:
            yield from _blocks(child)
        else:
            yield child


def _documents(
    questions: Sequence[_Question], metadata: Metadata, context: ReadContext
) -> tuple[Document, ...]:
    """One Document for each question. Of two questions with the same words the first is kept."""
    documents: dict[str, Document] = {}
    for question in questions:
        document = _document(question, metadata, context)
        if document.id in documents:
            context.note("duplicate-question", question=document.title[:80])
        elif any(section.text for section in document.sections):
            documents[document.id] = document
    return tuple(documents.values())


def _document(question: _Question, metadata: Metadata, context: ReadContext) -> Document:
    article = to_article(question.answer, context, keep_title=True)
    title = _NUMBER.sub("", question.title) or question.title
    topic = " › ".join(heading for heading in question.path if heading)
    return make_document(
        context,
        # The title and the aliases of the page are not the question's.
        Metadata(line=metadata.line, fields=metadata.fields),
        article.sections,
        titles=(title,),
        html=article.html,
        kind=DocumentKind.FAQ,
        id=f"{context.page.id}/{ids.slug(title)}",
        extra={**metadata.fields.get("extra", {}), "topic": topic},
    )


def _schema_questions(root: Element) -> Iterator[tuple[str, Element]]:
    """(question, answer) that the page declares as schema.org FAQPage."""
    for script in root.iter("script"):
        if (script.get("type") or "").split(";")[0].strip().lower() != "application/ld+json":
            continue
        try:
            data = json.loads(script.text or "")
        except (ValueError, RecursionError):
            continue
        yield from _json_questions(data, 0)


def _json_questions(data: Any, depth: int) -> Iterator[tuple[str, Element]]:
    if depth > _MAX_JSON_DEPTH:
        return
    if isinstance(data, list):
        for item in data:
            yield from _json_questions(item, depth + 1)
    elif isinstance(data, dict):
        answer = data.get("acceptedAnswer") or data.get("suggestedAnswer")
        if isinstance(answer, list) and answer:
            answer = answer[0]
        if data.get("@type") == "Question" and isinstance(answer, dict):
            name, text = str(data.get("name") or ""), str(answer.get("text") or "")
            if name.strip() and text.strip():
                title = " ".join(parse_html(name).text_content().split())
                yield title, parse_html(text)
            return
        for name in ("@graph", "mainEntity", "hasPart"):
            yield from _json_questions(data.get(name), depth + 1)


def _definition_lists(root: Element) -> Iterator[tuple[str, Element]]:
    """(question, answer) in ``dl`` lists of which at least half of the terms ask."""
    for terms in root.iter("dl"):
        if "toc" in (terms.get("class") or ""):
            continue
        pairs = []
        for term in terms.iter("dt"):
            answer = term.getnext()
            if answer is not None and answer.tag == "dd":
                pairs.append((term, answer))

        asking = sum(_text(term).endswith("?") for term, _ in pairs)
        if len(pairs) > 1 and asking * 2 >= len(pairs):
            for term, answer in pairs:
                answer.tag = "div"
                yield _text(term), answer


def _text(heading: Element) -> str:
    return " ".join(heading.text_content().split()).rstrip("¶§# ")
