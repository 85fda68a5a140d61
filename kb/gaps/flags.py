"""Flags: an agent says that an article is wrong, out of date or unclear, and an editor mends it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from sqlalchemy import insert, select, update

from kb import ids
from kb.database import Database
from kb.errors import Invalid, NotFound
from kb.gaps.tables import ARTICLE_FLAGS
from kb.people.tables import PEOPLE
from kb.text import has_visible_text, single_line

MAX_FLAG = 500  # characters
_LISTED = 500


class FlagKind(StrEnum):
    """The values are stored."""

    WRONG = "wrong"
    OUTDATED = "outdated"
    UNCLEAR = "unclear"


FLAG_TITLES: Mapping[FlagKind, str] = MappingProxyType(
    {
        FlagKind.WRONG: "Wrong",
        FlagKind.OUTDATED: "Out of date",
        FlagKind.UNCLEAR: "Unclear",
    }
)


@dataclass(frozen=True, slots=True)
class ArticleFlag:
    """``agent`` is a name, ``number`` the ticket in which it was noticed, or ""."""

    id: int
    document_id: str
    kind: FlagKind
    sentence: str
    agent: str
    number: str
    at: dt.datetime


class ArticleFlags:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        document_id: str,
        kind: str,
        sentence: str,
        agent_id: int,
        *,
        number: str = "",
        now: dt.datetime,
    ) -> None:
        """Raises Invalid by field."""
        fields = {}
        if kind not in tuple(FlagKind):
            fields["kind"] = f"Choose one of {', '.join(FLAG_TITLES.values())}."
        text = single_line(sentence)
        if not has_visible_text(text) or len(text) > MAX_FLAG:
            fields["sentence"] = f"Enter what is wrong, in at most {MAX_FLAG} characters."
        if fields:
            raise Invalid(" ".join(fields.values()), fields=fields)
        row = {
            "document_id": document_id,
            "kind": kind,
            "sentence": text,
            "agent_id": agent_id,
            "ticket_id": ids.ticket_serial(number) if number else None,
            "at": now,
        }
        with self._database.write() as connection:
            connection.execute(insert(ARTICLE_FLAGS), row)

    def open(self) -> tuple[ArticleFlag, ...]:
        """Flags that nobody has closed, oldest first."""
        query = (
            select(ARTICLE_FLAGS, PEOPLE.c.name.label("agent"))
            .join(PEOPLE, PEOPLE.c.id == ARTICLE_FLAGS.c.agent_id)
            .where(ARTICLE_FLAGS.c.closed_at.is_(None))
            .order_by(ARTICLE_FLAGS.c.id)
            .limit(_LISTED)
        )
        with self._database.read() as connection:
            return tuple(
                ArticleFlag(
                    row.id,
                    row.document_id,
                    FlagKind(row.kind),
                    row.sentence,
                    row.agent,
                    ids.ticket_number(row.ticket_id) if row.ticket_id else "",
                    row.at,
                )
                for row in connection.execute(query)
            )

    def close(self, flag_id: int, now: dt.datetime) -> None:
        """Raises NotFound for a flag that is closed already."""
        query = (
            update(ARTICLE_FLAGS)
            .where(ARTICLE_FLAGS.c.id == flag_id, ARTICLE_FLAGS.c.closed_at.is_(None))
            .values(closed_at=now)
        )
        with self._database.write() as connection:
            if not connection.execute(query).rowcount:
                raise NotFound("This flag is already closed.")
