"""Which tickets say these words?

The one door to the FTS5 table of the ticket side: what is said goes in with the event that says it,
in the same transaction; what is asked comes out as serials of tickets. Not for articles: those are
``kb.search``'s.

Whole words match, and a word of three or more letters matches as a beginning too, unless it is said
so often by itself that the newest places are plenty. Scripts without blanks are kept letter by
letter and asked as a phrase, so that any part of them is found.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, bindparam, text

from kb import ids

_UNSPACED = re.compile(r"([\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\u0e00-\u0eff\u3040-\u30ff])")
#: How many places of one word are looked at, the newest first.
GATHERED = 3_000
_PREFIX = 3
#: A word that is said so often tells nothing about what a ticket is like.
COMMON = 20_000
_TITLE_WORDS = 12
_PUT = text("INSERT INTO words (rowid, title, said) VALUES (:id, :title, :said)")
# Bounded, all of them: counting a word of every ticket takes as long as there are tickets. The
# newest come first without sorting, as FTS5 keeps its lists by rowid, which is the id of the event.
_SAID = text(
    "SELECT DISTINCT events.ticket_id FROM (SELECT rowid AS id FROM words WHERE words MATCH :asked "
    "ORDER BY rowid DESC LIMIT :most) AS said CROSS JOIN events ON events.id = said.id WHERE "
    ":internal OR events.public"
)
_PLACES = text(
    "SELECT count(*) FROM (SELECT rowid FROM words WHERE words MATCH :asked LIMIT :most)"
)


def spaced(words: str) -> str:
    """
    >>> spaced("印刷 now")
    ' 印  刷  now'
    """
    return _UNSPACED.sub(r" \1 ", words)


def learn(connection: Connection, said: Iterable[Mapping[str, object]]) -> None:
    """``said``: id of the event, title (of a new ticket, else empty) and said, one or many."""
    rows = [
        {**one, "title": spaced(str(one["title"])), "said": spaced(str(one["said"]))}
        for one in said
    ]
    if rows:
        connection.execute(_PUT, rows)


def exactly(word: str) -> str:
    """The word as FTS5 asks for it, and no longer one; empty when there is nothing to ask for."""
    terms = " ".join(re.findall(r"[^\W_]+", spaced(word[:80])))
    return f'"{terms}"' if terms else ""


def asked(word: str) -> str:
    """The word as FTS5 asks for it, or for one that begins so; empty when there is nothing to ask
    for.

    >>> asked('100%'), asked('jam"'), asked('%')
    ('"100" *', '"jam" *', '')
    """
    terms = exactly(word)
    letters = terms.strip('"').split()[-1:]
    return f"{terms} *" if letters and len(letters[0]) >= _PREFIX else terms


def tickets(connection: Connection, line: str, *, internal: bool) -> frozenset[int]:
    """Serials of the tickets in which every word of ``line`` occurs: in the number, the title or a
    comment of the reader's side.

    Of a word that is said more than GATHERED times, only the newest places count, and those at
    which all the words are said together.
    """
    wanted = line[:200].split()[:10]
    if not wanted:
        return frozenset()
    terms = [exactly(word) for word in wanted]
    common = [_places(connection, term, GATHERED) >= GATHERED for term in terms]
    said = [
        _said(connection, term if often else asked(word), internal) | _named(word)
        for word, term, often in zip(wanted, terms, common, strict=True)
    ]
    found = frozenset.intersection(*said)
    together = [
        term if often else asked(word)
        for word, term, often in zip(wanted, terms, common, strict=True)
    ]
    if len(wanted) > 1 and any(common) and all(together):
        found |= _said(connection, " AND ".join(together), internal)
    return found


def _named(word: str) -> frozenset[int]:
    serial = ids.ticket_serial(word)
    return frozenset() if serial is None else frozenset((serial,))


def _said(connection: Connection, match: str, internal: bool) -> frozenset[int]:
    if not match:
        return frozenset()
    asking = {"asked": match, "most": GATHERED, "internal": internal}
    return frozenset(connection.execute(_SAID, asking).scalars())


def _places(connection: Connection, match: str, most: int) -> int:
    """How often it is said, counted up to ``most``."""
    if not match:
        return 0
    return int(connection.execute(_PLACES, {"asked": match, "most": most}).scalar_one())


def telling(connection: Connection, line: str, *, most: int = 5) -> str:
    """The rarest known words of ``line``, any of which may match; empty when all are unknown or
    everybody's.
    """
    plain = "".join(
        c
        for c in unicodedata.normalize("NFKD", line[:500].casefold())
        if not unicodedata.combining(c)
    )
    terms = dict.fromkeys(re.findall(r"[^\W\d_]{3,}", plain))
    counted = [
        (_places(connection, f'"{term}"', COMMON + 1), term) for term in list(terms)[:_TITLE_WORDS]
    ]
    rare = sorted(pair for pair in counted if 0 < pair[0] <= COMMON)[:most]
    return " OR ".join(f'"{term}"' for _, term in rare)


LIKE = text(
    "SELECT events.ticket_id AS id, min(said.score) AS score FROM (SELECT rowid AS id, "
    "bm25(words, 4.0, 1.0) AS score "
    "FROM words WHERE words MATCH :asked ORDER BY score LIMIT 500) AS said JOIN events ON "
    "events.id = said.id "
    "JOIN tickets ON tickets.id = events.ticket_id WHERE tickets.status IN :status AND tickets.id "
    "!= :but "
    "GROUP BY events.ticket_id ORDER BY score, events.ticket_id DESC LIMIT :most"
).bindparams(bindparam("status", expanding=True))
