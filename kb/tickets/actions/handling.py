"""What do agents and customers do to a ticket besides talking?

Waiting and pausing, levels and severities, escalation, rating, voiding. ``Handling`` is the part of
``kb.tickets.desk.Desk`` that changes tickets; each verb is one act, decided by
``kb.tickets.decision`` and saved in one transaction. Two tickets at once are the business of
``kb.tickets.actions.merge_split``.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kb import ids
from kb.errors import Conflict, Invalid
from kb.people.person import Person, Role, email_address
from kb.sla.clock import CUSTOMER, PolicyVersion
from kb.sla.policy import Development, Goal, Level, LevelChange, LevelChoice, Severity, SlaPolicy
from kb.text import clean_text
from kb.tickets import decision as acting
from kb.tickets import drafts
from kb.tickets import permissions as access
from kb.tickets import policy_versions as book
from kb.tickets.attachments.files import Attachments
from kb.tickets.catalogue import Catalogue
from kb.tickets.changeset import Change, Facts, Key
from kb.tickets.decision import Command, Effects
from kb.tickets.repository.repository import TicketStore
from kb.tickets.sla_targets import OPEN_STATES
from kb.tickets.ticket import Attachment, Proposal, Rating, Upload, Verb, after

_KEY_LENGTH = 100
_LINKS = 10
_DOCUMENT = re.compile(r"[\w./-]{1,300}")
VOID_REASONS = ("spam", "duplicate")


class Handling:
    """Verbs that change a ticket. Each raises NotFound for a stranger, Forbidden and Conflict for
    what may not be.

    A ``key`` makes a verb happen once, however often it is sent.
    """

    def __init__(
        self,
        store: TicketStore,
        policy: SlaPolicy,
        attachments: Attachments,
        catalogue: Catalogue,
        *,
        limits: drafts.FormLimits | None = None,
        versions: Sequence[PolicyVersion] | None = None,
    ) -> None:
        """``versions`` are the policies that held before and the one that holds now; default:
        always ``policy``.
        """
        self._store = store
        self._policy = policy
        self._versions = tuple(versions or book.always(policy))
        self._attachments = attachments
        self._catalogue = catalogue
        self._limits = limits or drafts.FormLimits()

    def await_customer(
        self,
        number: str,
        author: Person,
        body: str = "",
        *,
        reason: str = CUSTOMER,
        until: dt.datetime | None = None,
        uploads: Sequence[Upload] = (),
        key: str = "",
        now: dt.datetime,
    ) -> None:
        """Waits for the customer, who ends it by any word; ``until`` brings the ticket back by
        itself.

        ``body`` says publicly what is waited for. Raises Conflict without one when the customer
        spoke last, Invalid for a reason that is not the customer's to end, or an ``until`` that is
        over.
        """
        if self._done(number, author, Verb.AWAIT, key):
            return
        known = self._policy.reasons.get(reason)
        if reason != CUSTOMER and (known is None or not known.until_reply or known.closes):
            choices = [
                one.key
                for one in self._policy.reasons.values()
                if one.until_reply and not one.closes
            ]
            raise Invalid(
                f"{reason!r:.60} is no reason to wait for a customer; give {_listed(choices)}.",
                field="reason",
            )
        self._check(number, author, Verb.AWAIT)
        said = drafts.comment(body, uploads, limits=self._limits) if body.strip() or uploads else ""
        kept = self._keep(number, uploads)

        def resolve(facts: Facts, at: dt.datetime) -> Effects:
            if not said and facts.last_word != "agent":
                raise Conflict(
                    "The customer spoke last; say publicly what you wait for, then wait."
                )
            return Effects({**_until(until, at), "reason": reason}, {"remind_at": until})

        about = {"said": "yes"} if said else {}
        self._do(number, Command(Verb.AWAIT, author, now, said, True, about, kept, resolve), key)

    def pause(
        self,
        number: str,
        author: Person,
        reason: str,
        *,
        until: dt.datetime | None = None,
        note: str = "",
        key: str = "",
        now: dt.datetime,
    ) -> None:
        """Stops the clock for a reason of the policies that is not the customer's to end (X10).
        Raises Invalid.
        """
        known = self._policy.reasons.get(reason)
        if known is None or known.closes or known.until_reply:
            choices = [
                one.key
                for one in self._policy.reasons.values()
                if not (one.closes or one.until_reply)
            ]
            raise Invalid(
                f"{reason!r:.60} is no reason to pause; give {_listed(choices)}.", field="reason"
            )

        def resolve(facts: Facts, at: dt.datetime) -> Effects:
            del facts
            return Effects(
                {**_until(until, at), "reason": reason, "title": known.title}, {"remind_at": until}
            )

        self._do(
            number,
            Command(Verb.PAUSE, author, now, clean_text(note).strip(), resolve=resolve),
            key,
        )

    def resume(self, number: str, author: Person, *, key: str = "", now: dt.datetime) -> None:
        self._do(number, Command(Verb.RESUME, author, now, public=False), key)

    def no_answer_needed(
        self, number: str, author: Person, *, key: str = "", now: dt.datetime
    ) -> None:
        """The customer's last word asks for nothing (a thank-you): the next-response promise ends
        unjudged.

        Raises Conflict before the first answer: that is promised whatever the customer says.
        """
        self._do(number, Command(Verb.DISMISS, author, now, public=False, resolve=_dismissed), key)

    def move(
        self,
        number: str,
        author: Person,
        level: str,
        why: str,
        *,
        change: str = "",
        key: str = "",
        now: dt.datetime,
    ) -> None:
        """Moves a ticket to another level, with the sentence that the customer reads (X12, X15,
        X16).

        ``change`` is retroactive, from_change or proportional; empty: as the level says. A coupon
        is given back. Raises Invalid for an unknown level or change, Conflict when the ticket is
        there or may not go to development.
        """
        to = self._policy.level(level)
        if change and change not in tuple(LevelChange):
            raise Invalid(
                f"{change!r:.40} is no way to count; give {_listed(LevelChange)}.", field="change"
            )
        said = drafts.comment(why, limits=self._limits)

        def resolve(facts: Facts, at: dt.datetime) -> Effects:
            del at
            if facts.level == to.key:
                raise Conflict(f"The ticket is at the level {to.title} already.")
            if to.handover and not self._changes_level(facts):
                return Effects({"handed_over": to.title})
            releases = bool(facts.coupon) and to.key != facts.coupon_level
            about = {
                "level": to.key,
                "from_level": facts.level,
                "title": to.title,
                "change": change,
            }
            return Effects(about, self._level_values(facts, to, said), releases_coupon=releases)

        self._do(number, Command(Verb.MOVE, author, now, said, resolve=resolve), key)

    def _changes_level(self, facts: Facts) -> bool:
        """Whether handing over to development changes the level. Raises Conflict when it may not
        be.
        """
        level = self._policy.levels.get(facts.level)
        goes = level.development if level else Development.YES
        if goes is Development.NO:
            raise Conflict(f"Tickets of the level {facts.level_title} do not go to development.")
        return goes is not Development.SAME_LEVEL

    def _level_values(
        self, facts: Facts, to: Level, why: str, severity: str = ""
    ) -> dict[str, Any]:
        urgent = self._policy.urgent(to, severity or facts.severity)
        return {"level": to.key, "level_title": to.title, "level_why": why, "urgent": urgent}

    def propose_severity(
        self,
        number: str,
        author: Person,
        severity: str,
        why: str,
        *,
        detail: str = "",
        key: str = "",
        now: dt.datetime,
    ) -> None:
        """Asks the customer to agree to another severity (B10); a later proposal replaces an open
        one.

        Raises Invalid for an unknown severity or without a reason, Conflict for the one that it
        has.
        """
        known = self._severity(severity)
        said = drafts.comment(why, limits=self._limits)
        about = {"severity": severity, "title": known.title}

        def resolve(facts: Facts, at: dt.datetime) -> Effects:
            if facts.severity == severity:
                raise Conflict(f"The severity is “{known.title}” already.")
            return Effects(
                proposal=Proposal(severity, clean_text(detail)[: self._limits.detail], said, at)
            )

        self._do(
            number, Command(Verb.PROPOSE, author, now, said, True, about, resolve=resolve), key
        )

    def agree(self, number: str, author: Person, *, key: str = "", now: dt.datetime) -> None:
        """The customer agrees to the proposed severity, and the level follows. Raises Conflict
        without a proposal.
        """
        self._do(number, Command(Verb.AGREE, author, now, resolve=self._agreed), key)

    def _agreed(self, facts: Facts, at: dt.datetime) -> Effects:
        del at
        asked = _asked(facts)
        known = self._severity(asked.severity)
        values: dict[str, Any] = {
            "severity": known.key,
            "severity_title": known.title,
            "severity_detail": asked.detail,
        }
        about = {"severity": known.key, "title": known.title, "from_severity": facts.severity}
        old, new = (self._rechosen(facts, one) for one in (facts.severity, known.key))
        moves = (
            old.level.key == facts.level and new.level.key != facts.level
        )  # staff may have moved it elsewhere
        if moves:
            about |= {"level": new.level.key, "from_level": facts.level}
            values |= self._level_values(facts, new.level, new.why, known.key)
        elif facts.level in self._policy.levels:
            values["urgent"] = self._policy.urgent(self._policy.levels[facts.level], known.key)
        return Effects(about, values, decides="agreed")

    def decline(
        self, number: str, author: Person, reason: str = "", *, key: str = "", now: dt.datetime
    ) -> None:
        """The customer keeps the severity. Raises Conflict without a proposal."""

        def resolve(facts: Facts, at: dt.datetime) -> Effects:
            del at
            return Effects({"severity": _asked(facts).severity}, decides="declined")

        self._do(
            number,
            Command(Verb.DECLINE, author, now, clean_text(reason).strip()[:2000], resolve=resolve),
            key,
        )

    def escalate(
        self, number: str, author: Person, body: str, *, key: str = "", now: dt.datetime
    ) -> None:
        """A word to the supervisor (X32): everybody with the role admin hears of it; the ticket is
        marked.
        """
        if self._done(number, author, Verb.ESCALATE, key):
            return
        said = drafts.comment(body, limits=self._limits)
        supervisors = tuple(
            one.email for one in self._store.people.staff() if one.role == Role.ADMIN
        )
        act = Command(Verb.ESCALATE, author, now, said, resolve=_escalated, tells=supervisors)
        self._do(number, act, key)

    def rate(
        self,
        number: str,
        author: Person,
        score: int,
        words: str = "",
        *,
        key: str = "",
        now: dt.datetime,
    ) -> None:
        """1 to 5 after the ticket was closed (X30); a later rating replaces it. Raises Invalid."""
        if not 1 <= score <= 5:
            raise Invalid("A rating is a number from 1 (bad) to 5 (good).", field="score")
        said = clean_text(words).strip()[:2000]

        def resolve(facts: Facts, at: dt.datetime) -> Effects:
            del facts
            return Effects({"score": str(score)}, rating=Rating(score, said, at))

        self._do(number, Command(Verb.RATE, author, now, said, resolve=resolve), key)

    def set_copies(
        self,
        number: str,
        author: Person,
        addresses: Sequence[str],
        *,
        key: str = "",
        now: dt.datetime,
    ) -> None:
        """Who else gets the notices (B15), all of them. Raises Invalid for an address that is none,
        or too many.
        """
        found = {word: email_address(word) for word in addresses if word.strip()}
        bad = [word for word, address in found.items() if address is None]
        if bad:
            raise Invalid(
                f"{bad[0]!r:.80} is no e-mail address; write it like alice@example.com.",
                field="copy_to",
            )
        if len(found) > self._limits.copy_to:
            raise Invalid(f"Give at most {self._limits.copy_to} addresses.", field="copy_to")
        copies = list(dict.fromkeys(address for address in found.values() if address))
        act = Command(Verb.COPY, author, now, outcome=Effects({}, {"copy_to": copies}))
        self._do(number, act, key)

    def void(
        self, number: str, author: Person, why: str, *, key: str = "", now: dt.datetime
    ) -> None:
        """Spam or a duplicate: nothing was promised, and a coupon is given back. Nobody is told of
        spam.

        Raises Invalid for another reason.
        """
        if why not in VOID_REASONS:
            raise Invalid(
                f"{why!r:.40} is no reason to void a ticket; give {_listed(VOID_REASONS)}.",
                field="why",
            )

        def resolve(facts: Facts, at: dt.datetime) -> Effects:
            del at
            return Effects({"why": why}, releases_coupon=bool(facts.coupon))

        self._do(
            number, Command(Verb.VOID, author, now, public=why != "spam", resolve=resolve), key
        )

    def answer_by_link(
        self,
        number: str,
        author: Person,
        documents: Sequence[tuple[str, str]],
        body: str = "",
        *,
        key: str,
        now: dt.datetime,
    ) -> None:
        """A public answer that points to articles (X27): ids and titles. Raises Invalid without
        any, or for no id.
        """
        if self._done(number, author, Verb.LINK, key):
            return
        links = tuple(dict(documents).items())
        if not 1 <= len(links) <= _LINKS or not all(_DOCUMENT.fullmatch(one) for one, _ in links):
            raise Invalid(f"Answer with 1 to {_LINKS} articles by their ids.", field="documents")
        named = tuple((one, " ".join(clean_text(title).split())[:300]) for one, title in links)
        said = drafts.comment(body, limits=self._limits) if body.strip() else ""
        about = {"documents": "\n".join(f"{one}\t{title}" for one, title in named)}
        act = Command(Verb.LINK, author, now, said, True, about, outcome=Effects(answers=named))
        self._do(number, act, key)

    def _severity(self, key: str) -> Severity:
        if key not in self._policy.severities:
            raise Invalid(
                f"{key!r:.40} is no severity; choose {_listed(self._policy.severities)}.",
                field="severity",
            )
        return self._policy.severities[key]

    def _rechosen(self, facts: Facts, severity: str) -> LevelChoice:
        """The level that a ticket like this gets today with ``severity``."""
        rule = next(
            (one.key for one in self._policy.coupons.values() if one.level == facts.coupon_level),
            "",
        )
        about = {
            "category": facts.category,
            "licence": facts.licence,
            "severity": severity,
            "type": facts.type,
            "product": facts.product,
            "coupon": rule if facts.coupon else "",
            "channel": "web",
        }
        return self._policy.choose(about)

    def _done(self, number: str, person: Person, verb: Verb, key: str) -> bool:
        """Sent twice: a double click, a reload, a lost answer."""
        return self._store.serial_by_key(once_of(number, person, verb, key)) is not None

    def _check(self, number: str, person: Person, verb: Verb) -> None:
        """Before any file is written: a stranger learns and leaves nothing."""
        ownership, status = self._store.standing(serial_of(number))
        access.check(person, verb, ownership)
        after(status, verb)

    def _keep(self, number: str, files: Sequence[Upload]) -> tuple[Attachment, ...]:
        named = [file for file in files if file.data]
        most = self._limits.files.files
        if named and self._store.attachment_count(serial_of(number)) + len(named) > most:
            raise Invalid(
                f"A ticket takes {most} files; pack these into one ZIP.", field="attachments"
            )
        return self._attachments.put(named)

    def _do(self, number: str, act: Command, key: str) -> None:
        self._store.change(
            serial_of(number), self._decision(act), once_of(number, act.person, act.verb, key)
        )

    def _decision(self, act: Command) -> Callable[[Facts], Change]:
        return lambda facts: acting.decide(act, facts, self._policy, self._versions)


def _dismissed(facts: Facts, at: dt.datetime) -> Effects:
    del at
    if any(one.state in OPEN_STATES and one.target == Goal.FIRST for one in facts.target_rows):
        raise Conflict("The ticket waits for its first answer; reply to it.")
    return Effects()


def _escalated(facts: Facts, at: dt.datetime) -> Effects:
    del facts
    return Effects({}, {"escalated_at": at})


def _asked(facts: Facts) -> Proposal:
    if facts.proposal is None:
        raise Conflict("Nobody has proposed another severity.")
    return facts.proposal


def _until(until: dt.datetime | None, at: dt.datetime) -> Mapping[str, str]:
    if until is None:
        return {}
    if until.tzinfo is None or until <= at:
        raise Invalid(
            "The reminder is over already; give a time that is still to come.", field="until"
        )
    return {"until": until.isoformat()}


def _listed(names: Sequence[str] | Mapping[str, object] | type[LevelChange]) -> str:
    return ", ".join(str(name) for name in names) or "none: the policies list no such reason"


def serial_of(number: str) -> int:
    serial = ids.ticket_serial(number)
    if serial is None:
        raise access.absent()
    return serial


def once_of(number: str, person: Person, verb: Verb, key: str) -> Key:
    return Key(person.id, f"{verb}/{serial_of(number)}", key_of(key))


def key_of(key: str) -> str:
    if len(key) > _KEY_LENGTH:
        raise Invalid(f"An idempotency key has at most {_KEY_LENGTH} characters.", field="key")
    cleaned = clean_text(key)
    if key and not cleaned.strip():
        raise Invalid(
            "This idempotency key is blank; give letters or digits, or leave it out.", field="key"
        )
    return cleaned
