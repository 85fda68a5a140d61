"""The agents' side of the desk: queue, board, saved views, presence, and similar tickets.

Only staff may use it. Single tickets are read and answered through ``kb.tickets.desk``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from kb import ids
from kb.errors import Forbidden, Invalid, NotFound
from kb.people.person import Person, email_address
from kb.sla.form_fields import SiteField, check_field
from kb.text import clean_text
from kb.tickets.lifecycle import ACTIVE, VERBS, FieldKind, Side, Status
from kb.tickets.permissions import may_work_the_queue, sees_internal, ticket_not_found
from kb.tickets.reports.sla_attainment import Attainment, sla_attainment
from kb.tickets.repository.agent_tools import Presence, SavedView
from kb.tickets.repository.lists import ACTIVE_STATUSES, QueuePlace, TicketFilter
from kb.tickets.repository.repository import TicketRepository
from kb.tickets.repository.requesters import Requester
from kb.tickets.ticket import Release, TicketRow

#: What a saved view may hold: arguments of ``AgentQueue.tickets``, as text.
VIEW_FILTERS = ("status", "level", "product", "words", "since", "until", "assignee", "field")
MAX_VIEW_NAME = 60
_MAX_FILTER_LENGTH = 200
_MAX_WEEKS = 520
#: Forms whose text is kept while it is typed.
DRAFTED_FORMS = tuple(
    form.name
    for row in VERBS.values()
    if (form := row.form_for(Side.STAFF)) is not None
    and any(field.kind is FieldKind.TEXT for field in form.fields)
)
MAX_DRAFT = 100_000  # characters: more than any message may have, so that nothing typed is lost
_OTHER_TICKETS = 5  # of the requester, listed beside a ticket


@dataclass(frozen=True, slots=True)
class Board:
    """How SLA targets stand: breached, due next, and attainment by level and week."""

    breached: tuple[TicketRow, ...]
    coming: tuple[TicketRow, ...]
    attainment: tuple[Attainment, ...]


class AgentQueue:
    """Every method raises Forbidden for customers, and NotFound for a ticket they may not see."""

    def __init__(self, repository: TicketRepository, fields: Mapping[str, SiteField]) -> None:
        """``fields`` are the site's own, of which the searchable ones can narrow the queue."""
        self._repository = repository
        self._fields = fields
        self._tools = repository.agent_tools

    def tickets(
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
        field: str = "",
        after: QueuePlace | None = None,
        page: int = 1,
        now: dt.datetime,
    ) -> tuple[int, tuple[TicketRow, ...]]:
        """What to answer next: urgent tickets, due time, arrival; closed tickets newest first.

        The number of tickets, counted from ``after`` and only some pages ahead, and one page.

        ``assignee`` is an agent's address, ``me`` or ``nobody``; ``field`` is the key of a
        searchable field of the site, a colon and its value. Raises Invalid for an unknown status,
        page, assignee or field.
        """
        _check_staff(viewer)
        assignee_id = None
        if assignee == "nobody":
            assignee_id = 0
        elif assignee:
            assignee_id = (viewer if assignee == "me" else self._agent(assignee, "assignee")).id
        narrowed = TicketFilter(
            status or ACTIVE_STATUSES,
            words,
            level,
            product,
            since,
            until,
            assignee_id,
            after=after,
            field=self._field(field) if field else None,
        )
        return self._repository.lists.queue(narrowed, page, now=now)

    def board(self, viewer: Person, *, weeks: int = 8, limit: int = 20, now: dt.datetime) -> Board:
        """What is breached, what is due next, and the attainment of the last ``weeks``."""
        _check_staff(viewer)
        lists = self._repository.lists
        since = now - dt.timedelta(weeks=max(1, min(weeks, _MAX_WEEKS)))
        return Board(
            lists.breached(limit, now=now),
            lists.due_next(limit, now=now),
            sla_attainment(self._repository.database, since=since, until=now),
        )

    def similar(
        self, number: str, viewer: Person, *, limit: int = 5, now: dt.datetime
    ) -> tuple[TicketRow, ...]:
        """Resolved tickets with a similar title, the closest first."""
        return self._similar(number, viewer, (Status.RESOLVED,), limit, now)

    def similar_active(
        self, number: str, viewer: Person, *, limit: int = 5, now: dt.datetime
    ) -> tuple[TicketRow, ...]:
        """As ``similar``, among active tickets: one problem may have been filed more than once."""
        return self._similar(number, viewer, ACTIVE, limit, now)

    def agents(self, viewer: Person) -> tuple[Person, ...]:
        """Everybody to whom a ticket may be assigned."""
        _check_staff(viewer)
        return self._repository.people.staff()

    def agent(self, viewer: Person, address: str) -> Person:
        """Raises Invalid for an address that does not belong to an agent."""
        _check_staff(viewer)
        return self._agent(address, "agent")

    def watch(self, number: str, agent: Person, *, on: bool = True) -> None:
        """An agent is notified of everything that happens to the ticket, or no longer."""
        self._tools.watch(self._serial(number, agent), agent.id, on=on)

    def present(
        self, number: str, agent: Person, *, answering: bool = False, now: dt.datetime
    ) -> tuple[Presence, ...]:
        """Notes that the agent has the ticket open, and returns who else has.

        Call it every 20 seconds while the ticket is open.
        """
        serial = self._serial(number, agent)
        return self._tools.present(serial, agent.id, answering=answering, now=now)

    def leave(self, number: str, agent: Person) -> None:
        self._tools.leave(self._serial(number, agent), agent.id)

    def drafts(self, number: str, agent: Person) -> Mapping[str, str]:
        """Name of a form -> what the agent has typed on the ticket and not sent."""
        return self._tools.drafts(self._serial(number, agent), agent.id)

    def save_draft(
        self, number: str, agent: Person, form: str, body: str, *, now: dt.datetime
    ) -> None:
        """Keeps what the agent has typed, as typed; an empty text removes it. Raises Invalid."""
        serial = self._serial(number, agent)
        if form not in DRAFTED_FORMS:
            raise Invalid(f"Unknown form {form!r:.40}.", field="form")
        if len(body) > MAX_DRAFT:
            raise Invalid(f"The limit of a draft is {MAX_DRAFT:,} characters.", field="body")
        self._tools.save_draft(serial, agent.id, form, clean_text(body), now=now)

    def requester(self, number: str, viewer: Person, *, now: dt.datetime) -> Requester:
        """Who filed the ticket, as an agent on the phone needs it."""
        serial = self._serial(number, viewer)
        ownership, _ = self._repository.ownership(serial)
        return self._repository.requesters.of_ticket(
            serial, ownership.customer_id, limit=_OTHER_TICKETS, now=now
        )

    def releases(self, viewer: Person) -> tuple[Release, ...]:
        """What tickets wait for, and what has shipped."""
        _check_staff(viewer)
        return self._tools.releases()

    def set_planned(self, viewer: Person, release_id: int, planned: dt.datetime | None) -> None:
        """Another planned day, which the pages of the release's tickets show. Raises NotFound."""
        self.release(viewer, release_id)
        self._tools.change_release(release_id, planned_at=planned)

    def release(self, viewer: Person, release_id: int) -> Release:
        """Raises NotFound."""
        releases = {release.id: release for release in self.releases(viewer)}
        if release_id not in releases:
            raise NotFound("There is no such release. Go back to the list of releases.")
        return releases[release_id]

    def views(self, viewer: Person) -> tuple[SavedView, ...]:
        """The agent's saved views, and those that colleagues share."""
        _check_staff(viewer)
        return self._tools.views(viewer.id)

    def save_view(
        self, viewer: Person, name: str, filters: Mapping[str, str], *, shared: bool = False
    ) -> None:
        """Saves filters under a name. Raises Invalid for a bad name or an unknown filter."""
        _check_staff(viewer)
        view_name = " ".join(clean_text(name).split())
        if not 1 <= len(view_name) <= MAX_VIEW_NAME:
            raise Invalid(f"Enter a name of 1 to {MAX_VIEW_NAME} characters.", field="name")
        too_long = any(len(value) > _MAX_FILTER_LENGTH for value in filters.values())
        if too_long or not set(filters) <= set(VIEW_FILTERS):
            raise Invalid(
                f"A view can hold {', '.join(VIEW_FILTERS)}, each up to {_MAX_FILTER_LENGTH} "
                f"characters.",
                field="narrowed",
            )
        cleaned = {filter_: clean_text(value) for filter_, value in filters.items() if value}
        self._tools.save_view(viewer.id, view_name, cleaned, shared=shared)

    def delete_view(self, viewer: Person, view_id: int) -> None:
        """Raises NotFound for a view that does not exist or is somebody else's."""
        _check_staff(viewer)
        if not self._tools.delete_view(viewer.id, view_id):
            raise NotFound("This view does not exist, or it is not yours.")

    def _similar(
        self,
        number: str,
        viewer: Person,
        status: tuple[Status, ...],
        limit: int,
        now: dt.datetime,
    ) -> tuple[TicketRow, ...]:
        serial = self._serial(number, viewer)
        return self._repository.lists.similar(serial, limit, status=status, now=now)

    def _serial(self, number: str, person: Person) -> int:
        """The ticket that the agent may work on. Raises NotFound for strangers, Forbidden."""
        serial = ids.ticket_serial(number)
        if serial is None:
            raise ticket_not_found()
        ownership, _ = self._repository.ownership(serial)
        sees_internal(person, ownership)
        _check_staff(person)
        return serial

    def _field(self, asked: str) -> tuple[str, str]:
        key, _, text = asked.partition(":")
        own = self._fields.get(key.strip())
        if own is None or not own.searchable:
            searchable = [field.key for field in self._fields.values() if field.searchable]
            raise Invalid(
                f"Tickets cannot be filtered by the field {key!r:.60}. "
                + (
                    f"Available: {', '.join(searchable)}."
                    if searchable
                    else "There are no searchable fields."
                ),
                field="field",
            )
        value, wrong = check_field(own, text)
        if not value:
            raise Invalid(wrong or f"Enter a value after “{own.key}:”.", field="field")
        return own.key, value

    def _agent(self, address: str, field: str) -> Person:
        person = self._repository.people.by_email(email_address(address) or "")
        if person is None or not person.is_staff:
            raise Invalid(f"{address!r:.80} does not belong to an agent.", field=field)
        return person


def _check_staff(viewer: Person) -> None:
    if not may_work_the_queue(viewer):
        raise Forbidden("The queue is for agents. Your own tickets are under “My tickets”.")
