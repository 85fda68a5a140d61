"""Discourse topic exports (JSON): one topic becomes one Document.

Quotes of earlier posts stay visible but are not indexed twice; oneboxes become links; emoji images,
hidden and deleted posts, and small actions are removed. Lists of topics are not read.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from lxml import html as lxml_html

from indexer.html.plaintext import QUOTED
from indexer.html.tree import Element, parse_html
from indexer.readers.context import ReadContext
from indexer.readers.forums.thread import Post, thread_document
from indexer.readers.metadata import declared_language
from indexer.sources.format_detection import Unreadable, remove_control_characters
from kb.search.documents import Document

MAX_POSTS = 200
_REGULAR_POST = 1
#: The caption of a zoomable picture: its size in pixels and bytes.
_CAPTION_CLASSES = frozenset({"meta", "informations", "lightbox-meta"})


def read(text: str, context: ReadContext) -> tuple[Document, ...]:
    """The topic in a JSON text, or nothing, with a finding."""
    try:
        data = json.loads(text)
    except RecursionError:
        raise Unreadable("invalid-json", reason="nested too deeply") from None
    except ValueError as error:
        line = getattr(error, "lineno", 0)
        raise Unreadable("invalid-json", line=line, reason=str(error).split(":")[0]) from None

    stream = data.get("post_stream") if isinstance(data, dict) else None
    rows = stream.get("posts") if isinstance(stream, dict) else None
    if not isinstance(rows, list):
        raise Unreadable("not-discourse")

    _check_visible(data)
    posts = [row for row in rows if isinstance(row, dict) and _is_shown(row)]
    if not posts or _text(posts[0], "post_number") not in ("1", ""):
        raise Unreadable("first-post-hidden")
    return (_document(data, posts[:MAX_POSTS], context),)


def _check_visible(topic: dict[str, Any]) -> None:
    if topic.get("deleted_at") or topic.get("deleted_by"):
        raise Unreadable("topic-deleted")
    if topic.get("archetype", "regular") != "regular":
        raise Unreadable("topic-private")
    if not topic.get("visible", True):
        raise Unreadable("topic-unlisted")


def _is_shown(post: dict[str, Any]) -> bool:
    if post.get("hidden") or post.get("deleted_at") or post.get("user_deleted"):
        return False
    return post.get("post_type", _REGULAR_POST) == _REGULAR_POST and bool(_text(post, "cooked"))


def _document(topic: dict[str, Any], rows: list[dict[str, Any]], context: ReadContext) -> Document:
    accepted = topic.get("accepted_answer")
    number = accepted.get("post_number") if isinstance(accepted, dict) else None
    posts = [_post(row, number, context) for row in rows]

    tags = []
    for tag in topic.get("tags") or []:
        name = tag.get("name") if isinstance(tag, dict) else tag
        if isinstance(name, str):
            tags.append(remove_control_characters(name))

    return thread_document(
        context,
        posts,
        id=context.page.id,
        title=" ".join(_text(topic, "title").split()) or "Untitled topic",
        source=context.file.name,
        language=declared_language("", context),
        tags=tuple(tags),
        extra={"closed": "yes"} if topic.get("closed") else {},
    )


def _post(row: dict[str, Any], accepted_number: Any, context: ReadContext) -> Post:
    body = parse_html(_text(row, "cooked"), context)
    _clean(body)
    number = _text(row, "post_number")
    author = _text(row, "name") or _text(row, "username")
    is_accepted = row.get("accepted_answer") is True or (
        accepted_number is not None and str(accepted_number) == number
    )
    return Post(f"post-{number}", body, " ".join(author.split()), _date(row), is_accepted)


def _clean(body: Element) -> None:
    for image in list(body.iter("img")):
        if "emoji" in (image.get("class") or ""):
            image.drop_tree()

    for aside in list(body.iter("aside")):
        classes = (aside.get("class") or "").split()
        if "quote" in classes:
            for title in aside.xpath("./div[contains(@class,'title')]"):
                title.drop_tree()
            aside.tag = "blockquote"
            aside.set(QUOTED, "")
        elif "onebox" in classes:
            _replace_onebox(aside)

    for element in list(body.iter("div", "span")):
        if _CAPTION_CLASSES & set((element.get("class") or "").split()):
            element.drop_tree()


def _replace_onebox(aside: Element) -> None:
    """A preview of another page becomes a link to it."""
    link = aside.find(".//h3//a")
    if link is None:
        link = aside.find(".//a")

    href, title = "", ""
    if link is not None:
        href = link.get("href") or ""
        title = " ".join(link.text_content().split())
    href = aside.get("data-onebox-src") or href

    anchor = lxml_html.Element("a", href=href)
    anchor.text = title or href
    paragraph = lxml_html.Element("p")
    paragraph.append(anchor)
    paragraph.tail = aside.tail
    if aside.getparent() is not None:
        aside.getparent().replace(aside, paragraph)


def _text(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    if isinstance(value, str):
        return remove_control_characters(value)
    return str(value) if isinstance(value, int) else ""


def _date(post: dict[str, Any]) -> dt.date | None:
    try:
        return dt.date.fromisoformat(_text(post, "created_at")[:10])
    except ValueError:
        return None
