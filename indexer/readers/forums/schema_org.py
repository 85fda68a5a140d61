"""Pages that declare a discussion with schema.org (DiscussionForumPosting, QAPage).

As JSON-LD or as microdata; one page becomes one Document. BeautifulSoup is used here, because
structure counts more than speed: few pages are discussions, and the others are recognized by a
search for two words. FAQ pages are read by ``faq``.
"""

from __future__ import annotations

import datetime as dt
import html
import json
import re
from collections.abc import Iterator, Set
from typing import TYPE_CHECKING, Any

from indexer.html.tree import Element, parse_html
from indexer.readers.context import ReadContext
from indexer.readers.forums.thread import Post, thread_document
from indexer.readers.metadata import declared_language
from kb.search.documents import Document, DocumentKind

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

MAX_POSTS = 200
_MAX_PAGE = 2 * 1024 * 1024  # characters
_MAX_AUTHOR = 80

# Pages may nest their items without end.
_MAX_DEPTH = 8
_MAX_ITEMS = 3
_MAX_PARTS = 500

_POSTINGS = ("DiscussionForumPosting", "SocialMediaPosting")
_REPLIES = ("comment", "acceptedAnswer", "suggestedAnswer")

#: (title, posts)
Discussion = tuple[str, list[Post]]


def read(text: str, context: ReadContext) -> tuple[Document, ...]:
    """The discussion on a page; nothing, and no finding, when the page declares none."""
    if context.careful or len(text) > _MAX_PAGE:
        return ()
    if "DiscussionForumPosting" not in text and "QAPage" not in text:
        return ()

    from bs4 import BeautifulSoup  # slow to import, and not for every page of a manual

    soup = BeautifulSoup(text, "lxml")
    discussion = next(_json_ld(soup), None) or next(_microdata(soup), None)
    if discussion is None:
        return ()

    title, posts = discussion
    posts = [post for post in posts if post.body.text_content().split()][:MAX_POSTS]
    if not posts or not title:
        return ()

    path = context.page.id.partition("/")[2]
    language = str(soup.html.get("lang") or "") if soup.html else ""
    document = thread_document(
        context,
        posts,
        id=f"{DocumentKind.FORUM}/{path}",
        title=title,
        source=context.file.name,
        language=declared_language(language, context),
    )
    return (document,)


# --- JSON-LD


def _json_ld(soup: BeautifulSoup) -> Iterator[Discussion]:
    for script in soup.find_all("script", type="application/ld+json"):
        try:
            yield from _discussions(json.loads(script.get_text()), 0)
        except (ValueError, RecursionError):
            continue


def _discussions(data: Any, depth: int) -> Iterator[Discussion]:
    if depth >= _MAX_DEPTH:
        return
    if isinstance(data, list):
        for item in data:
            yield from _discussions(item, depth + 1)
    elif isinstance(data, dict):
        kind = data.get("@type")
        is_question = kind == "Question" and any(name in data for name in _REPLIES)
        if kind in _POSTINGS or is_question:
            yield _text(data, "headline", "name", "title"), list(_posts(data))
            return
        for name in ("@graph", "mainEntity", "mainEntityOfPage"):
            yield from _discussions(data.get(name), depth + 1)


def _posts(data: dict[str, Any]) -> Iterator[Post]:
    yield _post(data, "question", accepted=False)
    number = 0
    for name in _REPLIES:
        replies = data.get(name)
        for reply in replies if isinstance(replies, list) else [replies]:
            if isinstance(reply, dict):
                number += 1
                yield _post(reply, f"reply-{number}", accepted=name == "acceptedAnswer")


def _post(data: dict[str, Any], name: str, *, accepted: bool) -> Post:
    author = data.get("author")
    if isinstance(author, list) and author:
        author = author[0]
    author = _text(author, "name") if isinstance(author, dict) else str(author or "")

    body = str(data.get("text") or data.get("articleBody") or "")
    date = _date(_text(data, "datePublished", "dateCreated"))
    return Post(name, _tree(body), " ".join(author.split())[:_MAX_AUTHOR], date, accepted)


def _text(data: dict[str, Any], *names: str) -> str:
    for name in names:
        value = data.get(name)
        if isinstance(value, str) and value.strip():
            return " ".join(value.split())
    return ""


def _tree(text: str) -> Element:
    if "<" not in text:
        text = "".join(f"<p>{html.escape(block)}</p>" for block in text.split("\n\n"))
    return parse_html(text)


# --- microdata


def _microdata(soup: BeautifulSoup) -> Iterator[Discussion]:
    for kind in (*_POSTINGS, "Question"):
        for item in soup.find_all(itemtype=re.compile(rf"/{kind}$"), limit=_MAX_ITEMS):
            discussion = _marked_discussion(item, is_question=kind == "Question")
            if discussion:
                yield discussion


def _marked_discussion(item: Tag, *, is_question: bool) -> Discussion | None:
    replies = [
        reply for name in _REPLIES for reply in item.find_all(itemprop=name, limit=MAX_POSTS)
    ]
    if is_question and not replies:
        return None

    # Properties of the replies are not those of the question that contains them.
    inside = {
        id(element)
        for reply in replies
        for element in (reply, *reply.find_all(True, limit=_MAX_PARTS))
    }
    title = _property(item, ("headline", "name"), inside)
    question = _marked_post(item, "question", inside)
    if title is None or question is None:
        return None

    posts = [question]
    for number, reply in enumerate(replies, 1):
        accepted = "acceptedAnswer" in str(reply.get("itemprop") or "")
        post = _marked_post(reply, f"reply-{number}", frozenset(), accepted=accepted)
        if post:
            posts.append(post)
    return " ".join(str(title.get("content") or title.get_text(" ")).split()), posts


def _marked_post(item: Tag, name: str, ignored: Set[int], *, accepted: bool = False) -> Post | None:
    body = _property(item, ("text", "articleBody"), ignored)
    if body is None:
        return None

    author = _property(item, ("author",), ignored)
    author_name = ""
    if author is not None:
        author_name = (author.find(itemprop="name") or author).get_text(" ")

    published = _property(item, ("datePublished", "dateCreated"), ignored)
    date = None
    if published is not None:
        date = _date(str(published.get("datetime") or published.get("content") or ""))

    tree = parse_html(body.decode_contents())
    return Post(name, tree, " ".join(author_name.split())[:_MAX_AUTHOR], date, accepted)


def _property(item: Tag, names: tuple[str, ...], ignored: Set[int]) -> Tag | None:
    """The first element with one of these properties whose identity is not ``ignored``."""
    for name in names:
        for element in item.find_all(itemprop=name, limit=_MAX_PARTS):
            if id(element) not in ignored:
                return element
    return None


def _date(written: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(written[:10])
    except ValueError:
        return None
