"""A Stack Exchange dump (Posts.xml) becomes one Document for each question.

Streamed: the file is read once, row by row, without entities, DTD or network, into a temporary
database on disk, then questions are taken out with their answers; memory does not grow with the
dump. PostLinks.xml beside it tells whose wording is another question's duplicate. Not for wiki
posts, tags or deleted posts.
"""

from __future__ import annotations

import datetime as dt
import html
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree

from indexer.html import tree
from indexer.readers.context import ReadContext
from indexer.readers.thread import Post, thread_document
from kb.search.documents import Document

_QUESTION, _ANSWER, _DUPLICATE = "1", "2", "3"
ANSWERS_SHOWN = 30
_SCHEMA = """
PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;
CREATE TABLE question (id INTEGER PRIMARY KEY, title TEXT, body TEXT, tags TEXT, accepted INTEGER, author TEXT,
    changed TEXT, closed TEXT);
CREATE TABLE answer (id INTEGER PRIMARY KEY, parent INTEGER, body TEXT, score INTEGER, author TEXT, changed TEXT);
CREATE TABLE link (post INTEGER, related INTEGER);
"""
_TAGS = re.compile(r"[<|]([^<>|]+)(?=[>|])")


def read(path: Path, context: ReadContext) -> Iterator[Document]:
    """The questions of the dump at ``path``, in order of their numbers."""
    database = sqlite3.connect("")  # a temporary file of SQLite's own, gone when it is closed
    try:
        database.executescript(_SCHEMA)
        _load(path, context, database)
        links = path.with_name(re.sub(r"Posts", "PostLinks", path.name))
        if links != path and links.is_file() and not links.is_symlink():
            _load_links(links, context, database)
        database.executescript(
            "CREATE INDEX by_parent ON answer (parent); CREATE INDEX by_related ON link (related)"
        )
        rows = database.execute("SELECT * FROM question ORDER BY id")
        for row in rows:
            yield _document(row, context, database)
    finally:
        database.close()


def _rows(path: Path, context: ReadContext) -> Iterator[dict[str, str]]:
    with path.open("rb") as opened:
        declares = b"<!DOCTYPE" in opened.read(64 * 1024).upper()
    if declares:
        context.note("The dump declares a document type, so it is not read.", skipped=True)
        return
    rows = etree.iterparse(
        str(path), events=("end",), tag="row", resolve_entities=False, no_network=True, load_dtd=False, recover=True,
        huge_tree=True,
    )  # fmt: skip
    try:
        for _, element in rows:
            yield {str(key): str(value) for key, value in element.attrib.items()}
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
    except etree.XMLSyntaxError as error:
        context.note(f"The XML is damaged from here on: {error.msg}.", line=error.lineno or 0)
        return
    if rows.error_log:
        entry = rows.error_log[0]
        context.note(
            f"The XML is damaged; what could be read was read: {entry.message}.", line=entry.line
        )


def _load(path: Path, context: ReadContext, database: sqlite3.Connection) -> None:
    for row in _rows(path, context):
        number = _number(row.get("Id"))
        if number is None or row.get("DeletionDate"):
            continue
        author = row.get("OwnerDisplayName", "")
        changed = row.get("LastEditDate") or row.get("CreationDate", "")
        body = row.get("Body", "")
        if row.get("PostTypeId") == _QUESTION:
            accepted = _number(row.get("AcceptedAnswerId"))
            values = (row.get("Title", ""), body, row.get("Tags", ""), accepted, author, changed)
            database.execute("INSERT OR IGNORE INTO question VALUES (?,?,?,?,?,?,?,?)",
                             (number, *values, row.get("ClosedDate", "")))  # fmt: skip
        elif row.get("PostTypeId") == _ANSWER:
            parent, score = _number(row.get("ParentId")), _number(row.get("Score")) or 0
            database.execute("INSERT OR IGNORE INTO answer VALUES (?,?,?,?,?,?)",
                             (number, parent, body, score, author, changed))  # fmt: skip


def _load_links(path: Path, context: ReadContext, database: sqlite3.Connection) -> None:
    for row in _rows(path, context):
        if row.get("LinkTypeId") == _DUPLICATE:
            link = (_number(row.get("PostId")), _number(row.get("RelatedPostId")))
            database.execute("INSERT INTO link VALUES (?,?)", link)


def _document(row: tuple[Any, ...], context: ReadContext, database: sqlite3.Connection) -> Document:
    number, title, body, tags, accepted, author, changed, closed = row
    posts = [Post("question", _tree(body, context), author, _day(changed))]
    answers = database.execute(
        "SELECT id, body, author, changed FROM answer WHERE parent = ? ORDER BY id = ? DESC, "
        "score DESC, id LIMIT ?",
        (number, accepted, ANSWERS_SHOWN),
    )
    for answer, text, by, day in answers:
        posts.append(
            Post(f"answer-{answer}", _tree(text, context), by, _day(day), answer == accepted)
        )
    # Another question that was closed as a duplicate of this one is this one in other words.
    wordings = database.execute(
        "SELECT question.title FROM link JOIN question ON question.id = post WHERE related = ?",
        (number,),
    )
    title = " ".join(html.unescape(title).split()) or f"Question {number}"
    return thread_document(
        context, posts, id=f"{context.page.id}/{number}", title=title, tags=tuple(_TAGS.findall(html.unescape(tags))),
        aliases=tuple(dict.fromkeys(other for (other,) in wordings if other and other != title)),
        source=context.file.name, extra={"closed": closed[:10]} if closed else {},
    )  # fmt: skip


def _tree(body: str, context: ReadContext) -> Any:
    """The body as a tree; a body that was escaped twice is taken at its word."""
    if "<" not in body and re.search(r"&lt;(?:p|div|ul|ol|pre|blockquote|h\d)\b", body):
        body = html.unescape(body)
    return tree.parse_html(body, context)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 18 else None


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text[:10])
    except ValueError:
        return None
