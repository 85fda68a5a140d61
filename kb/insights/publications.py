"""When each article was first published. The worker records it, and editors see it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from sqlalchemy import select

from kb.analytics.tables import ARTICLE_PUBLICATIONS
from kb.database import Database
from kb.database.statements import upsert


def noted_publications(database: Database) -> dict[str, dt.datetime | None]:
    """Article -> when it was published; None for articles that are older than these records."""
    with database.read() as connection:
        rows = connection.execute(select(ARTICLE_PUBLICATIONS))
        return {row.document_id: row.published_at for row in rows}


def note_publications(database: Database, dates: Mapping[str, dt.datetime | None]) -> None:
    """Keeps what another worker has already recorded."""
    rows = [{"document_id": id_, "published_at": at} for id_, at in sorted(dates.items())]
    with database.write_beside() as connection:
        upsert(connection, ARTICLE_PUBLICATIONS, rows, keys=("document_id",))


def published_at(database: Database, document_id: str) -> dt.datetime | None:
    """None if it is unknown."""
    query = select(ARTICLE_PUBLICATIONS.c.published_at).where(
        ARTICLE_PUBLICATIONS.c.document_id == document_id
    )
    with database.read() as connection:
        return connection.execute(query).scalar()
