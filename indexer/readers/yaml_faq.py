"""YAML files of questions (DocFX's FAQ pages): each question becomes one Document.

``sections`` of ``questions``, each with a ``question`` and an ``answer`` in Markdown; ``title``,
``summary``, and ``metadata`` stand for front matter. Read without types, aliases, and tags, as all
YAML here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from indexer.html.sections import to_article
from indexer.readers import markdown
from indexer.readers.context import ReadContext
from indexer.readers.frontmatter import FORBIDDEN_YAML
from indexer.readers.metadata import Metadata, make_document, may_publish, parse_metadata
from kb import ids
from kb.search.documents import Document, DocumentKind

MAX_SIZE = 1024 * 1024  # characters
MAX_QUESTIONS = 2000


@dataclass(frozen=True, slots=True)
class _Question:
    section: str
    question: str
    answer: str


def read(text: str, context: ReadContext) -> tuple[Document, ...]:
    """The questions in ``text``, or nothing, with a finding."""
    page = _load(text, context)
    if page is None:
        return ()
    declared = page.get("metadata")
    context.written = text
    own = {name: value for name, value in page.items() if name not in ("metadata", "sections")}
    values = {**(declared if isinstance(declared, dict) else {}), **own}
    if not may_publish(values, context):
        return ()
    metadata = parse_metadata(values, context)

    documents: dict[str, Document] = {}
    for question in _questions(page):
        document = _document(question, metadata, context)
        if document.id in documents:
            context.note("duplicate-question", question=question.question[:80])
        elif any(section.text for section in document.sections):
            documents[document.id] = document
            if len(documents) == MAX_QUESTIONS:
                break
    if not documents:
        context.note("yaml-no-answers")
    return tuple(documents.values())


def _load(text: str, context: ReadContext) -> dict[str, Any] | None:
    """The page of questions; None, with a finding, for any other YAML."""
    if len(text) > MAX_SIZE:
        context.note("yaml-too-large", limit=MAX_SIZE // 1024**2)
        return None
    try:
        for token in yaml.scan(text, Loader=yaml.CBaseLoader):
            if isinstance(token, FORBIDDEN_YAML):
                context.note("yaml-features", line=token.start_mark.line + 1)
                return None
        page = yaml.load(text, Loader=yaml.CBaseLoader)  # noqa: S506 - it makes strings only
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        context.note("invalid-yaml", line=line, reason=error.problem or error.context)
        return None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        context.note("invalid-yaml", reason=type(error).__name__)
        return None

    if not isinstance(page, dict) or not isinstance(page.get("sections"), list):
        context.note("yaml-not-faq")
        return None
    return {str(key): value for key, value in page.items()}


def _questions(page: dict[str, Any]) -> Iterator[_Question]:
    for section in page["sections"]:
        rows = section.get("questions") if isinstance(section, dict) else None
        for row in rows if isinstance(rows, list) else ():
            if not isinstance(row, dict):
                continue
            question, answer = row.get("question"), row.get("answer")
            if not isinstance(question, str) or not isinstance(answer, str):
                continue
            if question.strip() and answer.strip():
                name = section.get("name")
                section_name = name if isinstance(name, str) else ""
                yield _Question(section_name, " ".join(question.split()), answer)


def _document(question: _Question, metadata: Metadata, context: ReadContext) -> Document:
    article = to_article(markdown.render(question.answer, context), context, keep_title=True)
    topic = " › ".join(part for part in (metadata.title, question.section) if part)
    path = context.page.id.partition("/")[2]
    return make_document(
        context,
        # The title and the aliases of the page are not the question's.
        Metadata(line=metadata.line, fields=metadata.fields),
        article.sections,
        titles=(question.question,),
        html=article.html,
        kind=DocumentKind.FAQ,
        id=f"{DocumentKind.FAQ}/{path}/{ids.slug(question.question)}",
        extra={**metadata.fields.get("extra", {}), "topic": topic},
    )
