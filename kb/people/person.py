"""Who is a person to the help centre?

The value that every check is made on: role, company, category, audience. Pure; signing in and
keeping people is the business of ``kb.people.accounts``, what a person may do to a ticket is
decided in ``kb.tickets.permissions``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    CUSTOMER = "customer"
    AGENT = "agent"  # answers tickets
    EDITOR = "editor"  # writes articles, sees no ticket
    ADMIN = "admin"


class ContactRole(StrEnum):
    """What a customer's contact looks after; one may have several (B36)."""

    ADMINISTRATOR = "administrator"  # the organisation's other contacts
    SUPPORT = "support"
    BILLING = "billing"
    LICENCE = "licence"


@dataclass(frozen=True, slots=True)
class Person:
    """One account, or one address that filed without an account (``guest``).

    ``category`` is the customer category that the policy knows ("commercial"), from the person or
    the organisation. ``audience`` names the documents they may see. ``zone`` is an IANA name, for
    showing times. ``holds`` is the serial of the one ticket that a guest's secret link opened; a
    guest without it may see no ticket at all.
    """

    id: int
    email: str
    name: str
    role: Role
    organisation_id: int | None = None
    organisation: str = ""
    category: str = ""
    audience: str = "public"
    zone: str = "UTC"
    guest: bool = False
    holds: int | None = None
    contact_roles: tuple[str, ...] = ()

    @property
    def is_staff(self) -> bool:
        """Whether they work on tickets: agents and administrators."""
        return self.role in (Role.AGENT, Role.ADMIN)


#: Whoever has the files may do everything.
OPERATOR = Person(0, "", "operator", Role.ADMIN)

_EMAIL = re.compile(
    r"[^\s@<>()\[\],:;\\\"\x00-\x20\x7f\ud800-\udfff]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_][\w-]{1,62}"
)


def email_address(words: str) -> str | None:
    """The address in lower case, None when it is none; never with blanks, line breaks or a display
    name.

    >>> email_address(" Alice@Example.com ")
    'alice@example.com'
    """
    address = words.strip().lower()
    return address if len(address) <= 254 and _EMAIL.fullmatch(address) else None


def account_key(email: str) -> str:
    """Case and +tag variants of an address share one limit.

    >>> account_key("Alice+spam@Example.com")
    'alice@example.com'
    """
    name, _, domain = email.strip().lower().rpartition("@")
    return f"{name.split('+')[0]}@{domain}"
