"""Who may see a ticket, and who may do what to it?

The one choke point: every verb of the desk asks here first. Pure: a person, the few facts of a ticket, a verb. What
may not be seen is answered with NotFound, never with Forbidden, so that a stranger cannot learn which numbers exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from kb.errors import Forbidden, NotFound
from kb.tickets.person import Person
from kb.tickets.ticket import Verb


@dataclass(frozen=True, slots=True)
class Ownership:
    """What access needs to know of a ticket: its serial and whose it is."""

    serial: int
    customer_id: int
    organisation_id: int | None = None


STAFF, OWNER = "staff", "owner"

#: Which sides may do what. What is not here nobody may.
ALLOWED: Mapping[Verb, frozenset[str]] = MappingProxyType(
    {
        Verb.REPLY: frozenset({STAFF}),
        Verb.COMMENT: frozenset({OWNER}),
        Verb.NOTE: frozenset({STAFF}),
        Verb.ASSIGN: frozenset({STAFF}),
        Verb.SOLVE: frozenset({STAFF, OWNER}),
        Verb.CANCEL: frozenset({STAFF, OWNER}),
        Verb.REOPEN: frozenset({STAFF, OWNER}),
    }
)


def side(person: Person, ticket: Ownership) -> str | None:
    """``staff``, ``owner``, or None for somebody who must not know that the ticket exists.

    Accounts are independent (capability B33): a colleague of the same organisation is a stranger too. A guest is
    known by the secret link alone, because anybody can type somebody else's address.
    """
    if person.guest:
        return OWNER if person.holds == ticket.serial else None
    if person.is_staff:
        return STAFF
    return OWNER if person.id == ticket.customer_id else None


def may_see(person: Person, ticket: Ownership) -> bool:
    return side(person, ticket) is not None


def may_see_internal(person: Person, ticket: Ownership) -> bool:
    """Whether internal notes, and files on them, are theirs to read."""
    return side(person, ticket) == STAFF


def may(person: Person, verb: Verb, ticket: Ownership) -> bool:
    return side(person, ticket) in ALLOWED.get(verb, frozenset())


def may_work_the_queue(person: Person) -> bool:
    return person.is_staff and not person.guest


def check_see(person: Person, ticket: Ownership) -> None:
    """Raises NotFound for a stranger."""
    if not may_see(person, ticket):
        raise absent()


def check(person: Person, verb: Verb, ticket: Ownership) -> None:
    """Raises NotFound for a stranger, Forbidden for somebody who sees the ticket but may not do that to it."""
    check_see(person, ticket)
    if not may(person, verb, ticket):
        raise Forbidden(f"You are signed in as {person.name}, who may not do this: the ticket cannot be {verb} by you.")


def absent() -> NotFound:
    """The same words for a ticket that is not there and for one that is not yours."""
    return NotFound("There is no such ticket, or it is not yours; look at the number, or sign in with the account.")
