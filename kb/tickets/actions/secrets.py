"""Secrets that a ticket needs, such as a licence key or a password for a remote session.

They are encrypted before they are saved, shown once to each assignee, and wiped when the ticket is
no longer active. Without a key in the settings none are taken.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from kb import ids
from kb.errors import Conflict, Forbidden, NotFound, Unavailable
from kb.people.person import Person
from kb.people.second_factor.secret_cipher import SecretCipher
from kb.sla.policy import SlaPolicy
from kb.tickets.changeset import SealedSecret
from kb.tickets.permissions import no_such_ticket
from kb.tickets.repository.repository import TicketRepository
from kb.tickets.ticket import Draft


class FieldSecrets:
    """``keys`` are those of KB_FIELD_KEY: the one in use, and then earlier ones."""

    def __init__(self, repository: TicketRepository, keys: Sequence[str]) -> None:
        self._repository = repository
        self._sealer = SecretCipher(lambda: keys)
        self.available = bool(keys)

    def seal(self, draft: Draft, policy: SlaPolicy) -> Mapping[str, SealedSecret]:
        return {
            key: SealedSecret(policy.fields[key].title, self._sealer.seal(_purpose(key), secret))
            for key, secret in ((key, text.encode()) for key, text in draft.secrets.items())
        }

    def reveal(self, number: str, field: str, person: Person, *, now: dt.datetime) -> str:
        """The secret, once for each assignee, who is remembered.

        Raises NotFound, Forbidden for anybody but the assignee, Conflict for a secret that the
        assignee has seen or that is wiped, and Unavailable when its key is gone.
        """
        serial = ids.ticket_serial(number)
        if serial is None or not person.is_staff:
            raise no_such_ticket(number)
        if self._repository.facts(serial).assignee_email != person.email:
            raise Forbidden("Only the assignee sees the secrets. Assign the ticket to yourself.")

        stored = self._repository.secrets.stored(serial, field)
        if stored is None:
            raise NotFound(f"{number} has no such secret.")
        if stored.wiped:
            raise Conflict("The secret was deleted when the ticket ended.")
        if stored.shown_to == person.id:
            raise Conflict("You have already seen this secret. It is shown only once.")
        try:
            secret = self._sealer.open(_purpose(field), stored.sealed)
        except Unavailable:
            raise Unavailable("The key of this secret is no longer in KB_FIELD_KEY.") from None
        self._repository.secrets.mark_shown(serial, field, person.id, now)
        return secret.decode()


def _purpose(field: str) -> str:
    return f"field:{field}"
