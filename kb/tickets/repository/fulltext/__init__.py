"""Full text of tickets: which tickets contain these words, and which are similar.

An event is indexed in the transaction that saves it; a search returns the serials of tickets. How
a database does that is one class, in ``sqlite`` and ``postgresql``. Articles are
searched by ``kb.search``.

Whole words match, and a term of three or more letters matches as a prefix too, unless the word
itself is so common that its newest occurrences are enough. Scripts without blanks are indexed
letter by letter and searched as a phrase, so that any part of them is found.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from sqlalchemy import Connection

from kb import ids
from kb.tickets.lifecycle import Status
from kb.tickets.repository.fulltext.postgresql import PostgresqlFulltext
from kb.tickets.repository.fulltext.queries import FulltextQueries
from kb.tickets.repository.fulltext.sqlite import SqliteFulltext

_UNSPACED = re.compile(r"([\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\u0e00-\u0eff\u3040-\u30ff])")
#: So many occurrences of one word are looked at, the newest first.
MAX_OCCURRENCES = 3_000
_MIN_PREFIX = 3
#: A word with more occurrences says nothing about what a ticket is like.
_COMMON = 20_000
_MAX_TITLE_TERMS = 12
_MAX_RARE_TERMS = 5


class FulltextIndex(Protocol):
    """What a database does for the full text; it must find by parts of one event.

    A *match* is the database's own text for a query, made by ``phrase``, ``all_of`` and ``any_of``.
    """

    @property
    def queries(self) -> FulltextQueries: ...

    def index(self, connection: Connection, event_id: int, title: str, body: str) -> None: ...

    def unindex(self, connection: Connection, event_id: int, title: str, body: str) -> None: ...

    def purge(self, connection: Connection) -> None:
        """Leaves nothing of what was taken out."""

    def clear(self, connection: Connection) -> None: ...

    def phrase(self, terms: Sequence[str], *, prefix: bool = False) -> str: ...

    def all_of(self, matches: Sequence[str]) -> str: ...

    def any_of(self, matches: Sequence[str]) -> str: ...


#: SQLAlchemy's name of a database -> its full text.
_INDEXES: Mapping[str, FulltextIndex] = MappingProxyType(
    {"sqlite": SqliteFulltext(), "postgresql": PostgresqlFulltext()}
)


def _index_of(connection: Connection) -> FulltextIndex:
    return _INDEXES[connection.dialect.name]


def index_event(connection: Connection, event_id: int, title: str, body: str) -> None:
    """``title`` is that of a new ticket, else empty."""
    _index_of(connection).index(connection, event_id, space_letters(title), space_letters(body))


def unindex_event(connection: Connection, event_id: int, title: str, body: str) -> None:
    """Takes out what ``index_event`` has put in; other texts would damage the index."""
    _index_of(connection).unindex(connection, event_id, space_letters(title), space_letters(body))


def purge_unindexed(connection: Connection) -> None:
    """Rewrites the index without the words that only events taken out had."""
    _index_of(connection).purge(connection)


def clear(connection: Connection) -> None:
    """Takes out every event, for an index that is built anew."""
    _index_of(connection).clear(connection)


def has_word(connection: Connection, word: str) -> bool:
    """Whether any ticket contains the word."""
    index, terms = _index_of(connection), _terms(word)
    return bool(terms) and index.queries.occurrences(connection, index.phrase(terms), 1) > 0


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

    index = _index_of(connection)
    matches, any_common = [], False
    serials: frozenset[int] | None = None
    for word in line_words:
        with_word = _by_number(word)
        terms = _terms(word)
        if terms:
            match = index.phrase(terms)
            if index.queries.occurrences(connection, match, MAX_OCCURRENCES) >= MAX_OCCURRENCES:
                any_common = True
            elif len(terms[-1]) >= _MIN_PREFIX:
                match = index.phrase(terms, prefix=True)
            matches.append(match)
            with_word |= index.queries.tickets(
                connection, match, MAX_OCCURRENCES, internal=internal
            )
        serials = with_word if serials is None else serials & with_word

    together: frozenset[int] = frozenset()
    if any_common and 1 < len(line_words) == len(matches):
        match = index.all_of(matches)
        together = index.queries.tickets(connection, match, MAX_OCCURRENCES, internal=internal)
    return (serials or frozenset()) | together


def tickets_with_rare_words(
    connection: Connection, line: str, *, internal: bool
) -> frozenset[int] | None:
    """Serials of all tickets that may contain ``line``; None when they are too many to name."""
    index = _index_of(connection)
    matches = [index.phrase(terms) for word in line[:200].split()[:10] if (terms := _terms(word))]
    for match in matches:
        if index.queries.occurrences(connection, match, MAX_OCCURRENCES) < MAX_OCCURRENCES:
            return index.queries.tickets(connection, match, MAX_OCCURRENCES, internal=internal)
    return None


def similar_tickets(
    connection: Connection, title: str, serial: int, limit: int, status: Sequence[Status]
) -> list[int]:
    """Serials of other tickets of a ``status`` that share the rarest words of ``title``."""
    index = _index_of(connection)
    matches = _rarest_terms(connection, index, title)
    if not matches:
        return []
    return index.queries.similar(connection, index.any_of(matches), serial, limit, status)


def _terms(word: str) -> list[str]:
    """The letters and digits of a word.

    >>> _terms('100%'), _terms('jam"ned'), _terms('%')
    (['100'], ['jam', 'ned'], [])
    """
    return re.findall(r"[^\W_]+", space_letters(word[:80]))


def _by_number(word: str) -> frozenset[int]:
    serial = ids.ticket_serial(word)
    return frozenset() if serial is None else frozenset((serial,))


def _rarest_terms(connection: Connection, index: FulltextIndex, line: str) -> list[str]:
    """A match for each of the rarest terms, without those that are unknown or common."""
    folded = "".join(
        c
        for c in unicodedata.normalize("NFKD", line[:500].casefold())
        if not unicodedata.combining(c)
    )
    terms = dict.fromkeys(re.findall(r"[^\W\d_]{3,}", folded))
    matches = [index.phrase([term]) for term in terms][:_MAX_TITLE_TERMS]
    counts = [
        (index.queries.occurrences(connection, match, _COMMON + 1), match) for match in matches
    ]
    rarest = sorted(pair for pair in counts if 0 < pair[0] <= _COMMON)[:_MAX_RARE_TERMS]
    return [match for _, match in rarest]
