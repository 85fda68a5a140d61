"""Markdown threads, the help centre's own format: a question and its answers in one file.

Front matter: title, product, audience, author, date, tags. The text is the question; each ``##
Reply by NAME`` or ``## Answer by NAME · accepted`` opens a post, and the accepted one is the
answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from lxml import html as lxml_html

from indexer.html.tree import Element
from indexer.readers import markdown
from indexer.readers.context import ReadContext
from indexer.readers.forums.thread import Post, thread_document
from indexer.readers.metadata import make_document, split_metadata
from kb.search.documents import Document

_POST_HEADING = re.compile(
    r"^(?:accepted\s+)?(?:reply|answer|comment)(?:\s+by\s+(.{1,80}?))?(\s*[·(,-]+\s*accepted\)?)?$",
    re.I,
)
_ACCEPTED_MARK = re.compile(r"\s*[·(,-]+\s*accepted\)?$", re.I)


def read(text: str, context: ReadContext) -> tuple[Document, ...]:
    """The thread in a Markdown text, or nothing, with a finding."""
    parts = split_metadata(text, context)
    if parts is None:
        return ()
    metadata, body = parts

    root = markdown.render(body, context)
    title = root.find(".//h1")
    heading = ""
    if title is not None:
        heading = _text(title)
        title.drop_tree()

    author = next(iter(metadata.fields["authors"]), "")
    posts = list(_posts(root, author))
    if not any(_text(post.body) for post in posts):
        context.note("no-text")
        return ()
    accepted = [index for index, post in enumerate(posts) if post.accepted]
    if len(accepted) > 1:
        context.note("several-accepted")
        for index in accepted[1:]:
            posts[index] = replace(posts[index], accepted=False)

    named = make_document(context, metadata, (), titles=(metadata.title, heading), html="")
    authors = dict.fromkeys(post.author for post in posts if post.author)
    fields = {**metadata.fields, "aliases": named.aliases, "authors": tuple(authors)}
    return (thread_document(context, posts, id=context.page.id, title=named.title, **fields),)


def _posts(root: Element, author: str) -> Iterator[Post]:
    """The posts between the headings that open one."""
    body = lxml_html.Element("div")
    body.text = root.text
    name, accepted, number = "question", False, 0

    for child in list(root):
        heading = _text(child) if child.tag == "h2" else ""
        opening = _POST_HEADING.match(heading) if heading else None
        if opening is None:
            body.append(child)
            continue

        yield Post(name, body, author, None, accepted)
        number += 1
        body = lxml_html.Element("div")
        name = f"reply-{number}"
        author = _ACCEPTED_MARK.sub("", opening[1] or "")
        accepted = bool(opening[2]) or heading.lower().startswith("accepted")

    yield Post(name, body, author, None, accepted)


def _text(element: Element) -> str:
    return " ".join(element.text_content().split())
