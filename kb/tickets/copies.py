"""Copies: what somebody who is copied on a ticket has chosen about its mails.

Nobody is mailed about a guest's ticket, because anybody can type anybody's address, before they
confirm it by a link. Every copy has a link to stop. A link changes nothing by being opened: mail
servers open links to scan them.
"""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass
from enum import StrEnum

from kb import ids
from kb.errors import Invalid, NotFound
from kb.tickets.repository.repository import TicketRepository


class CopyChoice(StrEnum):
    """The values are stored, per address and ticket."""

    CONFIRMED = "confirmed"
    LEFT = "left"  # no more mails about this ticket
    REFUSED = "refused"  # no copies of any ticket


@dataclass(frozen=True, slots=True)
class Copy:
    """``choice`` is empty for an address that was only asked. ``requester`` is an address."""

    number: str
    address: str
    requester: str
    guest: bool  # the requester has no account
    choice: str


class Copies:
    """The links of copies; which mails they lead to is in ``kb.tickets.recipients``."""

    def __init__(self, repository: TicketRepository) -> None:
        self._store = repository.copies

    def token(self, serial: int, address: str, *, now: dt.datetime) -> str:
        """The secret of the address for this ticket, the same in every mail."""
        return self._store.token(serial, address, secrets.token_urlsafe(32), now=now)

    def get(self, token: str) -> Copy:
        """Raises NotFound."""
        row = self._store.by_token(token)
        if row is None:
            raise NotFound("This link is incomplete. Open it as it is in the e-mail.")
        number = ids.ticket_number(row.ticket_id)
        return Copy(number, row.address, row.requester, row.guest, row.choice)

    def choose(self, token: str, choice: str, *, now: dt.datetime) -> Copy:
        """Records the choice; what waits to be sent is withdrawn. Raises NotFound, Invalid."""
        self.get(token)
        if choice not in tuple(CopyChoice):
            raise Invalid("Choose whether you want to receive these mails.", field="choice")
        self._store.choose(token, choice, now=now)
        return self.get(token)
