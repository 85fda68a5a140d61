"""The desk: everything that requesters, guests and agents do with tickets.

``Desk`` joins its parts. Every verb takes the same path: its function in ``kb.tickets.actions``
makes a ``Command``, ``Desk.act`` checks it and keeps its files, ``kb.tickets.decision`` decides
what follows, and the repository saves that in one transaction. Notices are rows of the same
transaction, which a worker sends later.
"""

from __future__ import annotations

import contextlib
import copy
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from kb import ids
from kb.errors import Conflict, Forbidden, Invalid, NotFound
from kb.people.person import Person, Role
from kb.sla.clock import PolicyVersion
from kb.sla.explain import VerdictChange, verdict_changes
from kb.sla.policy import SlaPolicy
from kb.sla.target import Target
from kb.tickets import drafts
from kb.tickets.actions import merge_split
from kb.tickets.actions.filing import Filing
from kb.tickets.actions.idempotency import verb_key
from kb.tickets.actions.large_files import LargeFiles
from kb.tickets.actions.planning import ship
from kb.tickets.actions.secrets import FieldSecrets
from kb.tickets.attachments.files import Attachments
from kb.tickets.catalogue import Catalogue
from kb.tickets.copies import Copies
from kb.tickets.decision import Command, Rules, decide
from kb.tickets.drafts import FormLimits
from kb.tickets.guest_links import GuestLinks
from kb.tickets.lifecycle import VERBS, Status, Verb, next_status
from kb.tickets.permissions import (
    Ownership,
    check_use,
    no_such_ticket,
    sees_internal,
    ticket_not_found,
)
from kb.tickets.queue import AgentQueue
from kb.tickets.repository.lists import ANY_STATUS, TicketFilter
from kb.tickets.repository.policy_versions import single_version
from kb.tickets.repository.repository import TicketRepository
from kb.tickets.sla_targets import computed_targets, ledger_of, with_ledgers
from kb.tickets.staff.notifications import StaffNotifications
from kb.tickets.ticket import Attachment, TargetView, Ticket, TicketRow, Upload


@dataclass(frozen=True, slots=True)
class Explanation:
    """One SLA target of a ticket and how its due time was calculated."""

    due: TargetView
    level: str
    started: dt.datetime
    lines: tuple[Mapping[str, str], ...]


class Desk:
    """The ticket side of the help centre. Safe for many threads and processes.

    ``filing`` makes tickets, ``queue`` is the agents' side, ``links`` are the secret links of
    guests, ``copies`` those of people who are copied, ``staff`` is what agents are told.
    """

    def __init__(
        self,
        repository: TicketRepository,
        policy: SlaPolicy,
        attachments: Attachments,
        catalogue: Catalogue,
        *,
        limits: FormLimits | None = None,
        versions: Sequence[PolicyVersion] | None = None,
        field_keys: Sequence[str] = (),
    ) -> None:
        """``versions`` are all policies that ever held; by default ``policy`` always has.

        ``field_keys`` encrypt the secrets of tickets; without one none are taken.
        """
        self._repository = repository
        self._rules = Rules(
            policy, tuple(versions or single_version(policy)), limits or FormLimits()
        )
        self._attachments = attachments
        self.secrets = FieldSecrets(repository, field_keys)
        self.large_files = LargeFiles(repository, attachments, self._rules)
        self.filing = Filing(repository, attachments, catalogue, self._rules, self.secrets)
        self.queue = AgentQueue(repository, policy.fields)
        self.links = GuestLinks(repository)
        self.copies = Copies(repository)
        self.staff = StaffNotifications(repository.staff)

    # --- Verbs

    def if_unchanged(self, ticket: Ticket) -> Desk:
        """The same desk, whose verbs on this ticket raise PreconditionFailed once it has changed
        since it was read; a key that was used before still does nothing.
        """
        conditional = copy.copy(self)
        conditional._repository = self._repository.if_unchanged(ticket)
        return conditional

    def act(
        self, number: str, person: Person, command: Command, *, key: str = "", now: dt.datetime
    ) -> None:
        """Does what ``command`` says, once for each ``key`` however often it is sent.

        Raises NotFound for a stranger, Forbidden, Conflict for a verb that the ticket's status
        refuses, Invalid by field, and Unavailable when nothing could be saved.
        """
        serial, verb = _serial(number), command.verb
        once = verb_key(person, verb, serial, key)
        if self._repository.serial_by_key(once) is not None:
            return

        # Checked before any file is written: a stranger learns nothing and leaves nothing.
        ownership, status = self._repository.ownership(serial)
        check_use(person, verb, ownership)
        next_status(status, verb)
        body = drafts.message(
            command.body,
            command.uploads,
            required=VERBS[verb].message,
            limits=self._rules.limits.of_site(self._rules.policy),
        )
        attachments = self._keep(serial, command.uploads)

        checked = replace(command, body=body)
        self._repository.change(
            serial,
            lambda ticket: decide(
                checked,
                person,
                ticket,
                self._rules,
                now,
                attachments=attachments,
            ),
            once,
        )

    def merge(
        self, number: str, person: Person, into: str, *, key: str = "", now: dt.datetime
    ) -> None:
        """The ticket continues in another one of the same requester.

        Raises NotFound, Forbidden, and Conflict for tickets that cannot be merged.
        """
        source, target = _serial(number), _serial(into)
        merge_split.merge(self._repository, self._rules, person, source, target, key=key, now=now)

    def check_merge(self, number: str, person: Person, into: str) -> None:
        """Raises what ``merge`` would raise, and changes nothing."""
        merge_split.check_merge(self._repository, person, _serial(number), _serial(into))

    def undo(self, number: str, person: Person, *, now: dt.datetime) -> None:
        """Within ten minutes, a merge or a mark as spam or duplicate has not happened.

        Raises NotFound, Forbidden, Conflict.
        """
        serial = _serial(number)
        merge_split.undo_end(self._repository, self._rules, person, serial, now=now)

    def ship(self, release_id: int, person: Person, *, now: dt.datetime) -> int:
        """A release is available: each waiting customer is told, and tickets on hold go on.

        How many tickets that are. Whatever was interrupted is completed by the next call. Raises
        NotFound, Forbidden.
        """
        release = self.queue.release(person, release_id)
        tools = self._repository.agent_tools
        tools.change_release(release_id, shipped_at=now)
        serials = tools.waiting_tickets(release_id)
        told = 0
        for serial in serials:
            with contextlib.suppress(Conflict):  # merged, or spam: nobody waits any longer
                self.act(ids.ticket_number(serial), person, ship(release.name), now=now)
                told += 1
        return told

    def split(
        self,
        number: str,
        person: Person,
        title: str,
        description: str,
        *,
        event: int | None = None,
        key: str,
        now: dt.datetime,
    ) -> str:
        """Makes a part of a ticket its own ticket, and returns its number.

        ``event`` is the id of the message that asked for it. Raises NotFound, Forbidden, Conflict,
        Invalid.
        """
        part = merge_split.split(
            self._repository,
            self._rules,
            person,
            _serial(number),
            title,
            description,
            event=event,
            key=key,
            now=now,
        )
        return ids.ticket_number(part)

    # --- Reading

    def ticket(self, number: str, viewer: Person, *, now: dt.datetime) -> Ticket:
        """The ticket as ``viewer`` may see it. Raises NotFound for a stranger."""
        ticket, targets = self._ticket(number, viewer, now)
        return replace(
            ticket,
            dues=with_ledgers(ticket.dues, targets),
            ledger=ledger_of(targets[0]) if targets else (),
            waiting_for=self._waiting_for(ticket),
        )

    def filed(self, number: str, requester: Person, *, now: dt.datetime) -> TicketRow:
        """The level and due time of a ticket that the requester has just filed, without what else
        its page shows. Raises NotFound for somebody else's.
        """
        row = self._repository.lists.filed(_serial(number), requester.id, now=now)
        if row is None:
            raise ticket_not_found()
        return row

    def explain(self, number: str, viewer: Person, *, now: dt.datetime) -> tuple[Explanation, ...]:
        """Every SLA target with its calculation, first, next, resolution. Raises NotFound."""
        _, targets = self._ticket(number, viewer, now)
        return tuple(
            Explanation(
                TargetView(
                    target.goal.value,
                    target.state,
                    target.due,
                    target.met_at,
                    target.cycle,
                    target.grace,
                ),
                target.level.title,
                target.started,
                ledger_of(target),
            )
            for target in targets
        )

    def mine(
        self,
        viewer: Person,
        *,
        status: str | None = None,
        words: str = "",
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        company: bool = False,
        below: int | None = None,
        page: int = 1,
        now: dt.datetime,
    ) -> tuple[int, tuple[TicketRow, ...]]:
        """How many tickets the viewer filed, and one page of them, newest first.

        With ``below``, those with smaller serials.

        ``status`` is a Status, ``active`` (not closed), ``recent`` (also closed in the last 30
        days) or all. With ``company``, those of all colleagues: Forbidden unless the organisation
        shares its tickets. The number is exact up to a thousand past the page; longer lists say
        that.
        """
        if viewer.guest:
            return 0, ()
        organisation_id = viewer.organisation_id if company else None
        if company and not self.shares_tickets(viewer):
            raise Forbidden("Your organisation does not share its tickets among colleagues.")
        narrowed = TicketFilter(status or ANY_STATUS, words, since=since, until=until, below=below)
        return self._repository.lists.mine(
            viewer.id, narrowed, page, organisation_id=organisation_id, now=now
        )

    def shares_tickets(self, viewer: Person) -> bool:
        """Whether the viewer may see the tickets of all colleagues."""
        return not viewer.guest and self._repository.people.shares(viewer.organisation_id)

    def attachment(self, ref: str, viewer: Person) -> tuple[Attachment, BinaryIO]:
        """A file, to be read. Raises NotFound for whoever may not see what it is attached to."""
        attachment = self._visible(ref, viewer)
        return attachment, self._attachments.open(attachment)

    def picture(self, ref: str, viewer: Person) -> tuple[BinaryIO, str]:
        """A file as a picture that was encoded again, and its media type. Raises NotFound also for
        what is no picture.
        """
        return self._attachments.picture(self._visible(ref, viewer))

    def _visible(self, ref: str, viewer: Person) -> Attachment:
        attached = self._repository.attachment(ref)
        if attached is None:
            raise ticket_not_found()
        ownership, public, attachment = attached
        if not sees_internal(viewer, ownership) and not public:
            raise ticket_not_found()
        return attachment

    def adopt(self, person: Person) -> int:
        """Gives a person the tickets that the guest of the same address filed; how many.

        Call it once the address was verified. The private links to these tickets end: whoever typed
        the address may have been somebody else.
        """
        if person.guest or person.role != Role.CUSTOMER:
            return 0
        return self._repository.adopt(person)

    # --- For the operator of the help centre

    def history(
        self, number: str, *, now: dt.datetime
    ) -> tuple[tuple[Target, ...], tuple[str, ...]]:
        """The SLA targets of a ticket, and a line for each event. Raises NotFound."""
        ticket, targets = self._ticket(number, None, now)
        lines = [
            f"{event.at:%Y-%m-%d %H:%M:%S}Z  {event.verb}  {event.actor}" for event in ticket.events
        ]
        return targets, tuple(lines)

    def replay(
        self, other: SlaPolicy, *, now: dt.datetime
    ) -> Iterator[tuple[str, tuple[VerdictChange, ...] | str]]:
        """What ``other`` policies would change, ticket by ticket; nothing is written.

        A sentence instead of differences for a ticket whose level they do not have.
        """
        for levels in self._repository.levels():
            for serial, history in self._repository.histories(levels).items():
                number = ids.ticket_number(serial)
                try:
                    changed = verdict_changes(history, self._rules.versions, other, now)
                except Invalid as error:
                    yield number, error.sentence
                    continue
                if changed:
                    yield number, changed

    def _keep(self, serial: int, uploads: Sequence[Upload]) -> tuple[Attachment, ...]:
        files = [file for file in uploads if file.data]
        limit = self._rules.limits.files.files
        if files and self._repository.attachment_count(serial) + len(files) > limit:
            raise Invalid(
                f"A ticket can have up to {limit} files. Pack these into one ZIP.",
                field="attachments",
            )
        return self._attachments.put(files)

    def _ticket(
        self, number: str, viewer: Person | None, now: dt.datetime
    ) -> tuple[Ticket, tuple[Target, ...]]:
        """The stored ticket and its computed targets. Without a viewer, all of it."""

        def internal(ownership: Ownership) -> bool:
            return viewer is None or sees_internal(viewer, ownership)

        try:
            serial = _serial(number)
            ticket = self._repository.ticket(
                serial, internal, viewer_id=viewer.id if viewer else 0, now=now
            )
        except NotFound:
            if viewer is None or viewer.is_staff:
                raise no_such_ticket(number) from None
            raise
        history = self._repository.histories({serial: ticket.level_key})[serial]
        return ticket, computed_targets(history, self._rules.versions, now)

    def _waiting_for(self, ticket: Ticket) -> str:
        """The title of the reason for which the ticket is pending or on hold."""
        if ticket.row.status not in (Status.PENDING, Status.ON_HOLD):
            return ""
        pauses = [
            event for event in ticket.events if event.verb in (Verb.SET_TO_PENDING, Verb.PAUSE)
        ]
        key = pauses[-1].facts.get("reason", "") if pauses else ""
        reason = self._rules.policy.reasons.get(key)
        return reason.title if reason else key


def _serial(number: str) -> int:
    """Raises NotFound for what is not a ticket number."""
    serial = ids.ticket_serial(number)
    if serial is None:
        raise ticket_not_found()
    return serial
