"""Guest links: the secret address with which a guest reads and answers one ticket.

A link is shown once, when it is made; only the hash of its secret is stored. It expires, and each
e-mail about the ticket contains a new one.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from dataclasses import replace

from kb import ids
from kb.people.person import Person
from kb.tickets.actions.idempotency import filing_key
from kb.tickets.permissions import link_not_found, ticket_not_found
from kb.tickets.repository.repository import TicketRepository

GUEST_LINK_LIFETIME = dt.timedelta(days=90)


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
        return self.create(serial, guest.id, now=now)

    def create(self, serial: int, guest_id: int, *, now: dt.datetime) -> str:
        """A new secret for one ticket."""
        secret = secrets.token_urlsafe(32)
        self._repository.add_guest_link(
            serial, guest_id, _digest(secret), now=now, until=now + GUEST_LINK_LIFETIME
        )
        return secret

    def holder(self, number: str, secret: str, *, now: dt.datetime) -> Person:
        """The guest behind a link, who may see and answer this one ticket. Raises NotFound."""
        link = self._repository.guest_link(_digest(secret), now=now) if secret else None
        if link is None or link[0] != ids.ticket_serial(number):
            raise link_not_found()
        serial, person_id = link
        person = self._repository.people.by_id(person_id)
        if person is None:
            raise link_not_found()
        return replace(person, guest=True, holds=serial)


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
