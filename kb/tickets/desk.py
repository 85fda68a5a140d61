"""What happens to a ticket, from the form to the last word?

Each verb of the desk goes the same way: may this person do it (``access``), what follows from it (``TRANSITIONS``,
``promises``), save all of it in one transaction, and tell by a row that a worker sends later. Not for searching.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kb import ids
from kb.errors import Forbidden, Invalid
from kb.sla.policy import Choice, Goal, SlaPolicy
from kb.tickets import access, drafts, promises
from kb.tickets.attachments import Attachments
from kb.tickets.catalogue import Catalogue
from kb.tickets.changes import Change, Coupon, Facts, Key, NewEvent, NewNotice, NewTicket
from kb.tickets.lists import ACTIVE, ALL, Filter
from kb.tickets.person import Person, email_address
from kb.tickets.store import TicketStore, spent
from kb.tickets.ticket import Attachment, Draft, Ticket, TicketRow, Upload, Verb, after

LINK_LIFETIME = dt.timedelta(days=90)
_KEY_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Promise:
    """What the customer would be promised if they sent the form now.

    ``coupons_left`` counts before sending, None without a valid coupon. ``support_ends`` is the version's.
    """

    level_title: str
    why: str
    due: dt.datetime | None
    ledger: tuple[Mapping[str, str], ...]
    support_ends: dt.date | None
    coupons_left: int | None = None


@dataclass(frozen=True, slots=True)
class _Act:
    """One verb by one person, before it is decided."""

    verb: Verb
    person: Person
    now: dt.datetime
    body: str = ""
    public: bool = True
    facts: Mapping[str, str] | None = None
    attachments: tuple[Attachment, ...] = ()
    assignee_id: int | None = None


class Desk:
    """The ticket side of the help centre. Safe for many threads and processes."""

    def __init__(
        self,
        store: TicketStore,
        policy: SlaPolicy,
        attachments: Attachments,
        catalogue: Catalogue,
        *,
        limits: drafts.FormLimits | None = None,
    ) -> None:
        self._store = store
        self._policy = policy
        self._attachments = attachments
        self._catalogue = catalogue
        self._limits = limits or drafts.FormLimits()

    def check(
        self, form: Mapping[str, str], files: Sequence[Upload] = (), consulted: str = "", *, now: dt.datetime
    ) -> Draft:
        """The form as a draft, by this desk's policy, catalogue and limits. Raises Invalid with every field."""
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
        """What sending now would promise. Raises Invalid for an unknown severity, or a coupon that is spent."""
        if severity not in self._policy.severities:
            raise Invalid(f"{severity!r:.40} is no severity.", field="severity")
        found = self._coupon(coupon, customer, now)
        choice = self._choose(type, severity, product, found, customer)
        promised = promises.at_acceptance(self._policy, choice.level.key, now.replace(microsecond=0))
        first = next((one for one in promised if one.target == Goal.FIRST), None)
        return Promise(
            level_title=choice.level.title,
            why=choice.why,
            due=first.due_at if first else None,
            ledger=first.ledger if first else (),
            support_ends=self._catalogue.support_ends(product, version),
            coupons_left=found.left if found else None,
        )

    def open(self, draft: Draft, customer: Person, *, key: str, now: dt.datetime) -> str:
        """Files a ticket and returns its number; the same customer and key give the same number.

        Raises Invalid for a spent coupon, Unavailable when it could not be saved: then nothing is.
        """
        once = Key(customer.id, Verb.OPEN.value, _key(key))
        known = self._store.serial_by_key(once)
        return ids.ticket_number(known or self._open(draft, customer, once, now.replace(microsecond=0)))

    def reply(
        self, number: str, author: Person, body: str, *, uploads: Sequence[Upload] = (), key: str, now: dt.datetime
    ) -> None:
        """A public word of an agent; it meets the running response promise."""
        self._say(Verb.REPLY, number, author, body, uploads, key=key, now=now)

    def comment(
        self, number: str, author: Person, body: str, *, uploads: Sequence[Upload] = (), key: str, now: dt.datetime
    ) -> None:
        """A public word of the customer; after an answer it starts the next-response promise."""
        self._say(Verb.COMMENT, number, author, body, uploads, key=key, now=now)

    def note(
        self, number: str, author: Person, body: str, *, uploads: Sequence[Upload] = (), key: str, now: dt.datetime
    ) -> None:
        """A word among agents; the customer never sees it, nor its files."""
        self._say(Verb.NOTE, number, author, body, uploads, key=key, now=now)

    def solve(self, number: str, author: Person, *, key: str = "", now: dt.datetime) -> None:
        self._do(number, _Act(Verb.SOLVE, author, now), key)

    def cancel(self, number: str, author: Person, *, key: str = "", now: dt.datetime) -> None:
        self._do(number, _Act(Verb.CANCEL, author, now), key)

    def reopen(self, number: str, author: Person, reason: str, *, key: str = "", now: dt.datetime) -> None:
        """Opens a closed ticket again; the question is to be restated (X31). Raises Invalid without a reason."""
        said = drafts.comment(reason, limits=self._limits)
        self._do(number, _Act(Verb.REOPEN, author, now, body=said), key)

    def assign(self, number: str, author: Person, agent_email: str, *, key: str = "", now: dt.datetime) -> None:
        """Gives the ticket to an agent. Raises Invalid for an address that is no agent's."""
        self._check(number, author, Verb.ASSIGN)
        agent = self._store.people.by_email(email_address(agent_email) or "")
        if agent is None or not agent.is_staff:
            raise Invalid(f"{agent_email!r:.80} is no agent's address.", field="agent")
        act = _Act(Verb.ASSIGN, author, now, public=False, facts={"agent": agent.name}, assignee_id=agent.id)
        self._do(number, act, key)

    def ticket(self, number: str, viewer: Person, *, now: dt.datetime) -> Ticket:
        """The ticket as ``viewer`` may see it. Raises NotFound for one that is not there or not theirs."""

        def internal(owned: access.Ownership) -> bool:
            access.check_see(viewer, owned)
            return access.may_see_internal(viewer, owned)

        return self._store.ticket(_serial(number), internal, now=now)

    def mine(
        self,
        viewer: Person,
        *,
        status: str | None = None,
        words: str = "",
        since: dt.datetime | None = None,
        until: dt.datetime | None = None,
        page: int = 1,
        now: dt.datetime,
    ) -> tuple[int, tuple[TicketRow, ...]]:
        """How many tickets the viewer filed, and one page of them, newest first.

        ``status`` is a Status, ``active`` (not closed), ``recent`` (also closed in the last 30 days) or all.
        """
        if viewer.guest:
            return 0, ()
        return self._store.lists.mine(viewer.id, Filter(status or ALL, words, since=since, until=until), page, now=now)

    def queue(
        self,
        viewer: Person,
        *,
        status: str | None = None,
        level: str = "",
        product: str = "",
        words: str = "",
        page: int = 1,
        now: dt.datetime,
    ) -> tuple[int, tuple[TicketRow, ...]]:
        """What is to be answered next: urgent lane, due instant, arrival. Raises Forbidden for customers."""
        if not access.may_work_the_queue(viewer):
            raise Forbidden("The queue is for agents; your own tickets are under “My tickets”.")
        narrowed = Filter(status or ACTIVE, words, level=level or "", product=product or "")
        return self._store.lists.queue(narrowed, page, now=now)

    def attachment(self, ref: str, viewer: Person) -> tuple[Attachment, Path]:
        """A file and where it lies. Raises NotFound for everybody who may not see what it is attached to."""
        found = self._store.attachment(ref)
        if found is None:
            raise access.absent()
        owned, public, attachment = found
        access.check_see(viewer, owned)
        if not public and not access.may_see_internal(viewer, owned):
            raise access.absent()
        return attachment, self._attachments.path(attachment)

    def receipt(self, number: str, guest: Person, *, key: str, now: dt.datetime) -> str:
        """A secret for the guest's own link, to whoever holds the key the ticket was filed with. Raises NotFound.

        Each call makes another secret; only hashes are kept, so none can be shown twice.
        """
        serial = _serial(number)
        if not key or self._store.serial_by_key(Key(guest.id, Verb.OPEN.value, _key(key))) != serial:
            raise access.absent()
        secret = secrets.token_urlsafe(32)
        until = now + LINK_LIFETIME
        self._store.add_link(serial, guest.id, _digest(secret), now=now, until=until)
        return secret

    def holder(self, number: str, secret: str, *, now: dt.datetime) -> Person:
        """The guest behind a secret link, who may see and answer this one ticket. Raises NotFound."""
        found = self._store.link_holder(_digest(secret), now=now) if secret else None
        person = self._store.people.by_id(found[1]) if found and found[0] == _serial(number) else None
        if found is None or person is None:
            raise access.absent()
        return replace(person, guest=True, holds=found[0])

    def ticket_by_secret(self, number: str, secret: str, now: dt.datetime) -> Ticket:
        """Raises NotFound for a wrong or outdated secret."""
        return self.ticket(number, self.holder(number, secret, now=now), now=now)

    def _open(self, draft: Draft, customer: Person, once: Key, now: dt.datetime) -> int:
        try:
            return self._store.open(self._new(draft, customer, now), once)
        except Invalid:
            # The same form, sent twice at once, spends the last coupon only in the one that came first.
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
        if self._store.serial_by_key(_once(number, author, verb, key)) is not None:
            return  # sent twice: a double click, a reload, a lost answer
        self._check(number, author, verb)
        said = drafts.comment(body, files, limits=self._limits)
        kept = self._keep(number, files)
        act = _Act(verb, author, now, body=said, public=verb is not Verb.NOTE, attachments=kept)
        self._do(number, act, key)

    def _keep(self, number: str, files: Sequence[Upload]) -> tuple[Attachment, ...]:
        named = [file for file in files if file.data]
        most = self._limits.files.files
        if named and self._store.attachment_count(_serial(number)) + len(named) > most:
            raise Invalid(f"A ticket takes {most} files; pack these into one ZIP.", field="attachments")
        return self._attachments.put(named)

    def _check(self, number: str, person: Person, verb: Verb) -> None:
        """Before any file is written: a stranger learns and leaves nothing."""
        facts = self._store.facts(_serial(number))
        access.check(person, verb, facts.ownership)
        after(facts.status, verb)

    def _do(self, number: str, act: _Act, key: str) -> None:
        once = _once(number, act.person, act.verb, key)
        self._store.change(_serial(number), self._decision(act), once)

    def _decision(self, act: _Act) -> Callable[[Facts], Change]:
        """What follows from the act for a ticket as it is then. Raises NotFound, Forbidden or Conflict."""

        def decide(facts: Facts) -> Change:
            access.check(act.person, act.verb, facts.ownership)
            status = after(facts.status, act.verb)
            at = max(act.now.replace(microsecond=0), facts.last_at)
            by_agent = access.side(act.person, facts.ownership) == access.STAFF

            promised = promises.after_verb(
                facts.promised,
                facts.history,
                self._policy,
                act.verb,
                by_agent=by_agent,
                level=facts.level,
                at=at,
            )
            event = NewEvent(
                verb=act.verb,
                at=at,
                actor_id=act.person.id,
                actor=act.person.name,
                by_agent=by_agent,
                public=act.public,
                body=act.body,
                facts=act.facts or {},
                attachments=act.attachments,
            )
            number = ids.ticket_number(facts.ownership.serial)
            return Change(event, status, promised, _notices(number, act, facts), act.assignee_id)

        return decide

    def _new(self, draft: Draft, customer: Person, now: dt.datetime) -> NewTicket:
        coupon = self._coupon(draft.coupon, customer, now)
        choice = self._choose(draft.type.value, draft.severity, draft.product, coupon, customer)
        promised = promises.at_acceptance(self._policy, choice.level.key, now)
        severity = self._policy.severities.get(draft.severity)
        event = NewEvent(
            verb=Verb.OPEN,
            at=now,
            actor_id=customer.id,
            actor=customer.name,
            by_agent=False,
            public=True,
            body=draft.description,
            attachments=self._attachments.put(draft.attachments),
        )

        def notices(number: str) -> tuple[NewNotice, ...]:
            first = promises.next_due(promised)
            due = first.due_at.isoformat() if first and first.due_at else ""
            facts = {"number": number, "level": choice.level.title, "due": due}
            return tuple(NewNotice("opened", who, facts) for who in (customer.email, *draft.copy_to))

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
            promised=promised,
            notices=notices,
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
    ) -> Choice:
        facts = {
            "category": customer.category if customer else "",
            "severity": severity,
            "type": type_,
            "product": product,
            "coupon": coupon.rule if coupon else "",
            "channel": "web",
        }
        return self._policy.choose(facts)


def _notices(number: str, act: _Act, facts: Facts) -> tuple[NewNotice, ...]:
    """Who hears of it: the customer and the copies of public acts of others, the agent in charge of the customer's."""
    told = {"number": number}
    if act.person.id == facts.ownership.customer_id and act.verb is not Verb.NOTE:
        side = {facts.assignee_email} - {""}
        copies = set(facts.copy_to) if act.verb in (Verb.SOLVE, Verb.CANCEL, Verb.REOPEN) else set()
        return tuple(NewNotice(act.verb.value, who, told) for who in sorted(side | copies))
    if act.public:
        return tuple(NewNotice(act.verb.value, who, told) for who in (facts.customer_email, *facts.copy_to))
    return ()


def _serial(number: str) -> int:
    serial = ids.ticket_serial(number)
    if serial is None:
        raise access.absent()
    return serial


def _once(number: str, person: Person, verb: Verb, key: str) -> Key:
    return Key(person.id, f"{verb}/{_serial(number)}", _key(key))


def _key(key: str) -> str:
    if len(key) > _KEY_LENGTH:
        raise Invalid(f"An idempotency key has at most {_KEY_LENGTH} characters.", field="key")
    return drafts.plain(key)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
