"""Threads: the posts of a discussion as one Document.

The question is the first Section, the accepted answer the next, the other replies follow in their
order. Each post is one Section, so that the answer can be shown as the passage.
"""

from __future__ import annotations

import datetime as dt
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from indexer.html.sanitizer import sanitize
from indexer.html.sections import to_article
from indexer.html.tree import Element, embolden
from indexer.readers.context import ReadContext
from indexer.readers.language import detect_language
from indexer.readers.site_index import ID_PREFIX
from kb.search.documents import Document, DocumentKind, Section

_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_POSSIBLE_DUPLICATE = re.compile(r"^\s*possible duplicates?:", re.IGNORECASE)
_MAX_AUTHORS = 20
_LANGUAGE_SECTIONS = 10


@dataclass(frozen=True, slots=True)
class Post:
    """One post. ``name`` becomes the anchor of its Section; the tree ``body`` may be changed."""

    name: str
    body: Element
    author: str = ""
    date: dt.date | None = None
    accepted: bool = False


def thread_document(
    context: ReadContext,
    posts: Sequence[Post],
    *,
    id: str,  # noqa: A002 - as the Document's field is named
    title: str,
    **fields: Any,
) -> Document:
    """One Document from the posts of a thread, the question first.

    ``fields`` are further fields of the Document; by default they are derived from the posts.
    """
    question, *replies = posts
    replies.sort(key=lambda post: not post.accepted)

    body, markup = _body(question, context)
    sections = [body]
    parts = [markup]
    answer: int | None = None
    for post in replies:
        body, markup = _body(post, context)
        if not body.text:
            continue
        if post.accepted and answer is None:
            answer = len(sections)
        heading = "Accepted answer" if post.accepted else "Reply"
        if post.author:
            heading += f" by {post.author}"
        sections.append(replace(body, anchor=ID_PREFIX + post.name, path=(heading,)))
        parts.append(f'<h2 id="{post.name}">{html.escape(heading)}</h2>\n{markup}')

    if not fields.get("language"):
        texts = [section.text for section in sections[:_LANGUAGE_SECTIONS]]
        fields["language"] = detect_language("\n".join([title, *texts]))
    fields.setdefault("updated", max((post.date for post in posts if post.date), default=None))
    fields.setdefault("audience", context.audience)
    authors = dict.fromkeys(post.author for post in posts if post.author)
    fields.setdefault("authors", tuple(authors)[:_MAX_AUTHORS])

    return Document(
        id=id,
        kind=DocumentKind.FORUM,
        title=title,
        sections=tuple(sections),
        html=sanitize("\n".join(parts)),
        solved=answer is not None,
        answer=answer,
        **fields,
    )


def _body(post: Post, context: ReadContext) -> tuple[Section, str]:
    """The plain text and the HTML of a post, whose headings become bold lines."""
    for heading in list(post.body.iter(*_HEADINGS)):
        embolden(heading)

    # Stack Exchange puts the notice above the question's own words.
    for quote in list(post.body.iter("blockquote"))[:2]:
        if _POSSIBLE_DUPLICATE.match(quote.text_content()):
            quote.drop_tree()

    article = to_article(post.body, context, keep_title=True, anchors=False)
    return next(iter(article.sections), Section("", (), "")), article.html
