"""The sweep: an address, and words that were only one person's, wherever else they may stand.

An address is also in what others wrote: their tickets, lists of copies, a licence. There three dots
take its place. What was typed into the search box has no name beside it: it goes by its words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    ColumnElement,
    Connection,
    Row,
    Table,
    Text,
    cast,
    delete,
    func,
    or_,
    select,
    update,
)

from kb.analytics.tables import EPISODE_EVENTS, QUERY_COUNTS
from kb.database.metadata import METADATA
from kb.gaps.tables import GAP_PROPOSALS
from kb.jobs.tables import INDEX_RUNS
from kb.operations.tables import AUDIT_LOG
from kb.people.tables import ORGANISATIONS
from kb.tickets.lifecycle import Verb
from kb.tickets.repository import fulltext
from kb.tickets.tables import EVENTS, INDEXED_TITLE, TICKETS

#: Not longer than any address: an event may only get shorter.
MARK = "[...]"
#: The audit log never has an address, events have to be indexed again.
_APART = (AUDIT_LOG, EVENTS)
_WORD = re.compile(r"\w{3,}")


# --- an address


def mask_address(connection: Connection, address: str) -> None:
    """Puts MARK in place of the address in every text and JSON column of every table."""
    pattern = address_pattern(address)
    _sweep_list(connection, ORGANISATIONS, "licence_addresses", address)
    _sweep_list(connection, TICKETS, "copy_to", address)
    _sweep_events(connection, address, pattern)
    for table in METADATA.sorted_tables:
        if table not in _APART:
            _sweep_table(connection, table, address, pattern)


def _sweep_table(
    connection: Connection, table: Table, address: str, pattern: re.Pattern[str]
) -> None:
    """In one pass, since writers wait for it."""
    for row in _rows_with(connection, table, address):
        values = {column: row._mapping[column] for column in _text_columns(table)}
        swept = {column: replace_all(pattern, value) for column, value in values.items()}
        changed = {column: value for column, value in swept.items() if value != values[column]}
        if changed:
            this = [key == row._mapping[key] for key in table.primary_key.columns]
            connection.execute(update(table).where(*this).values(changed))


def mentions(connection: Connection, address: str) -> dict[str, int]:
    """Table -> in how many of its rows the address stands, whoever wrote them."""
    pattern = address_pattern(address)
    counts: dict[str, int] = {}
    for table in METADATA.sorted_tables:
        if table is not AUDIT_LOG:
            columns = _text_columns(table)
            count = sum(
                any(pattern.search(str(row._mapping[column])) for column in columns)
                for row in _rows_with(connection, table, address)
            )
            if count:
                counts[table.name] = count
    return counts


def address_pattern(address: str) -> re.Pattern[str]:
    """The address in any case, and not as a part of a longer one.

    >>> pattern = address_pattern("bob@example.com")
    >>> pattern.sub("-", "Bob@example.com, jim.bob@example.com, bob@example.com.au.")
    '-, jim.bob@example.com, bob@example.com.au.'
    """
    return re.compile(rf"(?<![\w.+%-]){re.escape(address)}(?![\w-]|\.\w)", re.IGNORECASE)


def replace_all(pattern: re.Pattern[str], value: Any) -> Any:
    """A text, or a JSON value with all texts in it, also those that are keys."""
    if isinstance(value, str):
        return pattern.sub(MARK, value)
    if isinstance(value, list):
        return [replace_all(pattern, element) for element in value]
    if isinstance(value, dict):
        return {
            pattern.sub(MARK, key): replace_all(pattern, element) for key, element in value.items()
        }
    return value


def _rows_with(connection: Connection, table: Table, address: str) -> Sequence[Row[Any]]:
    columns = _text_columns(table)
    if not columns:
        return ()
    query = select(table).where(or_(*(_may_contain(column, address) for column in columns)))
    return connection.execute(query).all()


def _text_columns(table: Table) -> list[Column[Any]]:
    return [column for column in table.columns if isinstance(column.type, Text | JSON)]


def _may_contain(column: ColumnElement[Any], address: str) -> ColumnElement[bool]:
    folded = func.lower(cast(column, Text))
    spellings = {address, json.dumps(address)[1:-1].lower()}  # JSON escapes what is not ASCII
    return or_(*(folded.contains(spelling, autoescape=True) for spelling in spellings))


def _sweep_list(connection: Connection, table: Table, column: str, address: str) -> None:
    """A list of addresses has this one no longer, rather than one that nobody has."""
    query = select(table.c.id, table.c[column].label("addresses"))
    for row in connection.execute(query.where(_may_contain(table.c[column], address))).all():
        others = [other for other in row.addresses if other != address]
        connection.execute(update(table).where(table.c.id == row.id).values({column: others}))


def _sweep_events(connection: Connection, address: str, pattern: re.Pattern[str]) -> None:
    """Before the titles are swept, which the full text has with the first event."""
    columns = (EVENTS.c.body, EVENTS.c.actor, EVENTS.c.facts)
    query = (
        select(EVENTS, INDEXED_TITLE.label("title"))
        .join(TICKETS, EVENTS.c.ticket_id == TICKETS.c.id)
        .where(
            or_(*(_may_contain(column, address) for column in columns))
            | ((EVENTS.c.verb == Verb.OPEN.value) & _may_contain(INDEXED_TITLE, address))
        )
    )
    for row in connection.execute(query).all():
        title = row.title if row.verb == Verb.OPEN else ""
        rewrite_event(
            connection,
            row,
            title=title,
            new_title=pattern.sub(MARK, title),
            body=pattern.sub(MARK, row.body),
            facts=replace_all(pattern, row.facts),
            actor=row.actor,
        )


def rewrite_event(
    connection: Connection,
    row: Any,
    *,
    title: str,
    new_title: str,
    body: str,
    facts: dict[str, Any],
    actor: str,
) -> None:
    """Changes an event and its entry in the full text; ``title`` is what that entry has."""
    if title or row.body:  # what the sweeper notes has no text and was never indexed
        fulltext.unindex_event(connection, row.id, title, row.body)
    values = {"body": body, "facts": facts, "actor": actor}
    connection.execute(update(EVENTS).where(EVENTS.c.id == row.id).values(values))
    if new_title or body:
        fulltext.index_event(connection, row.id, new_title, body)


# --- words


def words_of(texts: Iterable[str]) -> frozenset[str]:
    """Words of three letters or more, without regard to case."""
    return frozenset(word for text in texts for word in _WORD.findall(text.casefold()))


def erase_searches(connection: Connection, words: frozenset[str]) -> None:
    """Removes searches with words that no ticket contains any longer, and those of one asker.

    Nothing says whose a search was. A search that was made once is never shown to anybody; whose
    words are in no other ticket may be the person's.
    """
    gone: dict[str, bool] = {}

    def is_own(word: str) -> bool:
        if word not in gone:
            gone[word] = word in words and not fulltext.has_word(connection, word)
        return gone[word]

    def has_own_word(value: Any) -> bool:
        return any(is_own(word) for word in words_of([json.dumps(value, ensure_ascii=False)]))

    times = func.sum(QUERY_COUNTS.c.times)
    counts = select(QUERY_COUNTS.c.query, times.label("times")).group_by(QUERY_COUNTS.c.query)
    queries = [
        row.query
        for row in connection.execute(counts).all()
        if row.times == 1 or has_own_word(row.query)
    ]
    for query in queries:
        connection.execute(delete(QUERY_COUNTS).where(QUERY_COUNTS.c.query == query))

    events = connection.execute(select(EPISODE_EVENTS.c.id, EPISODE_EVENTS.c.facts))
    for event_id in [row.id for row in events if has_own_word(row.facts)]:
        connection.execute(delete(EPISODE_EVENTS).where(EPISODE_EVENTS.c.id == event_id))

    for row in connection.execute(select(INDEX_RUNS.c.id, INDEX_RUNS.c.report)).all():
        if has_own_word(row.report):
            this = INDEX_RUNS.c.id == row.id
            connection.execute(update(INDEX_RUNS).where(this).values(report={}))

    proposals = connection.execute(select(GAP_PROPOSALS)).all()
    for number in [row.id for row in proposals if has_own_word([row.words, row.effect])]:
        connection.execute(delete(GAP_PROPOSALS).where(GAP_PROPOSALS.c.id == number))
