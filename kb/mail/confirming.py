"""Confirming: the sender of a mail that could not be verified confirms it, from the receipt.

The receipt goes to the address that the mail named as its sender, so that only the owner of that
address can follow its link. The ticket then gets the level that the address gives, as if from the
start, and belongs to the account of the address if there is one.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from kb import ids
from kb.mail.mail_links import MailLinks
from kb.mail.repository import MailRepository, ReceivedMail
from kb.people.person import Person, Role
from kb.sla.policy import UNVERIFIED, SlaPolicy, VerifiedRequester
from kb.tickets import actions
from kb.tickets.desk import Desk
from kb.tickets.permissions import link_not_found
from kb.tickets.repository.repository import TicketRepository


@dataclass(frozen=True, slots=True)
class UnprovenTicket:
    """``title`` says what was sent; ``confirmed``: its sender has said so before."""

    number: str
    address: str
    title: str
    confirmed: bool


class ConfirmByLink:
    """Behind a link of ``MailLinks``, which needs no account."""

    def __init__(
        self,
        links: MailLinks,
        tickets: TicketRepository,
        mails: MailRepository,
        desk: Desk,
        policy: SlaPolicy,
    ) -> None:
        self._links = links
        self._tickets = tickets
        self._mails = mails
        self._desk = desk
        self._policy = policy

    def ticket(self, token: str, *, now: dt.datetime) -> UnprovenTicket:
        """Raises NotFound."""
        serial, guest_id = self._links.confirm(token, now=now)
        guest = self._tickets.people.by_id(guest_id)
        filed = self._mails.filed_by(serial)
        if guest is None or filed is None or filed.sender != guest.email:
            raise link_not_found()
        return UnprovenTicket(
            ids.ticket_number(serial), guest.email, filed.subject, filed.confirmed_at is not None
        )

    def confirm(self, token: str, *, now: dt.datetime) -> UnprovenTicket:
        """Raises NotFound, Conflict for a closed ticket, Unavailable."""
        ticket = self.ticket(token, now=now)
        if ticket.confirmed:
            return ticket
        serial, guest_id = self._links.confirm(token, now=now)
        people = self._tickets.people
        guest, account = people.by_id(guest_id), people.by_email(ticket.address)
        if guest is None:
            raise link_not_found()
        person = account if account is not None and account.role is Role.CUSTOMER else guest
        command = actions.confirm(
            self._requester(self._mails.filed_by(serial), person, now),
            since=people.customer_since(person),
        )
        with self._mails.database.join():
            holder = replace(guest, guest=True, holds=serial)
            self._desk.act(ticket.number, holder, command, key="confirm", now=now)
            if person is not guest:
                self._tickets.give(serial, guest_id, person)
            self._mails.confirm(serial, now=now)
        return replace(ticket, confirmed=True)

    def _requester(
        self, filed: ReceivedMail | None, person: Person, now: dt.datetime
    ) -> VerifiedRequester:
        """What the address entitles to: nothing at a mailbox that is another organisation's."""
        entitlement = self._tickets.people.entitlement(person, now)
        mailbox = self._policy.mailboxes.get(filed.mailbox) if filed else None
        organisation = entitlement.organisation
        only = mailbox.organisation if mailbox else ""
        if only and only.casefold() != organisation.casefold():
            return UNVERIFIED
        return VerifiedRequester(
            person.email, entitlement.category, entitlement.licence, organisation
        )
