"""The person: role, organisation, category and audience, on which every permission is based.

Pure values. Signing in is in ``accounts``; what a person may do to a ticket is decided in
``kb.tickets.permissions``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from kb.errors import Invalid
from kb.text import has_visible_text, single_line


class Role(StrEnum):
    CUSTOMER = "customer"
    AGENT = "agent"  # answers tickets
    EDITOR = "editor"  # writes articles, sees no ticket
    ADMIN = "admin"


class ContactRole(StrEnum):
    """What a contact of a customer is responsible for; one contact may have several roles."""

    ADMINISTRATOR = "administrator"  # manages the organisation's other contacts
    SUPPORT = "support"
    BILLING = "billing"
    LICENCE = "licence"


@dataclass(frozen=True, slots=True)
class Person:
    """An account, or an address that filed without an account (``guest``).

    ``category`` is the customer category of the policies ("commercial"), of the person or the
    organisation. ``audience`` names the documents that the person may read. ``zone`` is an IANA
    name, for displaying times. ``holds`` is the serial of the one ticket that a guest's secret link
    opened; a guest without it may see no ticket at all. ``demo`` marks a person of a demo portal,
    whose password is public. ``phone`` and ``location`` are the organisation's unless the person
    has others.
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
    demo: bool = False
    phone: str = ""
    location: str = ""

    @property
    def is_staff(self) -> bool:
        """Whether the person works on tickets: agents and administrators."""
        return self.role in (Role.AGENT, Role.ADMIN)


def default_audience(role: Role | str) -> str:
    """The documents that the people of a role read, unless an account says otherwise."""
    return "customers" if role == Role.CUSTOMER else "staff"


#: Commands act as the operator: whoever has access to the files may do everything.
OPERATOR = Person(0, "", "operator", Role.ADMIN)

_MAX_PROFILE_LENGTH = 200  # characters of a name, location or phone number
INVALID_NAME = "Enter a name of 1 to 200 characters."
_EMAIL = re.compile(
    r"[^\s@<>()\[\],:;\\\"\x00-\x20\x7f\ud800-\udfff]{1,64}"
    r"@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_][\w-]{1,62}"
)


def email_address(text: str) -> str | None:
    """The address in lower case, None for anything that is not a bare address in one line.

    >>> email_address(" Alice@Example.com ")
    'alice@example.com'
    """
    address = text.strip().lower()
    return address if len(address) <= 254 and _EMAIL.fullmatch(address) else None


def invalid_email(text: str) -> str:
    """The message for a text that is not an address."""
    return f"{text.strip()!r:.80} is not a valid e-mail address. Example: alice@example.com."


def is_valid_name(name: str) -> bool:
    name = single_line(name)
    return has_visible_text(name) and len(name) <= 200


def account_key(email: str) -> str:
    """The same for all spellings of an address, by case or +tag: they share one limit.

    >>> account_key("Alice+spam@Example.com")
    'alice@example.com'
    """
    name, _, domain = email.strip().lower().rpartition("@")
    return f"{name.split('+')[0]}@{domain}"


def profile_values(name: str, location: str, phone: str) -> dict[str, str]:
    """What a person or their administrator may change, in one line each. Raises Invalid."""
    values = {
        "name": single_line(name),
        "location": single_line(location),
        "phone": single_line(phone),
    }
    mistakes = {
        field: f"Keep it to {_MAX_PROFILE_LENGTH} characters."
        for field, value in values.items()
        if len(value) > _MAX_PROFILE_LENGTH
    }
    if not is_valid_name(name):
        mistakes["name"] = INVALID_NAME
    if mistakes:
        raise Invalid(" ".join(mistakes.values()), fields=mistakes)
    return values
