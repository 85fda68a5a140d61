"""Scopes: what an API key may open, as a table. Pure.

A key of a person sees what that person sees and no more, narrowed by its scopes. A key without a
person sees what is public, and what the scopes that need no person say. Which scope an address of
the API needs is a column of ``webapp.security.access_policy``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from kb.errors import Invalid
from kb.people.person import Person, Role
from kb.search.documents import AUDIENCES, PUBLIC


class Scope(StrEnum):
    """The values are stored, and part of the API."""

    CONTENT_READ = "content:read"
    CONTENT_CUSTOMERS = "content:customers"
    CONTENT_PARTNERS = "content:partners"
    CONTENT_STAFF = "content:staff"
    FEEDBACK_WRITE = "feedback:write"
    TICKETS_READ = "tickets:read"
    TICKETS_WRITE = "tickets:write"
    TICKETS_FILE = "tickets:file"
    DESK_READ = "desk:read"
    PEOPLE_READ = "people:read"
    INDEX_READ = "index:read"
    INDEX_WRITE = "index:write"


@dataclass(frozen=True, slots=True)
class ScopeRow:
    """``opens`` completes "This key may …". ``stands_in`` is the role with which a key without a
    person reads; None if the scope needs a person. ``audience`` is what such a key may read besides
    the public.
    """

    opens: str
    stands_in: Role | None = None
    audience: str = ""


SCOPES: Mapping[Scope, ScopeRow] = MappingProxyType(
    {
        Scope.CONTENT_READ: ScopeRow(
            "search and read articles, sections and known problems", Role.CUSTOMER
        ),
        Scope.CONTENT_CUSTOMERS: ScopeRow(
            "read articles for customers, too", Role.CUSTOMER, "customers"
        ),
        Scope.CONTENT_PARTNERS: ScopeRow(
            "read articles for customers and partners, too", Role.CUSTOMER, "partners"
        ),
        Scope.CONTENT_STAFF: ScopeRow(
            "read all articles but those of named groups", Role.CUSTOMER, "staff"
        ),
        Scope.FEEDBACK_WRITE: ScopeRow("vote on articles and record visits", Role.CUSTOMER),
        Scope.TICKETS_READ: ScopeRow("read the tickets that the person may see"),
        Scope.TICKETS_WRITE: ScopeRow("file tickets and act on them as the person"),
        Scope.TICKETS_FILE: ScopeRow("file tickets for people without an account", Role.CUSTOMER),
        Scope.DESK_READ: ScopeRow("read the queue and all tickets with their notes", Role.AGENT),
        Scope.PEOPLE_READ: ScopeRow("read organisations and their contacts", Role.ADMIN),
        Scope.INDEX_READ: ScopeRow("read generations and index runs", Role.EDITOR),
        Scope.INDEX_WRITE: ScopeRow("start index runs"),
    }
)


def checked_scopes(names: Collection[str], person: Person | None) -> frozenset[Scope]:
    """Raises Invalid for none, an unknown one, or one that does not go with the key's person."""
    unknown = [name for name in names if name not in tuple(Scope)]
    if unknown or not names:
        what = f"Unknown scope {unknown[0]!r:.40}" if unknown else "Choose at least one scope"
        raise Invalid(f"{what}. Available: {', '.join(Scope)}.", field="scope")

    scopes = frozenset(map(Scope, names))
    personal = sorted(scope for scope in scopes if SCOPES[scope].stands_in is None)
    if person is None and personal:
        raise Invalid(
            f"{personal[0]} needs a person: the program acts in that person's name.", field="person"
        )
    widened = sorted(scope for scope in scopes if SCOPES[scope].audience)
    if person is not None and widened:
        raise Invalid(
            f"{widened[0]} is for keys without a person. This key reads what {person.email} reads.",
            field="scope",
        )
    return scopes


def audience_of_scopes(scopes: Collection[Scope]) -> str:
    """The widest audience that the scopes of a key without a person name."""
    named = [SCOPES[scope].audience for scope in scopes if SCOPES[scope].audience]
    return max((PUBLIC, *named), key=AUDIENCES.index)
