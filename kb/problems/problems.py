"""Known problems: publishing, updating, joining, and what resolving one does to its tickets.

Agents publish and update; everybody else sees the problems of their audience. Resolving saves the
update and its notices in one transaction; ``settle`` then resolves the tickets, one transaction
each, and goes on where it stopped when a process dies.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping

from kb import ids
from kb.database import Database
from kb.errors import Conflict, Forbidden, KbError, NotFound, Unavailable
from kb.people.person import Person
from kb.people.repository.people import PeopleRepository
from kb.problems.bursts import (
    BURST_WINDOW,
    LEAST_TICKETS,
    USUAL_PERIOD,
    Burst,
    FiledTitle,
    find_bursts,
)
from kb.problems.problem import (
    KnownProblem,
    ProblemDraft,
    check_problem,
    check_update,
)
from kb.problems.repository import ProblemRepository, topic_of
from kb.subscriptions.subscriptions import Subscription, Subscriptions
from kb.tickets import actions
from kb.tickets.desk import Desk
from kb.tickets.permissions import may_work_the_queue, ticket_not_found

LOG = logging.getLogger(__name__)

#: What is published stands on every page within this time; until then, nothing is read again.
REREAD_AFTER = dt.timedelta(seconds=1)
_SHOWN_AFTERWARDS = 20  # resolved problems in the list
_SETTLED_AT_ONCE = 200  # tickets
_BURSTS_REREAD_AFTER = dt.timedelta(minutes=1)
_COMPARED_RECENT, _COMPARED_USUAL = 300, 3_000  # tickets


class Problems:
    """Safe for many threads."""

    def __init__(self, database: Database, subscriptions: Subscriptions) -> None:
        self._repository = ProblemRepository(database)
        self._people = PeopleRepository(database)
        self._subscriptions = subscriptions
        self._open: tuple[dt.datetime | None, tuple[KnownProblem, ...]] = (None, ())
        self._bursts: tuple[dt.datetime | None, tuple[Burst, ...]] = (None, ())

    # --- for everybody

    def open(self, audiences: frozenset[str], *, now: dt.datetime) -> tuple[KnownProblem, ...]:
        """Unresolved problems that readers of these audiences see, the newest update first.

        At most a second old. While the database cannot be read, those that were read last.
        """
        read_at, problems = self._open
        if read_at is None or abs(now - read_at) >= REREAD_AFTER:
            try:
                problems = self._repository.open()
            except Unavailable as error:
                LOG.warning("Known problems were not read: %s", error.sentence)
            self._open = (now, problems)
        return tuple(problem for problem in problems if problem.audience in audiences)

    def ended(self, audiences: frozenset[str]) -> tuple[KnownProblem, ...]:
        """Those that were resolved last."""
        problems = self._repository.ended(_SHOWN_AFTERWARDS)
        return tuple(problem for problem in problems if problem.audience in audiences)

    def get(self, problem_id: int, audiences: frozenset[str]) -> KnownProblem:
        """Raises NotFound, also for a problem of another audience."""
        problem = self._repository.get(problem_id)
        if problem is None or problem.audience not in audiences:
            raise _not_found()
        return problem

    def join(
        self,
        problem_id: int,
        audiences: frozenset[str],
        reporter: str,
        *,
        person: Person | None,
        email: str = "",
        now: dt.datetime,
    ) -> Subscription | None:
        """Counts that somebody has it too, once for each ``reporter``.

        With an address, or for somebody who is signed in and gives their own, also subscribes it.
        Raises NotFound, Invalid for what is no address, TooMany, Conflict once it is resolved.
        """
        problem = self.get(problem_id, audiences)
        if not problem.is_open:
            raise Conflict("This problem is resolved. If you still have it, file a ticket.")
        subscription = None
        if email.strip():
            own = person is not None and person.email == email.strip().lower()
            subscription = self._subscriptions.subscribe(
                topic_of(problem.id), email, is_own_address=own, now=now
            )
        self._repository.report(problem.id, reporter, now=now)
        return subscription

    # --- for agents

    def publish(
        self,
        form: Mapping[str, str],
        agent: Person,
        desk: Desk,
        *,
        number: str = "",
        products: Mapping[str, str],
        audiences: tuple[str, ...],
        now: dt.datetime,
    ) -> int:
        """Publishes a problem, found by the ticket ``number`` if there is one; returns its id.

        Raises Forbidden, NotFound, Invalid.
        """
        draft = self._checked(form, agent, products, audiences)
        serial = _ticket_serial(number, agent, desk, now) if number else None
        problem_id = self._repository.add(draft, agent.id, serial, now=now)
        self._open = (None, ())
        return problem_id

    def correct(
        self,
        problem_id: int,
        form: Mapping[str, str],
        agent: Person,
        *,
        products: Mapping[str, str],
        audiences: tuple[str, ...],
    ) -> None:
        """Changes the texts without telling anybody; the status stays. Raises Forbidden, NotFound,
        Invalid.
        """
        status = self.for_agent(problem_id, agent).status
        draft = self._checked({**form, "status": status.value}, agent, products, audiences)
        self._repository.correct(problem_id, draft)
        self._open = (None, ())

    def update(
        self, problem_id: int, form: Mapping[str, str], agent: Person, *, now: dt.datetime
    ) -> None:
        """Tells every follower what is new, once. Raises Forbidden, NotFound, Invalid.

        Also Conflict for a problem that is resolved.
        """
        problem = self.for_agent(problem_id, agent)
        status, body = check_update(form)
        if not problem.is_open:
            raise Conflict("This problem is resolved. Publish another one if it has come back.")
        self._repository.update(problem, status, body, agent.id, now=now)
        self._open = (None, ())

    def for_agent(self, problem_id: int, agent: Person) -> KnownProblem:
        """Raises Forbidden, NotFound."""
        _check_agent(agent)
        problem = self._repository.get(problem_id)
        if problem is None:
            raise _not_found()
        return problem

    def link(
        self, problem_id: int, number: str, agent: Person, desk: Desk, *, now: dt.datetime
    ) -> None:
        """The ticket gets the answer when the problem is resolved. Raises Forbidden, NotFound.

        Also Conflict for a problem that is resolved.
        """
        problem = self.for_agent(problem_id, agent)
        if not problem.is_open:
            raise Conflict("This problem is resolved. Answer the ticket instead.")
        self._repository.link(problem_id, _ticket_serial(number, agent, desk, now), now=now)

    def unlink(self, number: str, agent: Person, desk: Desk, *, now: dt.datetime) -> None:
        """Raises Forbidden, NotFound."""
        _check_agent(agent)
        self._repository.unlink(_ticket_serial(number, agent, desk, now))

    def of_ticket(self, number: str) -> KnownProblem | None:
        """The problem that a ticket waits for, or waited for."""
        serial = ids.ticket_serial(number)
        return self._repository.of_ticket(serial) if serial is not None else None

    def counts(self, problems: tuple[KnownProblem, ...]) -> Mapping[int, tuple[int, int]]:
        """For each problem: how many people have it too, and how many tickets wait for it."""
        return self._repository.counts([problem.id for problem in problems])

    def tickets(self, problem_id: int, agent: Person) -> tuple[str, ...]:
        """The numbers of the tickets that wait for a problem, or did. Raises Forbidden."""
        _check_agent(agent)
        return tuple(map(ids.ticket_number, self._repository.tickets(problem_id)))

    def bursts(self, agent: Person, *, now: dt.datetime) -> tuple[Burst, ...]:
        """What may be a problem that nobody has published, for an agent to confirm or not.

        At most a minute old. Raises Forbidden.
        """
        _check_agent(agent)
        read_at, bursts = self._bursts
        if read_at is None or abs(now - read_at) >= _BURSTS_REREAD_AFTER:
            since = now - BURST_WINDOW
            until = now + dt.timedelta(seconds=1)  # what was filed within this second, too
            recent = self._repository.filed(since, until, _COMPARED_RECENT, unlinked=True)
            usual: tuple[FiledTitle, ...] = ()
            period = USUAL_PERIOD
            if len(recent) >= LEAST_TICKETS:
                usual = self._repository.filed(
                    since - USUAL_PERIOD, since, _COMPARED_USUAL, unlinked=False
                )
                if len(usual) == _COMPARED_USUAL:  # a busy house: the newest of the period
                    period = since - usual[-1].at
            bursts = find_bursts(recent, usual, period=period)
            self._bursts = (now, bursts)
        return bursts

    # --- afterwards

    def settle(self, desk: Desk, *, now: dt.datetime) -> int:
        """Resolves the tickets of resolved problems with the text of the last update.

        Returns how many. The SLA clock hears a resolution by an agent, as for any other ticket.
        """
        settled = 0
        for row in self._repository.unsettled(_SETTLED_AT_ONCE):
            number = ids.ticket_number(row.ticket_id)
            agent = self._people.by_email(row.agent)
            body = f"The known problem “{row.title}” is resolved.\n\n{row.body}"
            command = actions.solve(body=body)
            try:
                if agent is None:
                    raise _not_found()
                desk.act(number, agent, command, key=f"problem-update-{row.update_id}", now=now)
                settled += 1
            except Unavailable:
                raise
            except KbError as error:  # closed meanwhile, or the agent is gone: a person decides
                LOG.info("%s was not resolved with its problem: %s", number, error.sentence)
            self._repository.settled(row.ticket_id, now=now)
        return settled

    def _checked(
        self,
        form: Mapping[str, str],
        agent: Person,
        products: Mapping[str, str],
        audiences: tuple[str, ...],
    ) -> ProblemDraft:
        _check_agent(agent)
        return check_problem(form, products=products, audiences=audiences)


def _check_agent(person: Person) -> None:
    if not may_work_the_queue(person):
        raise Forbidden("Only agents publish known problems.")


def _ticket_serial(number: str, agent: Person, desk: Desk, now: dt.datetime) -> int:
    desk.ticket(number, agent, now=now)
    serial = ids.ticket_serial(number)
    if serial is None:
        raise ticket_not_found()
    return serial


def _not_found() -> NotFound:
    return NotFound("There is no such problem. Open the list of known problems.")
