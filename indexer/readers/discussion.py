"""A page that declares a discussion (schema.org DiscussionForumPosting or QAPage) becomes one forum
Document.

As JSON-LD or as microdata. BeautifulSoup, because here structure counts more than speed: few pages
are discussions, and the others are told apart by a search for two words. Not for FAQ pages
(``faq``).
"""

from __future__ import annotations

import datetime as dt
import html
import json
import re
from collections.abc import Iterator, Set
from typing import TYPE_CHECKING, Any

from indexer.html import tree
from indexer.readers import metadata
from indexer.readers.context import ReadContext
from indexer.readers.thread import Post, thread_document
from kb.search.documents import Document, DocumentKind

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

_LONGEST = 2 * 1024 * 1024  # characters
_DEPTH = 8
POSTS_SHOWN = 200
_ITEMS, _PARTS = 3, 500  # elements looked at: pages may nest them without end
_POSTINGS = ("DiscussionForumPosting", "SocialMediaPosting")
_REPLIES = ("comment", "acceptedAnswer", "suggestedAnswer")


def read(text: str, context: ReadContext) -> tuple[Document, ...]:
    """The discussion on a page; nothing when the page declares none, without a word."""
    if (
        context.careful
        or len(text) > _LONGEST
        or not any(name in text for name in ("DiscussionForumPosting", "QAPage"))
    ):
        return ()
    from bs4 import BeautifulSoup  # not for every page of a manual

    soup = BeautifulSoup(text, "lxml")
    found = next(_declared(soup), None) or next(_marked(soup), None)
    if found is None:
        return ()
    title, posts = found
    posts = [post for post in posts if " ".join(post.body.text_content().split())][:POSTS_SHOWN]
    if not posts or not title:
        return ()
    name = f"{DocumentKind.FORUM}/{context.page.id.partition('/')[2]}"
    language = metadata.declared_language(
        str(soup.html.get("lang") or "") if soup.html else "", context
    )
    return (
        thread_document(
            context, posts, id=name, title=title, source=context.file.name, language=language
        ),
    )


# JSON-LD


def _declared(soup: BeautifulSoup) -> Iterator[tuple[str, list[Post]]]:
    for script in soup.find_all("script", type="application/ld+json"):
        try:
            yield from _things(json.loads(script.get_text()), 0)
        except (ValueError, RecursionError):
            continue


def _things(data: Any, depth: int) -> Iterator[tuple[str, list[Post]]]:
    if isinstance(data, list) and depth < _DEPTH:
        for item in data:
            yield from _things(item, depth + 1)
    elif isinstance(data, dict) and depth < _DEPTH:
        kind = data.get("@type")
        if kind in _POSTINGS or (kind == "Question" and any(name in data for name in _REPLIES)):
            yield _said(data, "headline", "name", "title"), list(_posts(data))
            return
        for name in ("@graph", "mainEntity", "mainEntityOfPage"):
            yield from _things(data.get(name), depth + 1)


def _posts(data: dict[str, Any]) -> Iterator[Post]:
    yield _post(data, "question", accepted=False)
    number = 0
    for name in _REPLIES:
        listed = data.get(name)
        for reply in listed if isinstance(listed, list) else [listed]:
            if isinstance(reply, dict):
                number += 1
                yield _post(reply, f"reply-{number}", accepted=name == "acceptedAnswer")


def _post(data: dict[str, Any], name: str, *, accepted: bool) -> Post:
    author = data.get("author")
    author = author[0] if isinstance(author, list) and author else author
    by = _said(author, "name") if isinstance(author, dict) else str(author or "")
    text = data.get("text") or data.get("articleBody") or ""
    return Post(
        name,
        _tree(str(text)),
        " ".join(by.split())[:80],
        _day(_said(data, "datePublished", "dateCreated")),
        accepted,
    )


def _said(data: Any, *names: str) -> str:
    values = (data.get(name) for name in names) if isinstance(data, dict) else ()
    return next(
        (" ".join(value.split()) for value in values if isinstance(value, str) and value.strip()),
        "",
    )


def _tree(text: str) -> tree.Element:
    if "<" not in text:
        text = "".join(f"<p>{html.escape(block)}</p>" for block in text.split("\n\n"))
    return tree.parse_html(text)


# Microdata


def _marked(soup: BeautifulSoup) -> Iterator[tuple[str, list[Post]]]:
    for kind in (*_POSTINGS, "Question"):
        for item in soup.find_all(itemtype=re.compile(rf"/{kind}$"), limit=_ITEMS):
            replies = [
                reply
                for name in _REPLIES
                for reply in item.find_all(itemprop=name, limit=POSTS_SHOWN)
            ]
            inside = {
                id(below)
                for reply in replies
                for below in (reply, *reply.find_all(True, limit=_PARTS))
            }
            title = _prop_tag(item, ("headline", "name"), inside)
            body = _prop_tag(item, ("text", "articleBody"), inside)
            if title is None or body is None or (kind == "Question" and not replies):
                continue
            first = Post(
                "question",
                tree.parse_html(body.decode_contents()),
                _author(item, inside),
                _when(item, inside),
            )
            posts = [
                first,
                *(post for n, reply in enumerate(replies, 1) if (post := _reply(reply, n))),
            ]
            yield " ".join(str(title.get("content") or title.get_text(" ")).split()), posts


def _reply(item: Tag, number: int) -> Post | None:
    body = _prop_tag(item, ("text", "articleBody"), set())
    if body is None:
        return None
    accepted = "acceptedAnswer" in str(item.get("itemprop") or "")
    return Post(
        f"reply-{number}",
        tree.parse_html(body.decode_contents()),
        _author(item, set()),
        _when(item, set()),
        accepted,
    )


def _prop_tag(item: Tag, names: tuple[str, ...], but: Set[int]) -> Tag | None:
    """The first element with one of these properties whose identity is not in ``but``."""
    for name in names:
        for found in item.find_all(itemprop=name, limit=_PARTS):
            if id(found) not in but:
                return found
    return None


def _author(item: Tag, but: Set[int]) -> str:
    found = _prop_tag(item, ("author",), but)
    named = found.find(itemprop="name") if found is not None else None
    return " ".join((named or found).get_text(" ").split())[:80] if found is not None else ""


def _when(item: Tag, but: Set[int]) -> dt.date | None:
    found = _prop_tag(item, ("datePublished", "dateCreated"), but)
    return (
        _day(str(found.get("datetime") or found.get("content") or ""))
        if found is not None
        else None
    )


def _day(written: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(written[:10])
    except ValueError:
        return None
