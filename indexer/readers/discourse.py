"""A Discourse topic export (JSON) becomes one Document.

Quotes of earlier posts stay visible but are not indexed twice; oneboxes become links, emoji images
go, hidden and deleted posts and small actions are left out, the accepted answer comes first. Not
for lists of topics.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from lxml import html as lxml_html

from indexer.html import tree
from indexer.readers import metadata
from indexer.readers.context import ReadContext
from indexer.readers.thread import Post, thread_document
from indexer.sources.format_detection import remove_control_characters
from kb.search.documents import Document

_REGULAR = 1
POSTS_SHOWN = 200


def read(text: str, context: ReadContext) -> tuple[Document, ...]:
    """The topic in a JSON text, or nothing, with a finding."""
    try:
        data = json.loads(text)
    except RecursionError:
        context.note("The JSON is nested too deeply.", skipped=True)
        return ()
    except ValueError as error:
        line = getattr(error, "lineno", 0)
        context.note(f"The JSON is damaged: {str(error).split(':')[0]}.", line=line, skipped=True)
        return ()
    stream = data.get("post_stream") if isinstance(data, dict) else None
    listed = stream.get("posts") if isinstance(stream, dict) else None
    if not isinstance(listed, list):
        context.note("It is JSON, but no Discourse topic.", skipped=True)
        return ()
    reason = _hidden(data)
    posts = [post for post in listed if isinstance(post, dict) and _shown(post)]
    if reason or not posts or _text(posts[0], "post_number") not in ("1", ""):
        context.note(reason or "Its first post is hidden or deleted.", skipped=True)
        return ()
    return (_topic(data, posts[:POSTS_SHOWN], context),)


def _hidden(data: dict[str, Any]) -> str:
    if data.get("deleted_at") or data.get("deleted_by"):
        return "The topic was deleted."
    if data.get("archetype", "regular") != "regular":
        return "It is a private message or a banner, not a topic."
    return "" if data.get("visible", True) else "The topic is unlisted."


def _shown(post: dict[str, Any]) -> bool:
    gone = post.get("hidden") or post.get("deleted_at") or post.get("user_deleted")
    return not gone and post.get("post_type", _REGULAR) == _REGULAR and bool(_text(post, "cooked"))


def _topic(data: dict[str, Any], posts: list[dict[str, Any]], context: ReadContext) -> Document:
    accepted = data.get("accepted_answer")
    number = accepted.get("post_number") if isinstance(accepted, dict) else None
    made = [_post(post, number, context) for post in posts]
    title = " ".join(_text(data, "title").split()) or "Untitled topic"
    tags = [tag.get("name") if isinstance(tag, dict) else tag for tag in data.get("tags") or []]
    return thread_document(
        context,
        made,
        id=context.page.id,
        title=title,
        source=context.file.name,
        language=metadata.declared_language("", context),
        tags=tuple(remove_control_characters(tag) for tag in tags if isinstance(tag, str)),
        extra={"closed": "yes"} if data.get("closed") else {},
    )


def _post(post: dict[str, Any], accepted: Any, context: ReadContext) -> Post:
    body = tree.parse_html(_text(post, "cooked"), context)
    _tidy(body)
    number = _text(post, "post_number")
    author = _text(post, "name") or _text(post, "username")
    is_accepted = post.get("accepted_answer") is True or (
        accepted is not None and str(accepted) == number
    )
    return Post(f"post-{number}", body, " ".join(author.split()), _day(post), is_accepted)


def _tidy(body: Any) -> None:
    for image in list(body.iter("img")):
        if "emoji" in (image.get("class") or ""):
            image.drop_tree()
    for aside in list(body.iter("aside")):
        names = (aside.get("class") or "").split()
        if "quote" in names:
            _quote(aside)
        elif "onebox" in names:
            _onebox(aside)
    for element in list(body.iter("div", "span")):
        # The caption of a zoomable picture: its size in pixels and bytes.
        if set((element.get("class") or "").split()) & {"meta", "informations", "lightbox-meta"}:
            element.drop_tree()


def _quote(aside: Any) -> None:
    for title in aside.xpath("./div[contains(@class,'title')]"):
        title.drop_tree()
    aside.tag = "blockquote"
    aside.set("data-quoted", "")


def _onebox(aside: Any) -> None:
    link = aside.find(".//h3//a")
    link = aside.find(".//a") if link is None else link
    href = aside.get("data-onebox-src") or (link.get("href") if link is not None else "") or ""
    text = " ".join(link.text_content().split()) if link is not None else ""
    paragraph = lxml_html.Element("p")
    anchor = lxml_html.Element("a", href=href)
    anchor.text = text or href
    paragraph.append(anchor)
    paragraph.tail = aside.tail
    if aside.getparent() is not None:
        aside.getparent().replace(aside, paragraph)


def _text(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    return (
        remove_control_characters(value)
        if isinstance(value, str)
        else str(value)
        if isinstance(value, int)
        else ""
    )


def _day(post: dict[str, Any]) -> dt.date | None:
    try:
        return dt.date.fromisoformat(_text(post, "created_at")[:10])
    except ValueError:
        return None
