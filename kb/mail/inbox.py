"""The inbox: every mail that arrives, by whichever way, and the one effect that it has.

A mail is on the disk before ``receive`` returns or anything else is done. It is read, a pure
function decides (``decision``), and one transaction saves the ticket or the message together with
the row that records it: a mail that is delivered again finds the row. Notifications go through the
outbox. Tickets and messages take the same path as those of the portal.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from kb import ids
from kb.errors import Conflict, Invalid, KbError, Misconfigured, Unavailable
from kb.mail.draft import MailBody, mail_text, ticket_draft
from kb.mail.envelope import Became, Envelope, MailOutcome
from kb.mail.parsing.guarded import read_message
from kb.mail.parsing.message import ParsedMessage, Unreadable
from kb.mail.reply_addresses import ReplyAddresses, split_reply_address
from kb.mail.repository import MailRepository, ReceivedMail
from kb.mail.rules.automatic import Automatic, automatic_kind, failed_deliveries
from kb.mail.rules.decision import NOTE_COMMAND, Arrival, Plan, decide_mail
from kb.mail.rules.evidence import Evidence, Signatures, Verdict, judge_sender
from kb.mail.rules.loops import Recent
from kb.mail.rules.retries import MOST_TRIES
from kb.mail.rules.threading import Part, Thread, Writer, candidates
from kb.mail.spool import Spool
from kb.mail.ticket_mails import MAILBOX_FACT, PROVEN_FACT
from kb.notifications.message_ids import reply_tokens_in
from kb.people.accounts import Accounts
from kb.people.person import Person
from kb.people.repository.people import PeopleRepository
from kb.sla.policy import Mailbox, SlaPolicy
from kb.tickets import actions
from kb.tickets.actions.filing import Origin
from kb.tickets.attachments.files import Attachments
from kb.tickets.catalogue import Catalogue
from kb.tickets.decision import Command
from kb.tickets.desk import Desk
from kb.tickets.drafts import FormLimits
from kb.tickets.lifecycle import Verb

LOG = logging.getLogger(__name__)
#: How tickets that came by mail were filed.
MAIL_CHANNEL = "mail"
_LONGEST_SUBJECT = 300
#: Errors that are not caused by the mail: it is tried again for as long as they last.
_NOT_OF_THE_MAIL = (Unavailable, Misconfigured, OSError, MemoryError)
_MOST_FAILURES = 3


class _UnverifiedYet(Exception):
    """The sender could not be verified now; a later try may succeed."""


@dataclass(frozen=True, slots=True)
class SenderTrust:
    """Whose word about a sender counts; ``signed_by`` checks DKIM signatures here, if it may."""

    authority: str = ""
    sealers: tuple[str, ...] = ()
    signed_by: Callable[[bytes], Signatures] | None = None


@dataclass(frozen=True, slots=True)
class MailSite:
    """The site as mail sees it. ``domain`` is that of our Message-IDs, ``own`` our addresses."""

    policy: SlaPolicy
    catalogue: Catalogue
    limits: FormLimits
    domain: str
    own: frozenset[str]


class Inbox:
    """Safe for many threads and processes."""

    def __init__(
        self,
        spool: Spool,
        mails: MailRepository,
        desk: Desk,
        accounts: Accounts,
        attachments: Attachments,
        *,
        signing_keys: Callable[[], Sequence[str]],
        site: MailSite,
        believed: SenderTrust,
    ) -> None:
        self.mails = mails
        self.spool = spool
        self._desk = desk
        self._accounts = accounts
        self._people = PeopleRepository(mails.database)
        self._attachments = attachments
        self._signing_keys = signing_keys
        self._site = site
        self._believed = believed

    def keep(self, raw: bytes, envelope: Envelope) -> str:
        """The mail is on the disk; its name. Raises Unavailable when it is not."""
        return self.spool.put(raw, envelope)

    def receive(self, raw: bytes, envelope: Envelope, *, now: dt.datetime) -> MailOutcome:
        """Keeps a mail, and does what it asks for. Raises Unavailable when it could not be kept."""
        return self.process(self.keep(raw, envelope), now=now)

    def process(self, name: str, *, now: dt.datetime) -> MailOutcome:
        """The outcome of a mail that was kept; WAITING if it has to be tried again later."""
        with self.spool.claim(name, wait=True) as waits:
            if waits:
                return self._try(name, now)
            return self._process(name, *self.spool.get(name), now)

    def read(self, name: str, *, now: dt.datetime) -> MailOutcome | None:
        """As ``process``; None if the mail is not due, or if another reader has it or had it."""
        if not self.spool.tries(name).due(now):
            return None
        with self.spool.claim(name) as waits:
            return self._try(name, now) if waits else None

    def read_waiting(self, *, now: dt.datetime) -> int:
        """Processes the waiting mails that are due; returns how many succeeded."""
        count = failures = 0
        for name in self.spool.waiting():
            outcome = self.read(name, now=now)
            if outcome is None:
                continue
            if outcome.outcome is not Became.WAITING:
                count += 1
                continue
            failures += 1
            if failures == _MOST_FAILURES:  # what fails them all takes its time for each
                break
        return count

    def _try(self, name: str, now: dt.datetime) -> MailOutcome:
        tries = self.spool.tries(name)
        this_try = tries.begun(now)
        self.spool.save_tries(name, this_try)
        try:
            raw, envelope = self.spool.get(name)
            if tries.exhausted:  # the last one has ended the process
                outcome = self._give_up(name, raw, envelope, now)
            else:
                outcome = self._process(
                    name, raw, envelope, now, awaits_evidence=this_try.awaits_evidence
                )
            self.spool.keep(name)
        except _UnverifiedYet:
            LOG.warning("The sender of the e-mail %s could not be verified yet.", name)
            return MailOutcome(
                Became.WAITING,
                "It is stored and will be processed later. The name server in KB_MAIL_DNS did not "
                "answer a query for the key of its signature.",
            )
        except _NOT_OF_THE_MAIL as error:
            self.spool.save_tries(name, tries.put_off(now))
            why = error.sentence if isinstance(error, KbError) else str(error)
            LOG.warning("The e-mail %s could not be processed yet: %s", name, why)
            return MailOutcome(Became.WAITING, f"It is stored and will be processed later. {why}")
        except Exception:
            LOG.exception(
                "Processing the e-mail %s failed: try %d of %d.", name, this_try.count, MOST_TRIES
            )
            if this_try.exhausted and not tries.exhausted:
                return self._try(name, now)
            return MailOutcome(Became.WAITING, "It is stored and will be processed later.")
        return outcome

    def _give_up(self, name: str, raw: bytes, envelope: Envelope, now: dt.datetime) -> MailOutcome:
        if name in self.mails.files():  # its effect was saved before the process ended
            return MailOutcome(Became.DUPLICATE, "It arrived before.")
        why = f"It could not be processed in {MOST_TRIES} tries. The log has the reason."
        return self._set_aside(name, raw, envelope, why, now)

    def _process(
        self,
        name: str,
        raw: bytes,
        envelope: Envelope,
        now: dt.datetime,
        *,
        awaits_evidence: bool = False,
    ) -> MailOutcome:
        try:
            message = read_message(raw)
        except Unreadable as error:
            return self._set_aside(name, raw, envelope, error.why, now)

        mailbox = self._mailbox(envelope, message)
        lists = mailbox.lists if mailbox else frozenset()
        automatic = automatic_kind(message, envelope, lists=lists)
        evidence = self._evidence(message, raw)
        if evidence.open and awaits_evidence:
            raise _UnverifiedYet
        limits = self._site.limits.of_site(self._site.policy)
        text = mail_text(message, limits)
        self._attachments.put(text.files)  # not while others wait to write

        row = ReceivedMail(
            content=message.content,
            outcome=Became.IGNORED,
            why="",
            received_at=now,
            message_id=message.message_id,
            file=name,
            way=envelope.way,
            mailbox=mailbox.address if mailbox else "",
            sender=message.sender.address if message.sender else "",
            subject=message.subject[:_LONGEST_SUBJECT],
            evidence=evidence.as_facts(),
            folded=text.folded,
            notes=text.left_out,
        )
        with self.mails.database.join():
            earlier = self._earlier(row)
            if earlier is not None:
                return earlier
            arrival = self._arrival(message, mailbox, automatic, evidence, envelope, now)
            plan = decide_mail(arrival)
            return self._carry_out(plan, arrival, text, row, now)

    def _earlier(self, row: ReceivedMail) -> MailOutcome | None:
        """The outcome of a mail that came before: this one has no effect."""
        seen, is_same = self.mails.seen(row.content, row.message_id)
        if seen is None:
            return None
        if is_same or (seen.sender == row.sender and seen.subject == row.subject):
            if not is_same and seen.file != row.file:
                # The same mail, changed on its way, as by a mailing list: kept beside the first.
                self.mails.add(
                    replace(
                        row,
                        outcome=Became.IGNORED,
                        why="It has the Message-ID of an earlier e-mail.",
                        ticket=seen.ticket,
                    )
                )
            why = f"It arrived before, on {seen.received_at:%Y-%m-%d %H:%M} UTC."
            return MailOutcome(Became.DUPLICATE, why, seen.ticket, "", seen.evidence)
        aside = replace(
            row,
            outcome=Became.QUARANTINED,
            why="It has the Message-ID of a different e-mail.",
        )
        self.mails.add(aside)
        return MailOutcome(Became.QUARANTINED, aside.why, evidence=row.evidence)

    def _arrival(
        self,
        message: ParsedMessage,
        mailbox: Mailbox | None,
        automatic: Automatic | None,
        evidence: Evidence,
        envelope: Envelope,
        now: dt.datetime,
    ) -> Arrival:
        sender = message.sender
        writer = None
        if sender is not None:
            writer = Writer(
                sender.address,
                sender.name,
                self._people.by_email(sender.address),
                self._people.by_email(sender.address, guest=True),
            )
        addresses = (*envelope.recipients, *(each.address for each in message.recipients))
        reply_addresses = ReplyAddresses(self._signing_keys())
        tokens = [reply_addresses.verify(each, now=now) for each in dict.fromkeys(addresses)]
        for domain in self._domains():
            texts = reply_tokens_in(" ".join(message.references), domain)
            tokens += [reply_addresses.read(text, now=now) for text in texts]
        found = candidates(
            [token for token in tokens if token is not None],
            message.references,
            message.subject,
            domains=self._domains(),
            received=self.mails.tickets_of(message.references),
        )
        threads = [(candidate, self.mails.thread(candidate.serial)) for candidate in found]
        return Arrival(
            message,
            mailbox,
            automatic,
            evidence,
            writer,
            [(candidate, thread) for candidate, thread in threads if thread is not None],
            self.mails.recent(sender.address, now) if sender else Recent(),
            self._site.own,
        )

    def _domains(self) -> frozenset[str]:
        mailboxes = self._site.policy.mailboxes
        return frozenset(
            {self._site.domain, *(address.rpartition("@")[2] for address in mailboxes)}
        )

    def _mailbox(self, envelope: Envelope, message: ParsedMessage) -> Mailbox | None:
        """The mailbox that a mail was sent to, else the first one; None without any."""
        mailboxes = self._site.policy.mailboxes
        for address in (
            *envelope.recipients,
            *(each.address for each in message.recipients),
            message.header("delivered-to"),
            message.header("x-original-to"),
        ):
            mailbox = mailboxes.get(split_reply_address(address.strip("<> ").lower())[0])
            if mailbox is not None:
                return mailbox
        return next(iter(mailboxes.values()), None)

    def _evidence(self, message: ParsedMessage, raw: bytes) -> Evidence:
        if message.sender is None:
            return Evidence(Verdict.NONE)
        signed_by = self._believed.signed_by
        return judge_sender(
            message.headers,
            message.sender.address,
            authority=self._believed.authority,
            sealers=self._believed.sealers,
            signed_by=(lambda: signed_by(raw)) if signed_by is not None else None,
        )

    # --- for agents

    def original(self, mail: ReceivedMail) -> bytes:
        """The mail as it arrived. Raises NotFound when it was deleted."""
        return self.spool.get(mail.file)[0]

    def text(self, mail: ReceivedMail) -> str:
        """What a mail says, with what it quotes; empty for one that cannot be read."""
        try:
            message = read_message(self.original(mail))
        except Unreadable:
            return ""
        return "\n\n".join(filter(None, (message.reply.text, message.reply.folded)))

    def file_quarantined(self, mail_id: int, agent: Person, *, now: dt.datetime) -> str:
        """Files a ticket for the sender of a quarantined mail, at the level of a guest, without a
        receipt: its number. Raises NotFound, Conflict, Invalid without a sender, and Unavailable.
        """
        mail = self._undecided(mail_id)
        raw, envelope = self.spool.get(mail.file)
        try:
            message = read_message(raw)
        except Unreadable as error:
            raise Invalid(f"No ticket can be filed for this e-mail. {error.why}") from None
        sender, mailbox = message.sender, self._mailbox(envelope, message)
        if sender is None or mailbox is None:
            raise Invalid(f"No ticket can be filed for this e-mail. {mail.why}")
        limits = self._site.limits.of_site(self._site.policy)
        text = mail_text(message, limits, whole=True)
        draft = ticket_draft(message, text, mailbox, self._site.catalogue, limits)
        with self.mails.database.join():
            number = self._desk.filing.file(
                draft,
                self._guest(Writer(sender.address, sender.name), now),
                key=f"mail/{mail.content}",
                channel=MAIL_CHANNEL,
                origin=Origin(vouched=False, tells=False, facts={MAILBOX_FACT: mailbox.address}),
                now=now,
            )
            self.mails.release(mail_id, number, agent.id, now=now)
        return number

    def dismiss(self, mail_id: int, agent: Person, *, now: dt.datetime) -> None:
        """Nothing becomes of a quarantined mail. Raises NotFound, Conflict, Unavailable."""
        self._undecided(mail_id)
        self.mails.settle(mail_id, agent.id, now=now)

    def _undecided(self, mail_id: int) -> ReceivedMail:
        mail = self.mails.get(mail_id)
        if mail.outcome is not Became.QUARANTINED or mail.settled_at is not None:
            raise Conflict("Somebody has already decided about this e-mail.")
        return mail

    # --- what becomes of it

    def _carry_out(
        self, plan: Plan, arrival: Arrival, text: MailBody, row: ReceivedMail, now: dt.datetime
    ) -> MailOutcome:
        number = ids.ticket_number(plan.serial) if plan.serial else ""
        writer, mailbox = arrival.writer, arrival.mailbox
        try:
            if plan.became is Became.TICKET and writer is not None and mailbox is not None:
                number = self._file(plan, arrival, writer, mailbox, row, now)
            elif plan.became is Became.COMMENT and writer is not None and plan.verb is not None:
                plan = self._say(plan, plan.verb, writer, text, row, now)
        except (Unavailable, Misconfigured):
            raise
        except KbError as error:
            plan = replace(plan, became=Became.QUARANTINED, why=f"{plan.why} {error.sentence}")
        if arrival.automatic is Automatic.BOUNCE:
            plan = self._note_failures(plan, arrival.message, now)
        self.mails.add(replace(row, outcome=plan.became, why=plan.why, ticket=number))
        had_effect = plan.became in (Became.TICKET, Became.COMMENT)
        level = self.mails.level_title(number) if had_effect else ""
        return MailOutcome(plan.became, plan.why, number, level, row.evidence)

    def _file(
        self,
        plan: Plan,
        arrival: Arrival,
        writer: Writer,
        mailbox: Mailbox,
        row: ReceivedMail,
        now: dt.datetime,
    ) -> str:
        proven = arrival.evidence.proven
        limits = self._site.limits.of_site(self._site.policy)
        text = mail_text(arrival.message, limits, whole=True)
        copies = self._copies(arrival.message, writer) if proven else ()
        draft = ticket_draft(
            arrival.message, text, mailbox, self._site.catalogue, limits, copy_to=copies
        )
        # A guest is never the account of that address: anybody can write anybody's address.
        customer = writer.account if proven and writer.account else self._guest(writer, now)
        return self._desk.filing.file(
            draft,
            customer,
            key=f"mail/{row.content}",
            channel=MAIL_CHANNEL,
            origin=Origin(
                vouched=proven and self._is_at_home(customer, mailbox, now),
                tells=plan.tells,
                asks_to_confirm=plan.asks_to_confirm,
                facts={MAILBOX_FACT: mailbox.address, PROVEN_FACT: "yes" if proven else ""},
            ),
            now=now,
        )

    def _is_at_home(self, person: Person, mailbox: Mailbox, now: dt.datetime) -> bool:
        """Whether a mailbox that is one organisation's is theirs."""
        if not mailbox.organisation:
            return True
        organisation = self._people.entitlement(person, now).organisation
        return organisation.casefold() == mailbox.organisation.casefold()

    def _copies(self, message: ParsedMessage, writer: Writer) -> Sequence[str]:
        addresses = (each.address for each in message.copies)
        return [
            address
            for address in addresses
            if address != writer.address and split_reply_address(address)[0] not in self._site.own
        ]

    def _say(
        self,
        plan: Plan,
        verb: Verb,
        writer: Writer,
        text: MailBody,
        row: ReceivedMail,
        now: dt.datetime,
    ) -> Plan:
        thread = self.mails.thread(plan.serial or 0)
        person = self._speaker(plan, writer, thread, now) if thread is not None else None
        if thread is None or person is None:
            return replace(
                plan,
                became=Became.QUARANTINED,
                why=f"{plan.why} Its sender has no part in that ticket.",
            )
        body = text.body.strip()
        if verb is Verb.NOTE:
            body = body[len(NOTE_COMMAND) :].strip()
        body = body or "(Only files.)"
        serial = thread.ownership.serial
        if self.mails.says_again(serial, person.id, body, now):
            why = f"{plan.why} It repeats what is already on the ticket."
            return replace(plan, became=Became.IGNORED, why=why)
        command = _command(verb, body, text)
        number = ids.ticket_number(serial)
        self._desk.act(number, person, command, key=f"mail/{row.content}", now=now)
        return plan

    def _speaker(
        self, plan: Plan, writer: Writer, thread: Thread, now: dt.datetime
    ) -> Person | None:
        by_account = plan.part in (Part.AGENT, Part.COLLEAGUE) or not thread.customer_guest
        if plan.part is not Part.COPY and by_account:
            return writer.account
        # Of this one ticket, as somebody who follows the link of its mails.
        return replace(self._guest(writer, now), holds=thread.ownership.serial)

    def _guest(self, writer: Writer, now: dt.datetime) -> Person:
        return self._accounts.guest(writer.address, writer.name, "", now=now)

    def _note_failures(self, plan: Plan, message: ParsedMessage, now: dt.datetime) -> Plan:
        """Addresses that a bounce names: agents and requesters see that mails do not reach them."""
        failures = failed_deliveries(message)
        for failure in failures:
            if failure.permanent:
                why = failure.why or failure.status or "The mail server refused the e-mail."
                self.mails.mark_unreachable(failure.address, failure.status, why, now=now)
                self.mails.mark_undelivered(plan.serial, failure.address, why, now=now)
        named = ", ".join(f"{each.address} {each.status}".strip() for each in failures)
        return replace(plan, why=f"{plan.why} {named}".strip())

    def _set_aside(
        self, name: str, raw: bytes, envelope: Envelope, why: str, now: dt.datetime
    ) -> MailOutcome:
        """Keeps a mail for agents of which nothing is known but its bytes."""
        row = ReceivedMail(
            content=hashlib.blake2b(raw, digest_size=32).hexdigest(),
            outcome=Became.QUARANTINED,
            why=why,
            received_at=now,
            file=name,
            way=envelope.way,
            mailbox=next(iter(envelope.recipients), "")[:_LONGEST_SUBJECT],
        )
        saved = self.mails.add(row)
        if saved.file != name:
            return MailOutcome(Became.DUPLICATE, "It arrived before.")
        return MailOutcome(Became.QUARANTINED, why)


def _command(verb: Verb, body: str, text: MailBody) -> Command:
    if verb is Verb.REOPEN:
        return replace(actions.reopen(body), uploads=text.files)
    if verb is Verb.REPLY:
        return actions.reply(body, text.files)
    if verb is Verb.NOTE:
        return actions.note(body, text.files)
    return actions.comment(body, text.files)
