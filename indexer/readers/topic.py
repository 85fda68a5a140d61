"""A Markdown file with a question and its answers becomes one forum Document.

Front matter: title, product, audience, author, date, tags. The text is the question; each ``##
Reply by NAME`` or ``## Answer by NAME · accepted`` opens a post, and the accepted one is the
answer. The help centre's own format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lxml import html as lxml_html

from indexer.readers import markdown, metadata
from indexer.readers.context import ReadContext
from indexer.readers.thread import Post, thread_document
from kb.search.documents import Document

_POST = re.compile(
    r"^(?:accepted\s+)?(?:reply|answer|comment)(?:\s+by\s+(.{1,80}?))?(\s*[·(,-]+\s*accepted\)?)?$",
    re.I,
)


def read(text: str, context: ReadContext) -> tuple[Document, ...]:
    """The topic in a Markdown text, or nothing, with a finding."""
    found = metadata.split_metadata(text, context)
    if found is None:
        return ()
    facts, body = found
    root = markdown.rendered(body, context)
    title = root.find(".//h1")
    heading = " ".join(title.text_content().split()) if title is not None else ""
    if title is not None:
        title.drop_tree()
    author = next(iter(facts.fields["authors"]), "")
    posts = list(_posts(root, author))
    if not any(" ".join(post.body.text_content().split()) for post in posts):
        context.note("It holds no text.", skipped=True)
        return ()
    if sum(post.accepted for post in posts) > 1:
        context.note("More than one answer is marked as accepted; the first one counts.")
    named = metadata.make_document(context, facts, (), titles=(facts.title, heading), html="")
    authors = tuple(dict.fromkeys(post.author for post in posts if post.author))
    fields = {**facts.fields, "aliases": named.aliases, "authors": authors}
    return (thread_document(context, posts, id=context.page.id, title=named.title, **fields),)


def _posts(root: Any, author: str) -> Iterator[Post]:
    body, name, by, accepted, number = lxml_html.Element("div"), "question", author, False, 0
    body.text = root.text
    seen = False
    for child in list(root):
        words = " ".join(child.text_content().split()) if child.tag == "h2" else ""
        match = _POST.match(words) if words else None
        if match is None:
            body.append(child)
            continue
        yield Post(name, body, by, None, accepted and not seen)
        seen = seen or accepted
        number += 1
        body, name, by = lxml_html.Element("div"), f"reply-{number}", match[1] or ""
        accepted = bool(match[2]) or words.lower().startswith("accepted")
        by = re.sub(r"\s*[·(,-]+\s*accepted\)?$", "", by, flags=re.I)
    yield Post(name, body, by, None, accepted and not seen)
