"""Full text of tickets in SQLite: its FTS5 table, ``words``, with a row for each event."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, text

from kb.tickets.repository.fulltext.queries import FulltextQueries

_INDEX = text("INSERT INTO words (rowid, title, said) VALUES (:id, :title, :said)")
# The table keeps no text, so it has to be told what to take out.
_UNINDEX = text(
    "INSERT INTO words (words, rowid, title, said) VALUES ('delete', :id, :title, :said)"
)
_PURGE = text("INSERT INTO words (words) VALUES ('optimize')")
_CLEAR = text("INSERT INTO words (words) VALUES ('delete-all')")
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


class SqliteFulltext:
    """A match is an FTS5 query: terms in quotes, so that no word is an operator."""

    queries = FulltextQueries(_TICKETS, _COUNT, _SIMILAR)

    def index(self, connection: Connection, event_id: int, title: str, body: str) -> None:
        connection.execute(_INDEX, {"id": event_id, "title": title, "said": body})

    def unindex(self, connection: Connection, event_id: int, title: str, body: str) -> None:
        connection.execute(_UNINDEX, {"id": event_id, "title": title, "said": body})

    def purge(self, connection: Connection) -> None:
        connection.execute(_PURGE)

    def clear(self, connection: Connection) -> None:
        connection.execute(_CLEAR)

    def phrase(self, terms: Sequence[str], *, prefix: bool = False) -> str:
        """Terms in this order; with ``prefix`` the last one may go on."""
        return f'"{" ".join(terms)}"{" *" if prefix else ""}'

    def all_of(self, matches: Sequence[str]) -> str:
        return " AND ".join(matches)

    def any_of(self, matches: Sequence[str]) -> str:
        return " OR ".join(matches)
