"""Who may see a ticket, and who may do what to it?

The one choke point: every verb of the desk asks here first. Pure: a person, the few facts of a
ticket, a verb. What may not be seen is answered with NotFound, never with Forbidden, so that a
stranger cannot learn which numbers exist.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from kb.errors import Forbidden, NotFound
from kb.people.person import Person, Role
from kb.tickets.ticket import Verb


@dataclass(frozen=True, slots=True)
class Ownership:
    """What access needs to know of a ticket: its serial and whose it is."""

    serial: int
    customer_id: int
    organisation_id: int | None = None
    shared: bool = False  # the organisation's contacts see each other's tickets (B34)


STAFF, OWNER, COLLEAGUE = "staff", "owner", "colleague"
_STAFF, _OWNER, _BOTH = frozenset({STAFF}), frozenset({OWNER}), frozenset({STAFF, OWNER})

#: Which sides may do what. What is not here nobody may.
ALLOWED: Mapping[Verb, frozenset[str]] = MappingProxyType(
    {
        Verb.REPLY: _STAFF,
        Verb.LINK: _STAFF,
        Verb.COMMENT: frozenset({OWNER, COLLEAGUE}),
        Verb.NOTE: _STAFF,
        Verb.ASSIGN: _STAFF,
        Verb.COPY: _BOTH,
        Verb.AWAIT: _STAFF,
        Verb.PAUSE: _STAFF,
        Verb.RESUME: _STAFF,
        Verb.DISMISS: _STAFF,
        Verb.MOVE: _STAFF,
        Verb.PROPOSE: _STAFF,
        Verb.AGREE: _OWNER,
        Verb.DECLINE: _OWNER,
        Verb.ESCALATE: _OWNER,
        Verb.SOLVE: _BOTH,
        Verb.CANCEL: _BOTH,
        Verb.REOPEN: _BOTH,
        Verb.RATE: _OWNER,
        Verb.MERGE: _STAFF,
        Verb.ABSORB: _STAFF,
        Verb.SPLIT: _STAFF,
        Verb.VOID: _STAFF,
    }
)


def side(person: Person, ticket: Ownership) -> str | None:
    """``staff``, ``owner``, ``colleague``, or None for somebody who must not know that the ticket
    exists.

    Accounts are independent (capability B33): a colleague of the same organisation is a stranger
    too, unless the organisation shares its view. A guest is known by the secret link alone, because
    anybody can type somebody else's address.
    """
    if person.guest:
        return OWNER if person.holds == ticket.serial else None
    if person.is_staff:
        return STAFF
    if person.id == ticket.customer_id:
        return OWNER
    shares = ticket.shared and person.role == Role.CUSTOMER and person.organisation_id is not None
    return COLLEAGUE if shares and person.organisation_id == ticket.organisation_id else None


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
    """Raises NotFound for a stranger, Forbidden for somebody who sees the ticket but may not do
    that to it.
    """
    check_see(person, ticket)
    if not may(person, verb, ticket):
        raise Forbidden(
            f"You are signed in as {person.name}, who may not do this: the ticket cannot be "
            f"{verb} by you."
        )


def outdated() -> NotFound:
    """The same words for a link that has run out, one that was cut off, and one of a ticket that is
    not there.
    """
    return NotFound(
        "This link opens nothing: it is older than 90 days, or not complete. Each mail about the "
        "ticket holds a newer "
        "one; with an account, sign in."
    )


def absent() -> NotFound:
    """The same words for a ticket that is not there and for one that is not yours."""
    return NotFound(
        "There is no such ticket, or it is not yours; look at the number, or sign in with the "
        "account."
    )
