"""Filing: which SLA a ticket gets, what the form promises beforehand, and the new ticket itself."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kb import ids
from kb.database.usage_limits import UsageLimit
from kb.errors import Conflict, Invalid
from kb.people.person import Person, account_key
from kb.sla.clock import SlaEvent, SlaEventKind
from kb.sla.policy import UNVERIFIED, Goal, LevelChoice, SlaPolicy, VerifiedRequester
from kb.tickets import drafts, recipients
from kb.tickets.actions.agent_fields import searchable_words
from kb.tickets.actions.idempotency import filing_key
from kb.tickets.actions.secrets import FieldSecrets
from kb.tickets.attachments.files import Attachments
from kb.tickets.catalogue import Catalogue
from kb.tickets.changeset import Coupon, NewEvent, NewTicket
from kb.tickets.decision import Rules
from kb.tickets.drafts import unknown_severity
from kb.tickets.lifecycle import VERBS, Verb
from kb.tickets.permissions import check_file
from kb.tickets.repository.repository import TicketRepository
from kb.tickets.repository.save import coupon_used_up
from kb.tickets.sla_targets import computed_targets, forecast, ledger_of
from kb.tickets.ticket import Draft, Upload

#: An address that is not verified cannot fill the queue.
UNVERIFIED_PER_HOUR = 10


@dataclass(frozen=True, slots=True)
class Promise:
    """The SLA that the form would get if it were sent now.

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
class Origin:
    """What is known of a ticket that did not come by the form.

    ``vouched`` says that the address is proven to be the requester's, or that it is not; by default
    that of an account is, and that of a guest is not. Nobody gets a receipt unless it ``tells``;
    with ``asks_to_confirm`` the receipt asks whether its reader has filed the ticket. ``facts`` are
    kept with the filing.
    """

    vouched: bool | None = None
    tells: bool = True
    asks_to_confirm: bool = False
    facts: Mapping[str, str] = field(default_factory=dict)


class Filing:
    """How requesters file: check the form, see the SLA that it would get, file it."""

    def __init__(
        self,
        repository: TicketRepository,
        attachments: Attachments,
        catalogue: Catalogue,
        rules: Rules,
        secrets: FieldSecrets,
    ) -> None:
        self._repository = repository
        self._attachments = attachments
        self._catalogue = catalogue
        self._rules = rules
        self._secrets = secrets

    def check(
        self,
        form: Mapping[str, str],
        files: Sequence[Upload] = (),
        consulted: str = "",
        *,
        now: dt.datetime,
    ) -> Draft:
        """The form as a draft. Raises Invalid with a sentence for every field at fault."""
        return drafts.check(
            form,
            files,
            consulted,
            policy=self._rules.policy,
            catalogue=self._catalogue,
            limits=self._rules.limits,
            today=now.date(),
            keeps_secrets=self._secrets.available,
        )

    def promise(
        self,
        *,
        type: str,  # noqa: A002 - the form's own word
        severity: str,
        topic: str = "",
        product: str = "",
        version: str = "",
        coupon: str = "",
        customer: Person | None = None,
        channel: str = "web",
        now: dt.datetime,
    ) -> Promise:
        """The SLA that the ticket would get if it were filed now.

        Raises Invalid for an unknown severity, and for a coupon that is used up or not theirs.
        """
        policy = self._rules.policy
        if severity not in policy.severities:
            raise unknown_severity(severity, policy)
        valid_coupon = self._coupon(coupon, customer, now)
        asked = {
            "type": type,
            "severity": severity,
            "topic": topic,
            "product": product,
            "channel": channel,
        }
        choice = self._choose_level(asked, valid_coupon, customer, now)
        instant = now.replace(microsecond=0)
        history = (SlaEvent(instant, SlaEventKind.ACCEPTED, level=choice.level.key),)
        targets = computed_targets(history, self._rules.versions, instant)
        first = targets[0] if targets and targets[0].goal is Goal.FIRST else None
        return Promise(
            level_title=choice.level.title,
            why=choice.why,
            due=first.due if first else None,
            ledger=ledger_of(first) if first else (),
            support_ends=self._catalogue.support_ends(product, version),
            coupons_left=valid_coupon.left if valid_coupon else None,
        )

    def file(
        self,
        draft: Draft,
        customer: Person,
        *,
        key: str,
        channel: str = "web",
        origin: Origin | None = None,
        now: dt.datetime,
    ) -> str:
        """Files a ticket and returns its number; the same customer, key and draft file it once.

        Raises Forbidden for a contact who is not for support, Conflict for a key that filed another
        draft, Invalid for a coupon that is used up, TooMany, and Unavailable when it could not be
        saved: then nothing is.
        """
        check_file(customer)
        once = filing_key(customer, key, draft)
        try:
            ticket = self._new_ticket(
                draft, once.filed_as, customer, channel, origin or Origin(), now
            )
            filed = self._repository.file(ticket, once)
        except Invalid:
            # Of one form that was sent twice, the first may have used the last coupon.
            filed_before = self._repository.filed_by_key(once)
            if filed_before is None:
                raise
            filed = filed_before
        serial, filed_as = filed
        if filed_as != once.filed_as:
            raise Conflict("This key was used for another ticket. Use a new key.", field="key")
        return ids.ticket_number(serial)

    def _new_ticket(
        self,
        draft: Draft,
        filed_as: str,
        customer: Person,
        channel: str,
        origin: Origin,
        now: dt.datetime,
    ) -> NewTicket:
        instant = now.replace(microsecond=0)
        policy = self._rules.policy
        asked = {
            "type": draft.type,
            "severity": draft.severity,
            "topic": draft.topic,
            "product": draft.product,
            "channel": channel,
        }
        with self._repository.database.join_reads():
            coupon = self._coupon(draft.coupon, customer, instant)
            choice = self._choose_level(asked, coupon, customer, instant, origin.vouched)
            members = self._repository.staff.members()
        history = (SlaEvent(instant, SlaEventKind.ACCEPTED, level=choice.level.key),)
        targets = forecast((), history, self._rules.versions, instant)
        severity = policy.severities.get(draft.severity)
        urgent = policy.urgent(choice.level, draft.severity)
        told = recipients.told_of_new_ticket(
            draft,
            customer,
            members,
            policy,
            choice.level,
            targets,
            urgent=urgent,
            receipts=origin.tells,
            asks_to_confirm=origin.asks_to_confirm,
            now=instant,
        )
        event = NewEvent(
            verb=Verb.OPEN,
            at=instant,
            actor_id=customer.id,
            actor=customer.name,
            by_agent=False,
            public=True,
            body=draft.description,
            facts={
                "level": choice.level.key,
                "why": choice.why,
                "filed_as": filed_as,
                **origin.facts,
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
            policy_version=policy.version,
            urgent=urgent,
            event=event,
            forecast=targets,
            notices=told.notices,
            news=told.news,
            limit=_unverified_limit(customer),
            source=channel,
            field_words=_field_words(draft, policy),
            recorded=_recorded(draft, policy, event),
            secrets=self._secrets.seal(draft, policy),
        )

    def _choose_level(
        self,
        asked: Mapping[str, str],
        coupon: Coupon | None,
        customer: Person | None,
        now: dt.datetime,
        vouched: bool | None = None,
    ) -> LevelChoice:
        """``asked`` are the facts that the form gives; the others follow from the customer."""
        requester = UNVERIFIED
        if vouched is None:  # a guest may have typed anybody's address
            vouched = customer is not None and not customer.guest
        if customer and vouched:
            known = self._repository.people.entitlement(customer, now)
            requester = VerifiedRequester(
                customer.email, known.category, known.licence, known.organisation
            )
        policy = self._rules.policy
        choice = policy.choose({**asked, "coupon": coupon.rule if coupon else ""}, requester)
        if not choice.level.after_support or customer is None:
            return choice
        return policy.after_term(choice, self._repository.people.customer_since(customer), now)

    def _coupon(self, code: str, customer: Person | None, now: dt.datetime) -> Coupon | None:
        if not code:
            return None
        coupon = self._repository.coupon(code, customer.id, now=now) if customer else None
        if coupon is None or coupon.left <= 0:
            raise coupon_used_up()
        return coupon


def _field_words(draft: Draft, policy: SlaPolicy) -> str:
    """What a ticket is found by: its searchable fields, and earlier names of what it has."""
    severity = policy.severities.get(draft.severity)
    words = list(severity.formerly) if severity else []
    for key, value in draft.fields.items():
        own = policy.fields.get(key)
        if own is not None and own.searchable and own.on_form:
            words += [own.title, *own.formerly, value]
    return " ".join(words)


def _recorded(draft: Draft, policy: SlaPolicy, opened: NewEvent) -> NewEvent | None:
    """An internal event with the searchable fields that only agents see."""
    words = searchable_words(draft.fields, policy)
    if not words:
        return None
    return NewEvent(
        verb=Verb.RECORD,
        at=opened.at,
        actor_id=opened.actor_id,
        actor=opened.actor,
        by_agent=False,
        public=VERBS[Verb.RECORD].public,
        body=words,
    )


def _unverified_limit(customer: Person) -> UsageLimit | None:
    if not customer.guest:
        return None
    address = account_key(customer.email).encode("utf-8", "surrogatepass")
    return UsageLimit(
        "unverified ticket",
        hashlib.sha256(address).digest(),
        UNVERIFIED_PER_HOUR,
        dt.timedelta(hours=1),
        "Too many tickets came from this address. Try again in {minutes} minutes, or sign in.",
    )
