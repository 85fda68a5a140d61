"""The questions that the full text of every database is asked, in the SQL of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, TextClause

from kb.tickets.lifecycle import Status


@dataclass(frozen=True, slots=True)
class FulltextQueries:
    """Statements with the parameters ``match``, ``limit`` and those that each method adds. Their
    rows are serials of tickets, or the count.
    """

    matching: TextClause
    count: TextClause
    alike: TextClause

    def tickets(
        self, connection: Connection, match: str, limit: int, *, internal: bool
    ) -> frozenset[int]:
        """Serials of the tickets with the newest ``limit`` events that match."""
        values = {"match": match, "limit": limit, "internal": internal}
        return frozenset(connection.execute(self.matching, values).scalars())

    def occurrences(self, connection: Connection, match: str, limit: int) -> int:
        """How many events match, counted up to ``limit``."""
        return int(connection.execute(self.count, {"match": match, "limit": limit}).scalar_one())

    def similar(
        self, connection: Connection, match: str, serial: int, limit: int, status: Sequence[Status]
    ) -> list[int]:
        """Serials of the other tickets of a ``status`` that match best."""
        values = {"match": match, "serial": serial, "limit": limit, "status": status}
        return list(connection.execute(self.alike, values).scalars())
