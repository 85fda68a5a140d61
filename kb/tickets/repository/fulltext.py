"""Full text of tickets: which tickets contain these words, and which are similar.

The only module that knows the FTS5 table. An event is indexed in the transaction that saves it; a
search returns the serials of tickets. Articles are searched by ``kb.search``.

Whole words match, and a term of three or more letters matches as a prefix too, unless the word
itself is so common that its newest occurrences are enough. Scripts without blanks are indexed
letter by letter and searched as a phrase, so that any part of them is found.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection, Sequence

from sqlalchemy import Column, ColumnElement, Connection, bindparam, func, select, text

from kb import ids
from kb.tickets.lifecycle import Status

_UNSPACED = re.compile(r"([\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\u0e00-\u0eff\u3040-\u30ff])")
#: So many occurrences of one word are looked at, the newest first.
MAX_OCCURRENCES = 3_000
_MIN_PREFIX = 3
#: A word with more occurrences says nothing about what a ticket is like.
_COMMON = 20_000
_MAX_TITLE_TERMS = 12
_MAX_RARE_TERMS = 5

_INDEX = text("INSERT INTO words (rowid, title, said) VALUES (:id, :title, :said)")
# The table keeps no text, so it has to be told what to take out.
_UNINDEX = text(
    "INSERT INTO words (words, rowid, title, said) VALUES ('delete', :id, :title, :said)"
)
# All of these are bounded: counting a word of every ticket takes as long as there are tickets. The
# newest come first without sorting, as FTS5 keeps its lists by rowid, which is the id of the event.
_TICKETS = text(
    "SELECT DISTINCT events.ticket_id FROM (SELECT rowid AS id FROM words WHERE words MATCH :match "
    "ORDER BY rowid DESC LIMIT :limit) AS said CROSS JOIN events ON events.id = said.id WHERE "
    ":internal OR events.public"
)
_COUNT = text(
    "SELECT count(*) FROM (SELECT rowid FROM words WHERE words MATCH :match LIMIT :limit)"
)
_SIMILAR = text(
    "SELECT events.ticket_id AS id, min(said.score) AS score FROM (SELECT rowid AS id, "
    "bm25(words, 4.0, 1.0) AS score "
    "FROM words WHERE words MATCH :match ORDER BY score LIMIT 500) AS said JOIN events ON "
    "events.id = said.id "
    "JOIN tickets ON tickets.id = events.ticket_id WHERE tickets.status IN :status AND tickets.id "
    "!= :serial "
    "GROUP BY events.ticket_id ORDER BY score, events.ticket_id DESC LIMIT :limit"
).bindparams(bindparam("status", expanding=True))


def index_event(connection: Connection, event_id: int, title: str, body: str) -> None:
    """``title`` is that of a new ticket, else empty."""
    row = {"id": event_id, "title": space_letters(title), "said": space_letters(body)}
    connection.execute(_INDEX, row)


def unindex_event(connection: Connection, event_id: int, title: str, body: str) -> None:
    """Takes out what ``index_event`` has put in; other texts would damage the index."""
    row = {"id": event_id, "title": space_letters(title), "said": space_letters(body)}
    connection.execute(_UNINDEX, row)


def purge_unindexed(connection: Connection) -> None:
    """Rewrites the index without the words that only events taken out had."""
    connection.execute(text("INSERT INTO words (words) VALUES ('optimize')"))


def has_word(connection: Connection, word: str) -> bool:
    """Whether any ticket contains the word."""
    return _occurrences(connection, _exact(word), 1) > 0


def space_letters(line: str) -> str:
    """
    >>> space_letters("印刷 now")
    ' 印  刷  now'
    """
    return _UNSPACED.sub(r" \1 ", line)


def matching_tickets(connection: Connection, line: str, *, internal: bool) -> frozenset[int]:
    """Serials of the tickets that contain every word of ``line``.

    They may be in the number, in the title, or in a message that the reader may see. Of a word with
    more than MAX_OCCURRENCES only the newest count, and those with all words in one message.
    """
    line_words = line[:200].split()[:10]
    if not line_words:
        return frozenset()

    matches, any_common = [], False
    serials: frozenset[int] | None = None
    for word in line_words:
        exact = _exact(word)
        common = _occurrences(connection, exact, MAX_OCCURRENCES) >= MAX_OCCURRENCES
        any_common = any_common or common
        matches.append(exact if common else _prefix(word))
        with_word = _with_match(connection, matches[-1], internal) | _by_number(word)
        serials = with_word if serials is None else serials & with_word

    together: frozenset[int] = frozenset()
    if len(line_words) > 1 and any_common and all(matches):
        together = _with_match(connection, " AND ".join(matches), internal)
    return (serials or frozenset()) | together


def similar_tickets(
    connection: Connection, title: str, serial: int, limit: int, status: Sequence[Status]
) -> list[int]:
    """Serials of other tickets of a ``status`` that share the rarest words of ``title``."""
    match = _rarest_terms(connection, title)
    if not match:
        return []
    values = {"match": match, "serial": serial, "limit": limit, "status": status}
    return [row.id for row in connection.execute(_SIMILAR, values)]


def one_of(column: Column[int], values: Collection[int]) -> ColumnElement[bool]:
    """The column has one of many values, which are sent as one parameter."""
    rows = func.json_each(json.dumps(sorted(values))).table_valued("value")
    return column.in_(select(rows.c.value))


def _exact(word: str) -> str:
    """The word itself as an FTS5 match; empty when it holds no letter or digit."""
    terms = " ".join(re.findall(r"[^\W_]+", space_letters(word[:80])))
    return f'"{terms}"' if terms else ""


def _prefix(word: str) -> str:
    """As ``_exact``, also for words that begin with it.

    >>> _prefix('100%'), _prefix('jam"'), _prefix('%')
    ('"100" *', '"jam" *', '')
    """
    exact = _exact(word)
    last_term = exact.strip('"').split()[-1:]
    return f"{exact} *" if last_term and len(last_term[0]) >= _MIN_PREFIX else exact


def _by_number(word: str) -> frozenset[int]:
    serial = ids.ticket_serial(word)
    return frozenset() if serial is None else frozenset((serial,))


def _with_match(connection: Connection, match: str, internal: bool) -> frozenset[int]:
    if not match:
        return frozenset()
    values = {"match": match, "limit": MAX_OCCURRENCES, "internal": internal}
    return frozenset(connection.execute(_TICKETS, values).scalars())


def _occurrences(connection: Connection, match: str, limit: int) -> int:
    """Counted up to ``limit``."""
    if not match:
        return 0
    return int(connection.execute(_COUNT, {"match": match, "limit": limit}).scalar_one())


def _rarest_terms(connection: Connection, line: str) -> str:
    """A match for any of the rarest terms; empty when all are unknown or common."""
    folded = "".join(
        c
        for c in unicodedata.normalize("NFKD", line[:500].casefold())
        if not unicodedata.combining(c)
    )
    terms = list(dict.fromkeys(re.findall(r"[^\W\d_]{3,}", folded)))[:_MAX_TITLE_TERMS]
    counts = [(_occurrences(connection, f'"{term}"', _COMMON + 1), term) for term in terms]
    rarest = sorted(pair for pair in counts if 0 < pair[0] <= _COMMON)[:_MAX_RARE_TERMS]
    return " OR ".join(f'"{term}"' for _, term in rarest)
