"""Stack Exchange dumps (Posts.xml): each question becomes one Document.

The dump is read once, row by row and without entities, DTD, or network, into a temporary database
on disk; then questions are taken out with their answers, so that memory does not grow with the
dump. PostLinks.xml beside it tells which questions are duplicates: their titles become aliases of
the original. Wiki posts, tags, and deleted posts are not read.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import html
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree

from indexer.html.tree import Element, parse_html
from indexer.readers.context import ReadContext
from indexer.readers.forums.thread import Post, thread_document
from kb.search.documents import Document

MAX_ANSWERS = 30
_QUESTION, _ANSWER = "1", "2"  # PostTypeId
_DUPLICATE = "3"  # LinkTypeId
_DOCTYPE_HEAD = 64 * 1024  # bytes

_SCHEMA = """
PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;
CREATE TABLE question (
    id INTEGER PRIMARY KEY, title TEXT, body TEXT, tags TEXT, accepted INTEGER, author TEXT,
    changed TEXT, closed TEXT
);
CREATE TABLE answer (
    id INTEGER PRIMARY KEY, parent INTEGER, body TEXT, score INTEGER, author TEXT, changed TEXT
);
CREATE TABLE link (post INTEGER, related INTEGER);
"""
_INDEXES = """
CREATE INDEX by_parent ON answer (parent);
CREATE INDEX by_related ON link (related);
"""
_ANSWERS_OF = """
SELECT id, body, author, changed FROM answer WHERE parent = ?
ORDER BY id = ? DESC, score DESC, id LIMIT ?
"""
_TITLES_OF_DUPLICATES = """
SELECT question.title FROM link JOIN question ON question.id = post WHERE related = ?
"""

_TAGS = re.compile(r"[<|]([^<>|]+)(?=[>|])")
_ESCAPED_BLOCK = re.compile(r"&lt;(?:p|div|ul|ol|pre|blockquote|h\d)\b")


def read(context: ReadContext) -> Iterator[Document]:
    """The questions of the dump, in the order of their numbers."""
    path = Path(context.file.absolute)
    # A temporary file of SQLite's own, gone when it is closed.
    with contextlib.closing(sqlite3.connect("")) as database:
        database.executescript(_SCHEMA)
        _load_posts(path, context, database)
        links = path.with_name(path.name.replace("Posts", "PostLinks"))
        if links != path and links.is_file() and not links.is_symlink():
            _load_links(links, context, database)
        database.executescript(_INDEXES)

        for row in database.execute("SELECT * FROM question ORDER BY id"):
            yield _document(row, context, database)


def _rows(path: Path, context: ReadContext) -> Iterator[dict[str, str]]:
    with path.open("rb") as opened:
        has_doctype = b"<!DOCTYPE" in opened.read(_DOCTYPE_HEAD).upper()
    if has_doctype:
        context.note("dump-document-type")
        return

    elements = etree.iterparse(
        str(path),
        events=("end",),
        tag="row",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        recover=True,
        huge_tree=True,
    )
    try:
        for _, element in elements:
            yield {str(key): str(value) for key, value in element.attrib.items()}
            # Without this the parser keeps the whole dump in memory.
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
    except etree.XMLSyntaxError as error:
        context.note("xml-truncated", line=error.lineno or 0, reason=error.msg)
        return
    if elements.error_log:
        entry = elements.error_log[0]
        context.note("xml-damaged", line=entry.line, reason=entry.message)


def _load_posts(path: Path, context: ReadContext, database: sqlite3.Connection) -> None:
    for row in _rows(path, context):
        number = _number(row.get("Id"))
        if number is None or row.get("DeletionDate"):
            continue
        body, author = row.get("Body", ""), row.get("OwnerDisplayName", "")
        changed = row.get("LastEditDate") or row.get("CreationDate", "")

        if row.get("PostTypeId") == _QUESTION:
            accepted = _number(row.get("AcceptedAnswerId"))
            title, tags, closed = (
                row.get("Title", ""),
                row.get("Tags", ""),
                row.get("ClosedDate", ""),
            )
            database.execute(
                "INSERT OR IGNORE INTO question VALUES (?,?,?,?,?,?,?,?)",
                (number, title, body, tags, accepted, author, changed, closed),
            )
        elif row.get("PostTypeId") == _ANSWER:
            parent, score = _number(row.get("ParentId")), _number(row.get("Score")) or 0
            database.execute(
                "INSERT OR IGNORE INTO answer VALUES (?,?,?,?,?,?)",
                (number, parent, body, score, author, changed),
            )


def _load_links(path: Path, context: ReadContext, database: sqlite3.Connection) -> None:
    for row in _rows(path, context):
        if row.get("LinkTypeId") == _DUPLICATE:
            link = (_number(row.get("PostId")), _number(row.get("RelatedPostId")))
            database.execute("INSERT INTO link VALUES (?,?)", link)


def _document(row: tuple[Any, ...], context: ReadContext, database: sqlite3.Connection) -> Document:
    number, title, body, tags, accepted, author, changed, closed = row
    title = " ".join(html.unescape(title).split()) or f"Question {number}"

    posts = [Post("question", _tree(body, context), author, _date(changed))]
    answers = database.execute(_ANSWERS_OF, (number, accepted, MAX_ANSWERS))
    for answer, answer_body, answer_author, answer_changed in answers:
        posts.append(
            Post(
                f"answer-{answer}",
                _tree(answer_body, context),
                answer_author,
                _date(answer_changed),
                answer == accepted,
            )
        )

    # A question that was closed as a duplicate of this one is this one in other words.
    duplicates = database.execute(_TITLES_OF_DUPLICATES, (number,))
    aliases = dict.fromkeys(other for (other,) in duplicates if other and other != title)

    return thread_document(
        context,
        posts,
        id=f"{context.page.id}/{number}",
        title=title,
        tags=tuple(_TAGS.findall(html.unescape(tags))),
        aliases=tuple(aliases),
        source=context.file.name,
        extra={"closed": closed[:10]} if closed else {},
    )


def _tree(body: str, context: ReadContext) -> Element:
    """The body as a tree. Some dumps escape their bodies twice."""
    if "<" not in body and _ESCAPED_BLOCK.search(body):
        body = html.unescape(body)
    return parse_html(body, context)


def _number(text: str | None) -> int | None:
    if text and text.isascii() and text.isdigit() and len(text) < 18:
        return int(text)
    return None


def _date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text[:10])
    except ValueError:
        return None
