"""Permissions: who may see a ticket, and who may use which verb on it.

Every access to a ticket is checked here first. Pure: a person, whose ticket it is, a verb. A ticket
that somebody may not see is answered with NotFound, never with Forbidden, so that a stranger cannot
learn which numbers exist. Which side may use a verb is a column of ``lifecycle.VERBS``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from kb.errors import Forbidden, NotFound
from kb.people.person import ContactRole, Person, Role
from kb.tickets.lifecycle import VERBS, Side, Verb


@dataclass(frozen=True, slots=True)
class Ownership:
    """What permissions depend on: the serial of a ticket and whose it is."""

    serial: int
    customer_id: int
    organisation_id: int | None = None
    shared: bool = False  # the organisation's contacts see each other's tickets


def side_of(person: Person, ticket: Ownership) -> Side | None:
    """None for somebody who must not know that the ticket exists.

    A colleague of the same organisation is a stranger too, unless the organisation shares its
    tickets. A guest is recognised by the secret link alone, because anybody can type somebody
    else's address.
    """
    if person.guest:
        return Side.OWNER if person.holds == ticket.serial else None
    if person.is_staff:
        return Side.STAFF
    if person.id == ticket.customer_id:
        return Side.OWNER
    shares = ticket.shared and person.role == Role.CUSTOMER and person.organisation_id is not None
    return Side.COLLEAGUE if shares and person.organisation_id == ticket.organisation_id else None


def may_see(person: Person, ticket: Ownership) -> bool:
    return side_of(person, ticket) is not None


def may_see_internal(person: Person, ticket: Ownership) -> bool:
    """Whether they may read internal notes and the files attached to them."""
    return side_of(person, ticket) is Side.STAFF


def may(person: Person, verb: Verb, ticket: Ownership) -> bool:
    return side_of(person, ticket) in VERBS[verb].sides


def may_file(person: Person) -> bool:
    """Whether the person files tickets: of an organisation's contacts, those for support.

    A contact without any role is one from before there were roles.
    """
    if person.guest or person.role != Role.CUSTOMER or person.organisation_id is None:
        return True
    return not person.contact_roles or ContactRole.SUPPORT in person.contact_roles


def check_file(person: Person) -> None:
    """Raises Forbidden for a contact who is responsible for something else."""
    if not may_file(person):
        raise Forbidden(
            f"Your roles at {person.organisation} do not include Support, so you cannot file "
            "tickets. Ask your organisation's administrator for this role."
        )


def may_work_the_queue(person: Person) -> bool:
    return person.is_staff and not person.guest


def check_see(person: Person, ticket: Ownership) -> None:
    """Raises NotFound for a stranger."""
    if not may_see(person, ticket):
        raise ticket_not_found()


def sees_internal(person: Person, ticket: Ownership) -> bool:
    """As ``may_see_internal``, for a reader. Raises NotFound for a stranger."""
    check_see(person, ticket)
    return may_see_internal(person, ticket)


_WHO: Mapping[Side, str] = MappingProxyType(
    {
        Side.STAFF: "agents",
        Side.OWNER: "the requester",
        Side.COLLEAGUE: "the requester's colleagues",
    }
)


def check_use(person: Person, verb: Verb, ticket: Ownership) -> None:
    """Raises NotFound for a stranger, Forbidden for a person who sees the ticket but may not."""
    check_see(person, ticket)
    if not may(person, verb, ticket):
        who = [words for side, words in _WHO.items() if side in VERBS[verb].sides]
        raise Forbidden(f"Only {' and '.join(who) or 'the portal'} can do this.")


def link_not_found() -> NotFound:
    """The same answer for a link that ended, one that is incomplete and one to no ticket."""
    return NotFound(
        "This link does not open a ticket: it is older than 90 days, was revoked or replaced, or "
        "is incomplete. Each e-mail about the ticket has a newer link. If you have an account, "
        "sign in instead."
    )


def ticket_not_found() -> NotFound:
    """The same answer for a ticket that does not exist and for one that is somebody else's."""
    return NotFound(
        "This ticket does not exist, or it is not yours. Check the number, or sign in with the "
        "account that filed it."
    )


def no_such_ticket(number: str) -> NotFound:
    """For readers who may see every ticket: agents and the operator."""
    return NotFound(f"There is no ticket {number:.40}. Check the number.")
