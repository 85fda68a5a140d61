"""A YAML file of questions (DocFX's FAQ pages) becomes one Document for each question.

``sections`` of ``questions``, each with a ``question`` and an ``answer`` in Markdown; ``title``,
``summary`` and ``metadata`` stand for front matter. Read without types, aliases and tags, as all
YAML here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from indexer.html import sections
from indexer.readers import markdown, metadata
from indexer.readers.context import ReadContext
from kb import ids
from kb.search.documents import Document, DocumentKind

LIMIT = 1024 * 1024  # characters
QUESTIONS = 2000
_FORBIDDEN = (yaml.AliasToken, yaml.AnchorToken, yaml.TagToken)


def read(text: str, context: ReadContext) -> tuple[Document, ...]:
    """The questions in ``text``, or nothing, with a finding."""
    values = _values(text, context)
    if values is None:
        return ()
    declared = values.get("metadata")
    said = {**(declared if isinstance(declared, dict) else {}), **values}
    if not metadata.may_publish(said, context):
        return ()
    facts = metadata.parse_metadata(said, context)
    made: dict[str, Document] = {}
    for topic, question, answer in _questions(values):
        document = _document(topic, question, answer, facts, context)
        if document.id in made:
            context.note(
                f"The question “{question[:80]}” stands here twice; the first answer is kept."
            )
        elif any(section.text for section in document.sections) and len(made) < QUESTIONS:
            made[document.id] = document
    if not made:
        context.note("It holds no question with an answer.", skipped=True)
    return tuple(made.values())


def _values(text: str, context: ReadContext) -> dict[str, Any] | None:
    sentence, line = "", 0
    if len(text) > LIMIT:
        sentence = f"It is longer than {LIMIT // 1024**2} MB; split it."
    try:
        for token in () if sentence else yaml.scan(text, Loader=yaml.CBaseLoader):
            if isinstance(token, _FORBIDDEN):
                sentence, line = (
                    "It uses YAML anchors, aliases or tags, which are not read.",
                    token.start_mark.line + 1,
                )
                break
        values = None if sentence else yaml.load(text, Loader=yaml.CBaseLoader)  # noqa: S506 - makes strings only
    except yaml.MarkedYAMLError as error:
        sentence = f"It is not valid YAML: {error.problem or error.context}."
        line = error.problem_mark.line + 1 if error.problem_mark else 0
    except (yaml.YAMLError, ValueError, RecursionError):
        sentence = "It is not valid YAML."
    if not sentence and not (isinstance(values, dict) and isinstance(values.get("sections"), list)):
        sentence = "It is YAML, but no page of questions (sections of questions)."
    if sentence or values is None:
        context.note(sentence, line=line, skipped=True)
        return None
    return {str(key): value for key, value in values.items()}


def _questions(values: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(name of the section, question, answer)."""
    for section in values["sections"]:
        listed = section.get("questions") if isinstance(section, dict) else None
        for row in listed if isinstance(listed, list) else ():
            question, answer = (
                (row.get("question"), row.get("answer")) if isinstance(row, dict) else (None, None)
            )
            if (
                isinstance(question, str)
                and isinstance(answer, str)
                and question.strip()
                and answer.strip()
            ):
                name = section.get("name")
                yield name if isinstance(name, str) else "", " ".join(question.split()), answer


def _document(
    topic: str, question: str, answer: str, facts: metadata.Metadata, context: ReadContext
) -> Document:
    cut = sections.to_article(markdown.rendered(answer, context), context, keep_title=True)
    extra = {
        **facts.fields.get("extra", {}),
        "topic": " › ".join(part for part in (facts.title, topic) if part),
    }
    return metadata.make_document(
        context,
        metadata.Metadata(line=facts.line, fields=facts.fields),
        cut.sections,
        titles=(question,),
        html=cut.html,
        kind=DocumentKind.FAQ,
        id=f"{DocumentKind.FAQ}/{context.page.id.partition('/')[2]}/{ids.slug(question)}",
        extra=extra,
    )
