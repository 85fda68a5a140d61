"""Full text of tickets in PostgreSQL: the table ``words``, with a tsvector for each event.

The lexemes are made here and not by PostgreSQL's parser, which would keep addresses, paths and
words with hyphens whole, and whose folding of accents needs an extension. So both databases find
the same tickets.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, bindparam, text

from kb.tickets.repository.fulltext.queries import FulltextQueries

_TERM = re.compile(r"[^\W_]+")
_MAX_TERM = 255  # a lexeme may have 2,046 bytes
_MAX_POSITION = 16_383  # of a lexeme in a tsvector; what comes later has this position

_INDEX = text("INSERT INTO words (event_id, lexemes) VALUES (:id, CAST(:lexemes AS tsvector))")
_UNINDEX = text("DELETE FROM words WHERE event_id = :id")
_CLEAR = text("DELETE FROM words")
_PURGE = text("SELECT gin_clean_pending_list('ix_words_lexemes')")
_TICKETS = text(
    "SELECT DISTINCT events.ticket_id FROM (SELECT event_id AS id FROM words WHERE lexemes @@ "
    "CAST(:match AS tsquery) ORDER BY event_id DESC LIMIT :limit) AS said JOIN events ON events.id "
    "= said.id WHERE :internal OR events.public"
)
_COUNT = text(
    "SELECT count(*) FROM (SELECT event_id FROM words WHERE lexemes @@ CAST(:match AS tsquery) "
    "LIMIT :limit) AS said"
)
# Titles have the weight A, texts D.
_SIMILAR = text(
    "SELECT events.ticket_id AS id, max(said.score) AS score FROM (SELECT event_id AS id, "
    "ts_rank('{.25, .25, .25, 1}', lexemes, CAST(:match AS tsquery), 1) AS score FROM words WHERE "
    "lexemes @@ CAST(:match AS tsquery) ORDER BY score DESC LIMIT 500) AS said JOIN events ON "
    "events.id = said.id JOIN tickets ON tickets.id = events.ticket_id WHERE tickets.status IN "
    ":status AND tickets.id != :serial GROUP BY events.ticket_id ORDER BY max(said.score) DESC, "
    "events.ticket_id DESC LIMIT :limit"
).bindparams(bindparam("status", expanding=True))


class PostgresqlFulltext:
    """A match is a tsquery of quoted lexemes, so that no word is an operator."""

    queries = FulltextQueries(_TICKETS, _COUNT, _SIMILAR)

    def index(self, connection: Connection, event_id: int, title: str, body: str) -> None:
        connection.execute(_INDEX, {"id": event_id, "lexemes": _lexemes(title, body)})

    def unindex(self, connection: Connection, event_id: int, title: str, body: str) -> None:
        del title, body
        connection.execute(_UNINDEX, {"id": event_id})

    def purge(self, connection: Connection) -> None:
        """Rows that were deleted are in the table until ``Database.purge``."""
        connection.execute(_PURGE)

    def clear(self, connection: Connection) -> None:
        connection.execute(_CLEAR)

    def phrase(self, terms: Sequence[str], *, prefix: bool = False) -> str:
        """Terms in this order; with ``prefix`` the last one may go on."""
        lexemes = [f"'{_fold(term)}'" for term in terms]
        return f"({' <-> '.join(lexemes)}{':*' if prefix else ''})"

    def all_of(self, matches: Sequence[str]) -> str:
        return " & ".join(matches)

    def any_of(self, matches: Sequence[str]) -> str:
        return " | ".join(matches)


def _lexemes(title: str, body: str) -> str:
    """A tsvector's text: each term with its position; no phrase reaches from title to body.

    >>> _lexemes("Café", "It jams.")
    "'cafe':1A 'it':3 'jams':4"
    """
    terms = [*_positioned(title, 1, "A")]
    terms += _positioned(body, len(terms) + 2, "")
    return " ".join(terms)


def _positioned(line: str, first: int, weight: str) -> Iterator[str]:
    for position, term in enumerate(_TERM.findall(line), start=first):
        yield f"'{_fold(term)}':{min(position, _MAX_POSITION)}{weight}"


def _fold(term: str) -> str:
    """Without case and accents, as SQLite's full text has it."""
    folded = unicodedata.normalize("NFKD", term.casefold())
    return "".join(c for c in folded if not unicodedata.combining(c))[:_MAX_TERM]
