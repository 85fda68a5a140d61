"""Requesters as agents see them: the person behind a ticket, with other tickets and ratings."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import func, select

from kb.database import Database
from kb.people.person import Person
from kb.people.repository.people import PERSON_ROWS, to_person
from kb.people.tables import PEOPLE
from kb.tickets.repository.lists import ACTIVE_STATUSES, ROWS, row_of, status_condition
from kb.tickets.tables import RATINGS, TICKETS
from kb.tickets.ticket import TicketRow


@dataclass(frozen=True, slots=True)
class Requester:
    """``others`` are the newest other tickets, ``total`` counts all; ``score`` is the mean rating,
    None without any.
    """

    person: Person
    total: int
    open: int
    others: tuple[TicketRow, ...]
    score: float | None
    ratings: int


class RequesterRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of_ticket(self, serial: int, person_id: int, *, limit: int, now: dt.datetime) -> Requester:
        of_person = TICKETS.c.customer_id == person_id
        others = (
            ROWS.where(of_person, TICKETS.c.id != serial).order_by(TICKETS.c.id.desc()).limit(limit)
        )
        count = select(func.count()).select_from(TICKETS).where(of_person)
        scores = (
            select(func.avg(RATINGS.c.score), func.count())
            .select_from(RATINGS.join(TICKETS, RATINGS.c.ticket_id == TICKETS.c.id))
            .where(of_person)
        )
        with self._database.read() as connection:
            person = connection.execute(PERSON_ROWS.where(PEOPLE.c.id == person_id))
            mean, ratings = connection.execute(scores).one()
            active = count.where(status_condition(ACTIVE_STATUSES, now))
            return Requester(
                person=to_person(person.mappings().one()),
                total=connection.execute(count).scalar_one(),
                open=connection.execute(active).scalar_one(),
                others=tuple(row_of(row, now) for row in connection.execute(others).mappings()),
                score=mean,
                ratings=ratings,
            )
