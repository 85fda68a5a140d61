"""Which tickets say these words?

The one door to the FTS5 table of the ticket side: what is said goes in with the event that says it, in the same
transaction; what is asked comes out as conditions for a query on tickets. Not for articles: those are ``kb.search``'s.

Whole words match, and a word of three or more letters matches as a beginning too. Scripts without blanks are kept
letter by letter and asked as a phrase, so that any part of them is found.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    false,
    literal_column,
    or_,
    select,
    text,
    true,
)

from kb import ids
from kb.tickets.schema import EVENTS, TICKETS

_UNSPACED = re.compile(r"([\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\u0e00-\u0eff\u3040-\u30ff])")
#: How many places of one word are looked at, the newest first.
GATHERED = 10_000
_PREFIX = 3
_COMMON = 20_000
_PUT = text("INSERT INTO words (rowid, title, said) VALUES (:id, :title, :said)")
_DOCUMENTS = text("SELECT term, doc FROM words_known WHERE term = :term")
_MATCH = "words MATCH "
_ROWID: ColumnElement[int] = literal_column("words.rowid", Integer)


def spaced(words: str) -> str:
    """
    >>> spaced("印刷 now")
    ' 印  刷  now'
    """
    return _UNSPACED.sub(r" \1 ", words)


def learn(connection: Connection, said: Iterable[Mapping[str, object]]) -> None:
    """``said``: id of the event, title (of a new ticket, else empty) and said, one or many."""
    rows = [{**one, "title": spaced(str(one["title"])), "said": spaced(str(one["said"]))} for one in said]
    if rows:
        connection.execute(_PUT, rows)


def asked(word: str) -> str:
    """The word as FTS5 asks for it; empty when there is nothing to ask for.

    >>> asked('100%'), asked('jam"'), asked('%')
    ('"100" *', '"jam" *', '')
    """
    terms = " ".join(re.findall(r"[^\W_]+", spaced(word[:80])))
    if not terms:
        return ""
    letters = terms.split()[-1]
    return f'"{terms}"' + (" *" if len(letters) >= _PREFIX else "")


def saying(line: str, *, internal: bool) -> ColumnElement[bool]:
    """Tickets in which every word of ``line`` occurs: in the number, the title or a comment of the reader's side.

    Of a word that is said more than GATHERED times, only the newest places count.
    """
    wanted = line[:200].split()[:10]
    return and_(true(), *(_says(word, number, internal=internal) for number, word in enumerate(wanted)))


def _says(word: str, number: int, *, internal: bool) -> ColumnElement[bool]:
    serial = ids.ticket_serial(word)
    named = TICKETS.c.id == serial if serial is not None else false()
    match = asked(word)
    if not match:
        return named
    said = select(_ROWID).select_from(text("words")).where(_matches(f"asked_{number}", match))
    newest: Select[Any] = said.order_by(_ROWID.desc()).limit(GATHERED)
    public = true() if internal else EVENTS.c.public
    told = select(EVENTS.c.ticket_id).where(EVENTS.c.id.in_(newest), public)
    return or_(TICKETS.c.id.in_(told), named)


def _matches(name: str, match: str) -> ColumnElement[bool]:
    # The text clause keeps FTS5's own operator; the words themselves are a parameter.
    return text(f"{_MATCH}:{name}").bindparams(bindparam(name, match))  # type: ignore[return-value]


def telling(connection: Connection, line: str, *, most: int = 5) -> str:
    """The rarest known words of ``line``, any of which may match; empty when all are unknown or everybody's."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", line[:500].casefold()) if not unicodedata.combining(c))
    terms = dict.fromkeys(re.findall(r"[^\W\d_]{3,}", plain))
    counted = [
        (row.doc, row.term) for term in list(terms)[:40] for row in connection.execute(_DOCUMENTS, {"term": term})
    ]
    rare = sorted(pair for pair in counted if pair[0] <= _COMMON)[:most]
    return " OR ".join(f'"{term}"' for _, term in rare)


LIKE = text(
    "SELECT events.ticket_id AS id, min(said.score) AS score FROM (SELECT rowid AS id, bm25(words, 4.0, 1.0) AS score "
    "FROM words WHERE words MATCH :asked ORDER BY score LIMIT 500) AS said JOIN events ON events.id = said.id "
    "JOIN tickets ON tickets.id = events.ticket_id WHERE tickets.status = 'solved' AND tickets.id != :but "
    "GROUP BY events.ticket_id ORDER BY score, events.ticket_id DESC LIMIT :most"
)
