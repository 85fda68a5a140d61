"""How do the posts of a forum topic become one Document?

The question is the first Section, the accepted answer the next, the other replies follow in their
order; each post is one Section, so that the answer can be shown as the passage. Not for any
export's format.
"""

from __future__ import annotations

import datetime as dt
import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from indexer.html import sanitizer, sections, tree
from indexer.readers import language
from indexer.readers.context import ReadContext
from indexer.readers.site_index import ID_PREFIX
from kb.search.documents import Document, DocumentKind, Section

_ALL = ("h1", "h2", "h3", "h4", "h5", "h6")
_POSSIBLE_DUPLICATE = re.compile(r"^\s*possible duplicates?:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Post:
    """One post: ``body`` is a tree that may be changed; ``name`` becomes the anchor of its Section."""

    name: str
    body: Any
    author: str = ""
    date: dt.date | None = None
    accepted: bool = False


def thread_document(
    context: ReadContext,
    posts: Sequence[Post],
    *,
    id: str,  # noqa: A002 - the Document's field
    title: str,
    **fields: Any,
) -> Document:
    """One Document from a topic's posts, the question first. ``fields`` are further fields of the
    Document.
    """
    question, replies = posts[0], posts[1:]
    replies = sorted(replies, key=lambda post: not post.accepted)
    sections: list[Section] = []
    parts: list[str] = []
    answer = None
    for post in (question, *replies):
        is_question = post is question
        heading = "" if is_question else _heading(post)
        text, markup = _body(post, context)
        if not text and not is_question:
            continue
        if post.accepted and answer is None and not is_question:
            answer = len(sections)
        sections.append(
            Section(
                "" if is_question else ID_PREFIX + post.name, (heading,) if heading else (), text
            )
        )
        parts.append(
            markup if is_question else f'<h2 id="{post.name}">{html.escape(heading)}</h2>\n{markup}'
        )
    if not fields.get("language"):
        fields["language"] = language.detect_language(
            "\n".join((title, *(section.text for section in sections[:10])))
        )
    fields.setdefault("updated", max((post.date for post in posts if post.date), default=None))
    fields.setdefault(
        "authors", tuple(dict.fromkeys(post.author for post in posts if post.author))[:20]
    )
    return Document(
        id=id,
        kind=DocumentKind.FORUM,
        title=title,
        sections=tuple(sections),
        html=sanitizer.sanitize("\n".join(parts)),
        solved=answer is not None,
        answer=answer,
        **fields,
    )


def _heading(post: Post) -> str:
    kind = "Accepted answer" if post.accepted else "Reply"
    return f"{kind} by {post.author}" if post.author else kind


def _body(post: Post, context: ReadContext) -> tuple[str, str]:
    """(plain text, HTML) of a post; its headings become bold lines, so that a post stays one
    Section.
    """
    for heading in list(post.body.iter(*_ALL)):
        tree.embolden(heading)
    _drop_duplicate_notice(post.body)
    cut = sections.to_article(post.body, context, keep_title=True, anchors=False)
    return "\n\n".join(section.text for section in cut.sections), cut.html


def _drop_duplicate_notice(body: Any) -> None:
    for quote in list(body.iter("blockquote"))[:2]:
        if _POSSIBLE_DUPLICATE.match(quote.text_content()):
            quote.drop_tree()


def joined(values: Iterable[str]) -> str:
    return "\n".join(value for value in values if value)
