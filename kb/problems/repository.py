"""Problems as rows. Statements only; ``problems`` has the rules."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from kb.database import Database
from kb.database.statements import upsert
from kb.notifications.queue import NewNotice, add_notices
from kb.people.tables import PEOPLE
from kb.problems.bursts import FiledTitle
from kb.problems.problem import KnownProblem, ProblemDraft, ProblemStatus, ProblemUpdate
from kb.problems.tables import PROBLEM_REPORTS, PROBLEM_TICKETS, PROBLEM_UPDATES, PROBLEMS
from kb.search.documents import PUBLIC, visible_to
from kb.subscriptions.subscriptions import tell_followers
from kb.tickets.lifecycle import ACTIVE, Status
from kb.tickets.tables import TICKETS

_ACTIVE_VALUES = [status.value for status in ACTIVE]


class ProblemRepository:
    def __init__(self, database: Database) -> None:
        self.database = database

    def open(self) -> tuple[KnownProblem, ...]:
        """Unresolved problems, the one with the newest update first; without their updates."""
        query = (
            select(PROBLEMS)
            .where(PROBLEMS.c.resolved_at.is_(None))
            .order_by(PROBLEMS.c.updated_at.desc(), PROBLEMS.c.id.desc())
        )
        with self.database.read() as connection:
            return tuple(_problem(row) for row in connection.execute(query))

    def ended(self, limit: int) -> tuple[KnownProblem, ...]:
        """Resolved problems, the last one first; without their updates."""
        query = (
            select(PROBLEMS)
            .where(PROBLEMS.c.resolved_at.is_not(None))
            .order_by(PROBLEMS.c.resolved_at.desc(), PROBLEMS.c.id.desc())
            .limit(limit)
        )
        with self.database.read() as connection:
            return tuple(_problem(row) for row in connection.execute(query))

    def get(self, problem_id: int) -> KnownProblem | None:
        query = select(PROBLEMS).where(PROBLEMS.c.id == problem_id)
        updates = (
            select(PROBLEM_UPDATES)
            .where(PROBLEM_UPDATES.c.problem_id == problem_id)
            .order_by(PROBLEM_UPDATES.c.id.desc())
        )
        with self.database.read() as connection:
            row = connection.execute(query).first()
            return _problem(row, connection.execute(updates).all()) if row else None

    def add(
        self, draft: ProblemDraft, agent_id: int, ticket_id: int | None, *, now: dt.datetime
    ) -> int:
        """Saves a problem, with the ticket that it was found by; returns its id."""
        values = {**_texts(draft), "status": draft.status.value, "created_at": now}
        with self.database.write() as connection:
            adding = insert(PROBLEMS).values(**values, updated_at=now).returning(PROBLEMS.c.id)
            problem_id = int(connection.execute(adding).scalar_one())
            _add_update(connection, problem_id, draft.status, "", agent_id, now)
            if ticket_id is not None:
                _link(connection, problem_id, ticket_id, now)
        return problem_id

    def correct(self, problem_id: int, draft: ProblemDraft) -> None:
        """Changes the texts; nobody is told of a correction."""
        with self.database.write() as connection:
            connection.execute(
                update(PROBLEMS).where(PROBLEMS.c.id == problem_id).values(_texts(draft))
            )

    def update(
        self,
        problem: KnownProblem,
        status: ProblemStatus,
        body: str,
        agent_id: int,
        *,
        now: dt.datetime,
    ) -> None:
        """Saves what is new, and a notice for every follower and requester of a ticket.

        Requesters are told of a resolved problem by the answer to their ticket instead.
        """
        is_resolved = status is ProblemStatus.RESOLVED
        with self.database.write() as connection:
            update_id = _add_update(connection, problem.id, status, body, agent_id, now)
            connection.execute(
                update(PROBLEMS)
                .where(PROBLEMS.c.id == problem.id)
                .values(
                    status=status.value, updated_at=now, resolved_at=now if is_resolved else None
                )
            )
            requesters = _requesters(connection, problem.id)
            readers = _who_may_see(connection, problem.audience)
            cause = f"{topic_of(problem.id)} {update_id}"
            tell_followers(
                connection,
                topic_of(problem.id),
                "problem-resolved" if is_resolved else "problem-updated",
                problem.path,
                cause=cause,
                addresses=readers,
                without=requesters,
                now=now,
            )
            if not is_resolved:
                notices = [
                    NewNotice("problem-of-ticket", address, {"path": problem.path})
                    for address in sorted(requesters)
                    if readers is None or address in readers
                ]
                add_notices(connection, None, cause, notices, now)

    def link(self, problem_id: int, ticket_id: int, *, now: dt.datetime) -> None:
        """The ticket waits for this problem, and for no other."""
        with self.database.write() as connection:
            _link(connection, problem_id, ticket_id, now)

    def unlink(self, ticket_id: int) -> None:
        with self.database.write() as connection:
            connection.execute(
                PROBLEM_TICKETS.delete().where(PROBLEM_TICKETS.c.ticket_id == ticket_id)
            )

    def of_ticket(self, ticket_id: int) -> KnownProblem | None:
        query = (
            select(PROBLEMS)
            .join(PROBLEM_TICKETS, PROBLEM_TICKETS.c.problem_id == PROBLEMS.c.id)
            .where(PROBLEM_TICKETS.c.ticket_id == ticket_id)
        )
        with self.database.read() as connection:
            row = connection.execute(query).first()
        return _problem(row) if row else None

    def report(self, problem_id: int, reporter: str, *, now: dt.datetime) -> None:
        """Somebody has it too; counted once for each of them."""
        row = {"problem_id": problem_id, "reporter": reporter, "at": now}
        with self.database.write() as connection:
            upsert(connection, PROBLEM_REPORTS, row, keys=("problem_id", "reporter"))

    def counts(self, problem_ids: Sequence[int]) -> Mapping[int, tuple[int, int]]:
        """For each problem: how many people have it too, and how many tickets wait for it."""
        counts = []
        with self.database.read() as connection:
            for column in (PROBLEM_REPORTS.c.problem_id, PROBLEM_TICKETS.c.problem_id):
                query = select(column, func.count()).where(column.in_(problem_ids)).group_by(column)
                counts.append({row[0]: int(row[1]) for row in connection.execute(query)})
        reports, tickets = counts
        return {key: (reports.get(key, 0), tickets.get(key, 0)) for key in problem_ids}

    def tickets(self, problem_id: int) -> tuple[int, ...]:
        """The serials of the tickets that wait for a problem, or did, oldest first."""
        query = (
            select(PROBLEM_TICKETS.c.ticket_id)
            .where(PROBLEM_TICKETS.c.problem_id == problem_id)
            .order_by(PROBLEM_TICKETS.c.ticket_id)
        )
        with self.database.read() as connection:
            return tuple(connection.execute(query).scalars())

    def unsettled(self, limit: int) -> Sequence[Row[Any]]:
        """Active tickets of resolved problems that were linked before the problem was resolved.

        Each with its problem, and with the text and the author of the update that resolved it.
        """
        last = (
            select(func.max(PROBLEM_UPDATES.c.id))
            .where(PROBLEM_UPDATES.c.problem_id == PROBLEMS.c.id)
            .correlate(PROBLEMS)
            .scalar_subquery()
        )
        query = (
            select(
                TICKETS.c.id.label("ticket_id"),
                PROBLEMS.c.title,
                PROBLEM_UPDATES.c.id.label("update_id"),
                PROBLEM_UPDATES.c.body,
                PEOPLE.c.email.label("agent"),
            )
            .select_from(PROBLEM_TICKETS)
            .join(PROBLEMS, PROBLEMS.c.id == PROBLEM_TICKETS.c.problem_id)
            .join(TICKETS, TICKETS.c.id == PROBLEM_TICKETS.c.ticket_id)
            .join(PROBLEM_UPDATES, PROBLEM_UPDATES.c.id == last)
            .join(PEOPLE, PEOPLE.c.id == PROBLEM_UPDATES.c.agent_id)
            .where(
                PROBLEMS.c.resolved_at.is_not(None),
                PROBLEM_TICKETS.c.at <= PROBLEMS.c.resolved_at,
                PROBLEM_TICKETS.c.settled_at.is_(None),
            )
            .order_by(TICKETS.c.id)
            .limit(limit)
        )
        with self.database.read() as connection:
            return list(connection.execute(query))

    def filed(
        self, since: dt.datetime, until: dt.datetime, limit: int, *, unlinked: bool
    ) -> tuple[FiledTitle, ...]:
        """Tickets filed in an interval, newest first, but for spam, duplicates and merged ones.

        ``unlinked`` leaves out closed ones and those that wait for a problem.
        """
        query = (
            select(TICKETS.c.id, TICKETS.c.title, TICKETS.c.created_at)
            .where(
                TICKETS.c.created_at >= since,
                TICKETS.c.created_at < until,
                TICKETS.c.status.not_in([Status.SPAM_OR_DUPLICATE.value, Status.MERGED.value]),
                TICKETS.c.source != "split",
            )
            .order_by(TICKETS.c.created_at.desc(), TICKETS.c.id.desc())
            .limit(limit)
        )
        if unlinked:
            linked = select(PROBLEM_TICKETS.c.ticket_id)
            query = query.where(TICKETS.c.status.in_(_ACTIVE_VALUES), TICKETS.c.id.not_in(linked))
        with self.database.read() as connection:
            return tuple(
                FiledTitle(row.id, row.title, row.created_at) for row in connection.execute(query)
            )

    def settled(self, ticket_id: int, *, now: dt.datetime) -> None:
        """Notes that the ticket has its answer: if it is reopened, it stays open."""
        with self.database.write() as connection:
            connection.execute(
                update(PROBLEM_TICKETS)
                .where(PROBLEM_TICKETS.c.ticket_id == ticket_id)
                .values(settled_at=now)
            )


def topic_of(problem_id: int) -> str:
    """The topic that followers of a problem subscribe to."""
    return f"problem:{problem_id}"


def _add_update(
    connection: Connection,
    problem_id: int,
    status: ProblemStatus,
    body: str,
    agent_id: int,
    now: dt.datetime,
) -> int:
    adding = (
        insert(PROBLEM_UPDATES)
        .values(problem_id=problem_id, at=now, status=status.value, body=body, agent_id=agent_id)
        .returning(PROBLEM_UPDATES.c.id)
    )
    return int(connection.execute(adding).scalar_one())


def _link(connection: Connection, problem_id: int, ticket_id: int, now: dt.datetime) -> None:
    row = {"problem_id": problem_id, "ticket_id": ticket_id, "at": now, "settled_at": None}
    upsert(
        connection,
        PROBLEM_TICKETS,
        row,
        keys=("ticket_id",),
        update=("problem_id", "at", "settled_at"),
    )


def _requesters(connection: Connection, problem_id: int) -> frozenset[str]:
    query = (
        select(PEOPLE.c.email)
        .join(TICKETS, TICKETS.c.customer_id == PEOPLE.c.id)
        .join(PROBLEM_TICKETS, PROBLEM_TICKETS.c.ticket_id == TICKETS.c.id)
        .where(PROBLEM_TICKETS.c.problem_id == problem_id, TICKETS.c.status.in_(_ACTIVE_VALUES))
    )
    return frozenset(connection.execute(query).scalars())


def _who_may_see(connection: Connection, audience: str) -> frozenset[str] | None:
    """The addresses of accounts that see an audience's problems today; None for everybody."""
    if audience == PUBLIC:
        return None
    query = select(PEOPLE.c.email, PEOPLE.c.audience).where(
        PEOPLE.c.active, PEOPLE.c.guest.is_(False)
    )
    return frozenset(
        row.email for row in connection.execute(query) if audience in visible_to(row.audience)
    )


def _texts(draft: ProblemDraft) -> dict[str, str]:
    return {
        "title": draft.title,
        "symptoms": draft.symptoms,
        "workaround": draft.workaround,
        "product": draft.product,
        "versions": draft.versions,
        "audience": draft.audience,
    }


def _problem(row: Row[Any], updates: Sequence[Row[Any]] = ()) -> KnownProblem:
    return KnownProblem(
        row.id,
        row.title,
        ProblemStatus(row.status),
        row.symptoms,
        row.workaround,
        row.product,
        row.versions,
        row.audience,
        row.created_at,
        row.updated_at,
        row.resolved_at,
        tuple(
            ProblemUpdate(entry.at, ProblemStatus(entry.status), entry.body) for entry in updates
        ),
    )
