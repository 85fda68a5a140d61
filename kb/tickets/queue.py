"""What lies on an agent's desk?

The queue, the board of promises, saved views, who else is at a ticket, and tickets like it. The
part of ``kb.tickets.desk.Desk`` that only staff may use; single tickets are read and answered in
``desk`` itself.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from kb.errors import Forbidden, Invalid, NotFound
from kb.people.person import Person, email_address
from kb.text import clean_text
from kb.tickets import permissions as access
from kb.tickets.actions.handling import serial_of
from kb.tickets.actions.merge_split import Joining
from kb.tickets.repository.agent_tools import Attainment, Presence, View
from kb.tickets.repository.lists import ACTIVE, Filter
from kb.tickets.ticket import ACTIVE as STILL_OPEN
from kb.tickets.ticket import Ticket, TicketRow

#: What a view may keep: the queue's arguments, as text.
VIEWED = ("status", "level", "product", "words", "since", "until", "assignee")
_NO_TIME = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Board:
    """How promises stand: what is late, what will be next, and how they were kept by level and
    week.
    """

    breached: tuple[TicketRow, ...]
    coming: tuple[TicketRow, ...]
    attainment: tuple[Attainment, ...]


class Overview(Joining):
    """As ``Joining``, with the lists and the tools of agents."""

    def watch(self, number: str, agent: Person, *, on: bool = True) -> None:
        """An agent hears of everything that happens to the ticket, or no more. Raises NotFound,
        Forbidden.
        """
        self._as_staff(number, agent)
        self._store.workplace.watch(serial_of(number), agent.id, on=on)

    def present(
        self, number: str, agent: Person, *, answering: bool = False, now: dt.datetime
    ) -> tuple[Presence, ...]:
        """Notes that the agent has the ticket open, and says who else has (call it every 20 s while
        it is open).
        """
        self._as_staff(number, agent)
        return self._store.workplace.present(
            serial_of(number), agent.id, answering=answering, now=now
        )

    def leave(self, number: str, agent: Person) -> None:
        self._as_staff(number, agent)
        self._store.workplace.leave(serial_of(number), agent.id)

    def queue(
        self,
        viewer: Person,
        *,
        status: str | None = None,
        level: str = "",
        product: str = "",
        words: str = "",
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        assignee: str = "",
        page: int = 1,
        now: dt.datetime,
    ) -> tuple[int, tuple[TicketRow, ...]]:
        """What is to be answered next: urgent lane, due instant, arrival; lists with closed tickets
        newest first.

        ``assignee`` is an agent's address, ``me`` or ``nobody``. Raises Forbidden for customers,
        Invalid for an unknown status, page or assignee.
        """
        _at_the_desk(viewer)
        narrowed = Filter(status or ACTIVE, words, level or "", product or "", since, until)
        if assignee:
            narrowed = replace(narrowed, assignee=self._assignee(assignee, viewer))
        return self._store.lists.queue(narrowed, page, now=now)

    def _assignee(self, words: str, viewer: Person) -> int:
        if words in ("me", "nobody"):
            return viewer.id if words == "me" else 0
        found = self._store.people.by_email(email_address(words) or "")
        if found is None or not found.is_staff:
            raise Invalid(f"{words!r:.80} is no agent's address.", field="assignee")
        return found.id

    def board(self, viewer: Person, *, weeks: int = 8, most: int = 20, now: dt.datetime) -> Board:
        """What has been breached, what comes next, and the attainment of the last ``weeks``. Raises
        Forbidden.
        """
        _at_the_desk(viewer)
        lists = self._store.lists
        kept = self._store.workplace.attainment(
            since=now - dt.timedelta(weeks=max(1, min(weeks, 520))), until=now
        )
        return Board(lists.overdue(most, now=now), lists.coming(most, now=now), kept)

    def similar(
        self, number: str, viewer: Person, *, most: int = 5, now: dt.datetime
    ) -> tuple[TicketRow, ...]:
        """Solved tickets in like words, the likest first. Raises NotFound, Forbidden for customers."""
        title = self._as_staff(number, viewer, now=now).row.title
        return self._store.lists.similar(title, serial_of(number), most, now=now)

    def alongside(
        self, number: str, viewer: Person, *, most: int = 5, now: dt.datetime
    ) -> tuple[TicketRow, ...]:
        """As ``similar``, of tickets that are still open: the same problem may have been filed more
        than once.
        """
        title = self._as_staff(number, viewer, now=now).row.title
        return self._store.lists.similar(title, serial_of(number), most, status=STILL_OPEN, now=now)

    def views(self, viewer: Person) -> tuple[View, ...]:
        """The agent's saved views of the queue and those that colleagues share. Raises Forbidden."""
        _at_the_desk(viewer)
        return self._store.workplace.views(viewer.id)

    def save_view(
        self, viewer: Person, name: str, narrowed: Mapping[str, str], *, shared: bool = False
    ) -> None:
        """Keeps arguments of ``queue`` under a name. Raises Invalid for a name or an argument that
        is none.
        """
        _at_the_desk(viewer)
        named = " ".join(clean_text(name).split())
        if not 1 <= len(named) <= 60:
            raise Invalid("A view has a name of 1 to 60 characters.", field="name")
        unknown = set(narrowed) - set(VIEWED)
        if unknown or any(len(words) > 200 for words in narrowed.values()):
            raise Invalid(
                f"A view keeps {', '.join(VIEWED)}, each up to 200 characters.", field="narrowed"
            )
        kept = {key: clean_text(words) for key, words in narrowed.items() if words}
        self._store.workplace.save_view(viewer.id, named, kept, shared=shared)

    def drop_view(self, viewer: Person, view_id: int) -> None:
        """Raises NotFound for a view that is not there or somebody else's."""
        _at_the_desk(viewer)
        if not self._store.workplace.drop_view(viewer.id, view_id):
            raise NotFound("There is no such view of yours.")

    def agents(self, viewer: Person) -> tuple[Person, ...]:
        """To whom a ticket may be given. Raises Forbidden."""
        _at_the_desk(viewer)
        return self._store.people.staff()

    def _as_staff(self, number: str, person: Person, *, now: dt.datetime | None = None) -> Ticket:
        """Raises NotFound for a stranger, Forbidden for a customer."""
        ticket = self._store.ticket(serial_of(number), seen_by(person), now=now or _NO_TIME)
        _at_the_desk(person)
        return ticket


def seen_by(viewer: Person) -> Callable[[access.Ownership], bool]:
    def internal(owned: access.Ownership) -> bool:
        access.check_see(viewer, owned)
        return access.may_see_internal(viewer, owned)

    return internal


def _at_the_desk(viewer: Person) -> None:
    if not access.may_work_the_queue(viewer):
        raise Forbidden("The queue is for agents; your own tickets are under “My tickets”.")
