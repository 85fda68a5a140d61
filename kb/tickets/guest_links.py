"""Guest links: the secret address with which a guest reads and answers one ticket.

A link is shown once, when it is made; only the hash of its secret is stored. Each e-mail about
the ticket contains a new one; a few work at a time. They end after a while, when somebody revokes
them, and with a ticket that was spam, filed twice, or merged.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
from dataclasses import replace

from kb import ids
from kb.errors import Unavailable
from kb.people.credentials import digest
from kb.people.person import Person
from kb.tickets.actions.idempotency import filing_key
from kb.tickets.permissions import link_not_found, ticket_not_found
from kb.tickets.repository.repository import TicketRepository

GUEST_LINK_LIFETIME = dt.timedelta(days=90)
#: Links of one guest to one ticket: a browser or two, and the newest mails.
MAX_LIVE_LINKS = 5


class GuestLinks:
    def __init__(self, repository: TicketRepository) -> None:
        self._repository = repository

    def for_new_ticket(self, number: str, guest: Person, *, key: str, now: dt.datetime) -> str:
        """A secret for whoever has just filed the ticket with this key. Raises NotFound.

        Call it after ``Desk.file`` only, which refuses everybody who does not know the whole text
        of the ticket.
        """
        serial = ids.ticket_serial(number)
        filed = self._repository.filed_by_key(filing_key(guest, key))
        if serial is None or filed is None or filed[0] != serial:
            raise ticket_not_found()
        secret = self.create(serial, guest.id, now=now)
        if not secret:
            raise link_not_found()
        return secret

    def create(self, serial: int, guest_id: int, *, now: dt.datetime) -> str:
        """A new secret for one ticket, "" for one that no link opens any longer."""
        secret = secrets.token_urlsafe(32)
        added = self._repository.guest_links.add(
            serial,
            guest_id,
            digest(secret),
            now=now,
            until=now + GUEST_LINK_LIFETIME,
            keep=MAX_LIVE_LINKS,
        )
        return secret if added else ""

    def open(self, number: str, secret: str, *, now: dt.datetime) -> Person:
        """As ``holder``, for the link of a mail: one that is in use outlives those that are not."""
        person = self.holder(number, secret, now=now)
        with contextlib.suppress(Unavailable):  # reading goes on when nothing can be written
            self._repository.guest_links.mark_opened(digest(secret), now=now)
        return person

    def live(self, number: str, *, now: dt.datetime) -> int:
        """How many links open the ticket."""
        return self._repository.guest_links.count(ids.ticket_serial(number) or 0, now=now)

    def renew(self, number: str, guest: Person, *, now: dt.datetime) -> str:
        """The secret of a new link for a guest who has revoked all of them; "" for others."""
        serial = ids.ticket_serial(number)
        if serial is None or not guest.guest or guest.holds != serial:
            return ""
        return self.create(serial, guest.id, now=now)

    def holder(self, number: str, secret: str, *, now: dt.datetime) -> Person:
        """The guest behind a link, who may see and answer this one ticket. Raises NotFound."""
        link = self._repository.guest_links.get(digest(secret), now=now) if secret else None
        if link is None or link[0] != ids.ticket_serial(number):
            raise link_not_found()
        serial, person_id = link
        person = self._repository.people.by_id(person_id)
        if person is None:
            raise link_not_found()
        return replace(person, guest=True, holds=serial)
