"""What happens to a ticket, from the form to the last word?

Each verb of the desk goes the same way: may this person do it (``access``), what follows from it
(``TRANSITIONS``, ``promises``), save all of it in one transaction, and tell by a row that a worker
sends later. Not for searching.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kb import ids
from kb.database.usage_limits import UsageLimit
from kb.errors import Conflict, Forbidden, Invalid
from kb.people.person import Person, account_key, email_address
from kb.sla.clock import SlaEvent, SlaEventKind
from kb.sla.explain import VerdictChange, verdict_changes
from kb.sla.policy import Goal, LevelChoice, SlaPolicy
from kb.sla.target import Target
from kb.tickets import drafts
from kb.tickets import permissions as access
from kb.tickets import recipients as telling
from kb.tickets import sla_targets as promises
from kb.tickets.actions.handling import key_of, once_of, serial_of
from kb.tickets.changeset import Coupon, Key, NewEvent, NewTicket
from kb.tickets.decision import Command, Effects
from kb.tickets.queue import Overview, seen_by
from kb.tickets.repository.lists import ALL, Filter
from kb.tickets.repository.repository import spent
from kb.tickets.ticket import Attachment, Draft, Due, Status, Ticket, TicketRow, Upload, Verb

LINK_LIFETIME = dt.timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Promise:
    """What the customer would be promised if they sent the form now.

    ``coupons_left`` counts before sending, None without a valid coupon. ``support_ends`` is the
    version's.
    """

    level_title: str
    why: str
    due: dt.datetime | None
    ledger: tuple[Mapping[str, str], ...]
    support_ends: dt.date | None
    coupons_left: int | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """One target of a ticket and every span of its derivation."""

    due: Due
    level: str
    started: dt.datetime
    lines: tuple[Mapping[str, str], ...]


class Desk(Overview):
    """The ticket side of the help centre. Safe for many threads and processes."""

    def check(
        self,
        form: Mapping[str, str],
        files: Sequence[Upload] = (),
        consulted: str = "",
        *,
        now: dt.datetime,
    ) -> Draft:
        """The form as a draft, by this desk's policy, catalogue and limits. Raises Invalid with
        every field.
        """
        return drafts.check(
            form,
            files,
            consulted,
            policy=self._policy,
            catalogue=self._catalogue,
            limits=self._limits,
            today=now.date(),
        )

    def promise(
        self,
        *,
        type: str,  # noqa: A002 - the form's own word
        severity: str,
        product: str = "",
        version: str = "",
        coupon: str = "",
        customer: Person | None = None,
        now: dt.datetime,
    ) -> Promise:
        """What sending now would promise. Raises Invalid for an unknown severity, or a coupon that
        is spent.
        """
        if severity not in self._policy.severities:
            known = ", ".join(self._policy.severities)
            raise Invalid(
                f"{severity!r:.40} is no severity; give one of {known}.", field="severity"
            )
        found = self._coupon(coupon, customer, now)
        choice = self._choose(type, severity, product, found, customer, now)
        at = now.replace(microsecond=0)
        history = (SlaEvent(at, SlaEventKind.ACCEPTED, level=choice.level.key),)
        target_rows = promises.forecast((), history, self._versions, at).target_rows
        first = next((one for one in target_rows if one.target == Goal.FIRST), None)
        return Promise(
            level_title=choice.level.title,
            why=choice.why,
            due=first.due_at if first else None,
            ledger=promises.ledger(history, self._versions, at) if first else (),
            support_ends=self._catalogue.support_ends(product, version),
            coupons_left=found.left if found else None,
        )

    def open(self, draft: Draft, customer: Person, *, key: str, now: dt.datetime) -> str:
        """Files a ticket and returns its number; the same customer, key and draft give the same
        number.

        Raises Conflict for a key that filed another draft, Invalid for a spent coupon, Unavailable
        when it could not be saved: then nothing is.
        """
        once = Key(customer.id, Verb.OPEN.value, key_of(key))
        if self._store.filed_as(once) is None:
            serial = self._open(draft, customer, once, now.replace(microsecond=0))
            if not once.key:
                return ids.ticket_number(serial)
        # Asked after saving, too: of two that were sent at once the other may have come first.
        found = self._store.filed_as(once)
        if found is None or found[1] != drafts.fingerprint(draft):
            raise Conflict("This key was used for another ticket; make a new key.", field="key")
        return ids.ticket_number(found[0])

    def reply(
        self,
        number: str,
        author: Person,
        body: str,
        *,
        uploads: Sequence[Upload] = (),
        key: str,
        now: dt.datetime,
    ) -> None:
        """A public word of an agent; it meets the running response promise."""
        self._say(Verb.REPLY, number, author, body, uploads, key=key, now=now)

    def comment(
        self,
        number: str,
        author: Person,
        body: str,
        *,
        uploads: Sequence[Upload] = (),
        key: str,
        now: dt.datetime,
    ) -> None:
        """A public word of the customer; after an answer it starts the next-response promise."""
        self._say(Verb.COMMENT, number, author, body, uploads, key=key, now=now)

    def note(
        self,
        number: str,
        author: Person,
        body: str,
        *,
        uploads: Sequence[Upload] = (),
        key: str,
        now: dt.datetime,
    ) -> None:
        """A word among agents; the customer never sees it, nor its files."""
        self._say(Verb.NOTE, number, author, body, uploads, key=key, now=now)

    def solve(
        self, number: str, author: Person, *, reason: str = "", key: str = "", now: dt.datetime
    ) -> None:
        """``reason`` is a closing reason of the policies (X28), or empty. Raises Invalid for
        another.
        """
        self._do(number, Command(Verb.SOLVE, author, now, facts=self._closing(reason)), key)

    def cancel(
        self, number: str, author: Person, *, reason: str = "", key: str = "", now: dt.datetime
    ) -> None:
        self._do(number, Command(Verb.CANCEL, author, now, facts=self._closing(reason)), key)

    def reopen(
        self, number: str, author: Person, reason: str, *, key: str = "", now: dt.datetime
    ) -> None:
        """Opens a closed ticket again; the question is to be restated (X31). Raises Invalid without
        a reason.
        """
        said = drafts.comment(reason, limits=self._limits)
        self._do(number, Command(Verb.REOPEN, author, now, body=said), key)

    def assign(
        self, number: str, author: Person, agent_email: str, *, key: str = "", now: dt.datetime
    ) -> None:
        """Gives the ticket to an agent. Raises Invalid for an address that is no agent's."""
        self._check(number, author, Verb.ASSIGN)
        agent = self._store.people.by_email(email_address(agent_email) or "")
        if agent is None or not agent.is_staff:
            raise Invalid(f"{agent_email!r:.80} is no agent's address.", field="agent")
        tells = () if agent.id == author.id else (agent.email,)
        given = Effects({}, {"assignee_id": agent.id})
        about = {"agent": agent.name}
        act = Command(
            Verb.ASSIGN, author, now, public=False, facts=about, outcome=given, tells=tells
        )
        self._do(number, act, key)

    def ticket(self, number: str, viewer: Person, *, now: dt.datetime) -> Ticket:
        """The ticket as ``viewer`` may see it. Raises NotFound for one that is not there or not
        theirs.
        """
        serial = serial_of(number)
        ticket = self._store.ticket(serial, seen_by(viewer), viewer_id=viewer.id, now=now)
        history = self._store.histories({serial: ticket.level_key})[serial]
        found = promises.targets(history, self._versions, now)
        dues = promises.derived(ticket.dues, found)
        ledger = promises.lines(found[0]) if found else ()
        return replace(ticket, dues=dues, ledger=ledger, waiting_for=self._waiting_for(ticket))

    def explain(self, number: str, viewer: Person, *, now: dt.datetime) -> tuple[Explanation, ...]:
        """Every target of the ticket with its derivation, in the order of first, next, resolution
        and cycle.

        Raises NotFound for one that is not there or not theirs.
        """
        ticket = self.ticket(number, viewer, now=now)
        serial = serial_of(number)
        history = self._store.histories({serial: ticket.level_key})[serial]
        return tuple(
            _explained(target) for target in promises.targets(history, self._versions, now)
        )

    def history(
        self, number: str, *, now: dt.datetime
    ) -> tuple[tuple[Target, ...], tuple[str, ...]]:
        """For whoever operates the place: the targets of a ticket, and a line for each event.
        Raises NotFound.
        """
        serial = serial_of(number)
        ticket = self._store.ticket(serial, _operator, now=now)
        targets = promises.targets(
            self._store.histories({serial: ticket.level_key})[serial], self._versions, now
        )
        said = [
            f"{event.at:%Y-%m-%d %H:%M:%S}Z  {event.verb}  {event.actor}" for event in ticket.events
        ]
        return targets, tuple(said)

    def replay(
        self, other: SlaPolicy, *, now: dt.datetime
    ) -> Iterator[tuple[str, tuple[VerdictChange, ...] | str]]:
        """For whoever operates the place: what ``other`` policies would change, ticket by ticket; a
        sentence for one that has a level they do not know. Nothing is written.
        """
        for levels in self._store.levels():
            for serial, history in self._store.histories(levels).items():
                number = ids.ticket_number(serial)
                try:
                    found = verdict_changes(history, self._versions, other, now)
                except Invalid as error:
                    yield number, error.sentence
                    continue
                if found:
                    yield number, found

    def _waiting_for(self, ticket: Ticket) -> str:
        if ticket.row.status not in (Status.WAITING, Status.PAUSED):
            return ""
        asked = [event for event in ticket.events if event.verb in (Verb.AWAIT, Verb.PAUSE)]
        key = asked[-1].facts.get("reason", "") if asked else ""
        known = self._policy.reasons.get(key)
        return known.title if known else key

    def mine(
        self,
        viewer: Person,
        *,
        status: str | None = None,
        words: str = "",
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        company: bool = False,
        page: int = 1,
        now: dt.datetime,
    ) -> tuple[int, tuple[TicketRow, ...]]:
        """How many tickets the viewer filed, and one page of them, newest first.

        ``status`` is a Status, ``active`` (not closed), ``recent`` (also closed in the last 30
        days) or all. With ``company``, those of all colleagues: Forbidden unless the organisation
        shares its view (B34). The number is exact up to a thousand past the page; longer lists say
        that.
        """
        if viewer.guest:
            return 0, ()
        narrowed = Filter(status or ALL, words, since=since, until=until)
        shared = (
            viewer.organisation_id
            if company and self._store.people.shares(viewer.organisation_id)
            else None
        )
        if company and shared is None:
            raise Forbidden(
                "Your organisation keeps its contacts' tickets apart; here are only your own."
            )
        return self._store.lists.mine(viewer.id, narrowed, page, organisation_id=shared, now=now)

    def shares_view(self, viewer: Person) -> bool:
        """Whether the viewer may ask for the tickets of all colleagues (B34)."""
        return not viewer.guest and self._store.people.shares(viewer.organisation_id)

    def attachment(self, ref: str, viewer: Person) -> tuple[Attachment, Path]:
        """A file and where it lies. Raises NotFound for everybody who may not see what it is
        attached to.
        """
        found = self._store.attachment(ref)
        if found is None:
            raise access.absent()
        owned, public, attachment = found
        access.check_see(viewer, owned)
        if not public and not access.may_see_internal(viewer, owned):
            raise access.absent()
        return attachment, self._attachments.path(attachment)

    def receipt(self, number: str, guest: Person, *, key: str, now: dt.datetime) -> str:
        """A secret for the guest's own link, to whoever has just filed the ticket with this key.
        Raises NotFound.

        Call it after ``open`` only: that refuses everybody who does not know the whole text of the
        ticket. Each call makes another secret; only hashes are kept, so none can be shown twice.
        """
        serial = serial_of(number)
        if (
            not key
            or self._store.serial_by_key(Key(guest.id, Verb.OPEN.value, key_of(key))) != serial
        ):
            raise access.absent()
        secret = secrets.token_urlsafe(32)
        until = now + LINK_LIFETIME
        self._store.add_link(serial, guest.id, _digest(secret), now=now, until=until)
        return secret

    def holder(self, number: str, secret: str, *, now: dt.datetime) -> Person:
        """The guest behind a secret link, who may see and answer this one ticket. Raises NotFound."""
        found = self._store.link_holder(_digest(secret), now=now) if secret else None
        person = (
            self._store.people.by_id(found[1]) if found and found[0] == serial_of(number) else None
        )
        if found is None or person is None:
            raise access.outdated()
        return replace(person, guest=True, holds=found[0])

    def ticket_by_secret(self, number: str, secret: str, now: dt.datetime) -> Ticket:
        """Raises NotFound for a wrong or outdated secret."""
        return self.ticket(number, self.holder(number, secret, now=now), now=now)

    def _open(self, draft: Draft, customer: Person, once: Key, now: dt.datetime) -> int:
        try:
            return self._store.open(self._new(draft, customer, now), once)
        except Invalid:
            # The same form, sent twice at once, spends the last coupon only in the one that came
            # first.
            known = self._store.serial_by_key(once)
            if known is None:
                raise
            return known

    def _say(
        self,
        verb: Verb,
        number: str,
        author: Person,
        body: str,
        files: Sequence[Upload],
        *,
        key: str,
        now: dt.datetime,
    ) -> None:
        if self._store.serial_by_key(once_of(number, author, verb, key)) is not None:
            return  # sent twice: a double click, a reload, a lost answer
        self._check(number, author, verb)
        said = drafts.comment(body, files, limits=self._limits)
        kept = self._keep(number, files)
        act = Command(verb, author, now, body=said, public=verb is not Verb.NOTE, attachments=kept)
        self._do(number, act, key)

    def _closing(self, reason: str) -> Mapping[str, str]:
        known = self._policy.reasons.get(reason)
        if reason and (known is None or not known.closes):
            choices = (
                ", ".join(one.key for one in self._policy.reasons.values() if one.closes) or "none"
            )
            raise Invalid(f"{reason!r:.60} is no reason to close; give {choices}.", field="reason")
        return {"reason": reason, "title": known.title} if known else {}

    def _new(self, draft: Draft, customer: Person, now: dt.datetime) -> NewTicket:
        coupon = self._coupon(draft.coupon, customer, now)
        choice = self._choose(
            draft.type.value, draft.severity, draft.product, coupon, customer, now
        )
        history = (SlaEvent(now, SlaEventKind.ACCEPTED, level=choice.level.key),)
        forecast = promises.forecast((), history, self._versions, now)
        severity = self._policy.severities.get(draft.severity)
        event = NewEvent(
            verb=Verb.OPEN,
            at=now,
            actor_id=customer.id,
            actor=customer.name,
            by_agent=False,
            public=True,
            body=draft.description,
            facts={
                "level": choice.level.key,
                "why": choice.why,
                "filed_as": drafts.fingerprint(draft),
            },
            attachments=self._attachments.put(draft.attachments),
        )

        return NewTicket(
            draft=draft,
            customer_id=customer.id,
            organisation_id=customer.organisation_id,
            severity_title=severity.title if severity else draft.severity,
            level_title=choice.level.title,
            level_why=choice.why,
            level=choice.level.key,
            policy_version=self._policy.version,
            urgent=self._policy.urgent(choice.level, draft.severity),
            event=event,
            forecast=forecast,
            notices=lambda number: telling.accepted(
                number, draft, customer, choice.level.title, forecast
            ),
            limit=_unverified(customer),
        )

    def _coupon(self, code: str, customer: Person | None, now: dt.datetime) -> Coupon | None:
        if not code:
            return None
        found = self._store.coupon(code, customer.id, now=now) if customer else None
        if found is None or found.left <= 0:
            raise spent()
        return found

    def _choose(
        self,
        type_: str,
        severity: str,
        product: str,
        coupon: Coupon | None,
        customer: Person | None,
        now: dt.datetime,
    ) -> LevelChoice:
        category, licence = self._store.people.entitled(customer, now) if customer else ("", "")
        facts = {
            "category": category,
            "licence": licence,
            "severity": severity,
            "type": type_,
            "product": product,
            "coupon": coupon.rule if coupon else "",
            "channel": "web",
        }
        return self._policy.choose(facts)


#: Goal S7: from an address that nobody has proved to be theirs.
UNVERIFIED_PER_HOUR = 10


def _operator(owned: access.Ownership) -> bool:
    """Whoever has the files sees everything."""
    del owned
    return True


def _unverified(customer: Person) -> UsageLimit | None:
    if not customer.guest:
        return None
    sentence = (
        "Too many tickets came from this address; try again in {minutes} minutes, or sign in."
    )
    key = _digest(account_key(customer.email))
    return UsageLimit(
        "unverified ticket", key, UNVERIFIED_PER_HOUR, dt.timedelta(hours=1), sentence
    )


def _explained(target: Target) -> Explanation:
    state = target.state.value
    due = Due(target.goal.value, state, target.due, target.met_at, target.cycle, target.grace)
    return Explanation(due, target.level.title, target.started, promises.lines(target))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
