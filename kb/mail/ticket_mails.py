"""Mails about tickets: what one may tell its recipient, and which mailbox an answer goes to.

What a requester typed goes only to people who are known to belong to the ticket: staff, the account
that filed it, people of its organisation, copies that confirmed, and a guest who filed by a mail
that is known to come from the address. Otherwise anybody could mail anything to anybody by typing
an address into the form. What an agent wrote goes to everybody who is told of it, with the title:
a person has looked at the ticket.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from kb import ids
from kb.mail.mail_links import MailLinks
from kb.mail.mailed_tickets import MailedTicket, MailedTickets
from kb.mail.reply_addresses import NO_PERSON, ReplyAddresses, ReplyToken
from kb.notifications.letter import ArticleLink
from kb.notifications.outbox import ClaimedMessage
from kb.notifications.ticket_content import NO_CONTENT, TicketContent
from kb.sla.policy import ClosedReply, Goal, Mailbox, SlaPolicy, Updates
from kb.tickets.actions.conversation import is_web_address
from kb.tickets.lifecycle import ACTIVE, Status, Verb
from kb.tickets.repository.repository import TicketRepository
from kb.tickets.staff.choices import StaffEvent
from kb.tickets.staff.notifications import event_number

#: Facts of a filing: the mailbox that it came to, and whether its sender is known to be who it
#: says.
MAILBOX_FACT, PROVEN_FACT = "mailbox", "proven"
_RESPONSES = (Goal.FIRST.value, Goal.NEXT.value)


class Suggest(Protocol):
    """Articles that may answer a ticket; ``counts`` is false for a mail that is tried again."""

    def __call__(
        self, mailed: MailedTicket, language: str, *, counts: bool, now: dt.datetime
    ) -> tuple[ArticleLink, ...]: ...


class TicketMails:
    """Reads what a mail may tell. ``base_url`` is that of the portal.

    Without ``suggest``, mails that confirm a ticket have no articles.
    """

    def __init__(
        self,
        tickets: TicketRepository,
        policy: SlaPolicy,
        addresses: ReplyAddresses,
        links: MailLinks,
        base_url: str,
        suggest: Suggest | None = None,
    ) -> None:
        self._mailed = MailedTickets(tickets.database)
        self._policy = policy
        self._addresses = addresses
        self._links = links
        self._base_url = base_url
        self._suggest = suggest

    def content(self, notice: ClaimedMessage, now: dt.datetime) -> TicketContent:
        """Nothing for a notice that is not about a ticket, or about one that is gone."""
        if notice.ticket_id is None:
            return NO_CONTENT
        event_id = int(notice.facts.get("event", "0"))
        mailed = self._mailed.get(notice.ticket_id, event_id, notice.recipient)
        if mailed is None:
            return NO_CONTENT
        is_staff = bool(notice.facts.get("staff"))
        came_to = str(mailed.filed.get(MAILBOX_FACT, ""))
        mailbox = answering_mailbox(self._policy.mailboxes, came_to, mailed.product)
        content = told(mailed, is_staff=is_staff, base_url=self._base_url)
        if "about" in notice.facts:
            number = event_number(StaffEvent(notice.facts["about"]))
            stop = self._links.stop_path(mailed.recipient.id, number, now=now)
            content = replace(content, stop_path=stop)
        if notice.kind == Verb.OPEN.value and mailed.recipient.id == mailed.customer_id:
            language = mailbox.language if mailbox else ""
            content = self._with_suggestions(content, mailed, notice, language, now)
            if notice.facts.get("confirm"):
                path = self._links.confirm_path(mailed.serial, mailed.customer_id, now=now)
                content = replace(content, confirm_path=path)
        if mailbox is None:
            return content
        content = replace(content, language=mailbox.language, updates=mailbox.updates.value)
        if mailbox.updates is Updates.SITE:
            return content

        serial = ids.ticket_serial(notice.facts.get("into", "")) or mailed.serial
        token = ReplyToken(serial, mailed.recipient.id or NO_PERSON)
        reply_to = self._addresses.mint(mailbox.address, token, now=now)
        has_room = reply_to != mailbox.address
        by_mail = content.next_step == "ended" and mailbox.closed is ClosedReply.REOPEN
        return replace(
            content,
            mailbox=mailbox.address,
            reply_to=reply_to,
            reply_token="" if has_room else self._addresses.text(token, now=now),
            next_step="ended-by-mail" if by_mail else content.next_step,
        )

    def _with_suggestions(
        self,
        content: TicketContent,
        mailed: MailedTicket,
        notice: ClaimedMessage,
        language: str,
        now: dt.datetime,
    ) -> TicketContent:
        if self._suggest is None or mailed.status not in ACTIVE:
            return content
        articles = self._suggest(mailed, language, counts=not notice.attempts, now=now)
        if not articles:
            return content
        path = self._links.solved_path(mailed.serial, mailed.customer_id, now=now)
        return replace(content, suggestions=articles, solved_path=path)


def answering_mailbox(
    mailboxes: Mapping[str, Mailbox], came_to: str, product: str
) -> Mailbox | None:
    """The mailbox for answers about a ticket: that which it came to, else that of its product, else
    the first one for all products. None where the site has none that suits.
    """
    if came_to in mailboxes:
        return mailboxes[came_to]
    every = list(mailboxes.values())
    of_product = [mailbox for mailbox in every if product and mailbox.product == product]
    general = [mailbox for mailbox in every if not mailbox.product]
    return next(iter((*of_product, *general)), None)


def told(mailed: MailedTicket, *, is_staff: bool, base_url: str) -> TicketContent:
    """What the mail may say of the ticket, its event, and what happens next."""
    event = mailed.event
    if event is not None and not event.public and not is_staff:
        event = None
    by_agent = event is not None and event.by_agent
    knows = is_staff or _belongs(mailed)
    next_step, due = _next_step(mailed, is_staff=is_staff)
    content = TicketContent(
        title=mailed.title if knows or by_agent else "",
        next_step=next_step,
        due=due,
        target=mailed.target,
        references=mailed.references,
        zone=mailed.recipient.zone,
    )
    is_own_text = event is not None and event.verb is Verb.OPEN and not is_staff
    if event is None or is_own_text or not (knows or by_agent):
        return content
    documents = event.facts.get("documents", "") if event.verb is Verb.LINK else ""
    return replace(
        content,
        author=event.actor,
        body=event.body,
        files=mailed.files,
        articles=tuple(_article(line, base_url) for line in documents.splitlines()),
        by_person=by_agent and not is_staff and bool(event.body or documents),
    )


def _belongs(mailed: MailedTicket) -> bool:
    """Whether the recipient, who is no member of staff, may be mailed what the requester typed."""
    recipient = mailed.recipient
    if recipient.id == mailed.customer_id:
        is_proven = mailed.filed.get(PROVEN_FACT) == "yes" or mailed.sender_confirmed
        return not mailed.customer_guest or is_proven
    is_colleague = recipient.account and recipient.organisation_id is not None
    of_organisation = is_colleague and recipient.organisation_id == mailed.organisation_id
    return of_organisation or recipient.confirmed


def _next_step(mailed: MailedTicket, *, is_staff: bool) -> tuple[str, dt.datetime | None]:
    """A phrase, and the instant in it."""
    if is_staff:
        return ("staff-due" if mailed.due else "", mailed.due)
    match mailed.status:
        case Status.OPEN:
            # Nobody is promised anything but the next response, once there was a first.
            promised = mailed.due if mailed.target in _RESPONSES else None
            return ("due-next" if promised else "open", promised)
        case Status.PENDING:
            return ("pending", None)
        case Status.ON_HOLD:
            return ("on-hold-until" if mailed.remind_at else "on-hold", mailed.remind_at)
        case Status.RESOLVED | Status.CANCELLED:
            return ("ended", None)
        case _:
            return ("", None)


def _article(line: str, base_url: str) -> ArticleLink:
    """From a line of an event: an article's id or the address of another page, and a title."""
    target, _, title = line.partition("\t")
    url = target if is_web_address(target) else f"{base_url}/help/{target}"
    return ArticleLink(title or target, url)
