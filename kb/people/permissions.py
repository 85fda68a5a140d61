"""Who may manage an organisation and its contacts.

What a person may do to a ticket is decided in ``kb.tickets.permissions``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from kb.errors import NotFound
from kb.people.person import ContactRole, Person, Role


def may_manage(person: Person, organisation_id: int | None) -> bool:
    """Whether the person is the organisation's own administrator, or one of the help centre."""
    if person.guest:
        return False
    if person.role == Role.ADMIN:
        return True

    is_own = organisation_id is not None and person.organisation_id == organisation_id
    return is_own and ContactRole.ADMINISTRATOR in person.contact_roles


def check_manage(person: Person, organisation_id: int | None, role: str = Role.CUSTOMER) -> None:
    """Raises NotFound: a stranger must not learn which organisations and contacts exist.

    ``role`` is that of the contact: whoever works for the help centre is no customer's to manage.
    """
    is_ours = role != Role.CUSTOMER and person.role != Role.ADMIN
    if is_ours or not may_manage(person, organisation_id):
        raise contact_not_found()


class LicenceView(StrEnum):
    """One of the tables of an organisation's licences."""

    PURCHASES = "purchases"  # order numbers and days
    LICENCES = "licences"
    TRIALS = "trials"


#: What a contact sees of the organisation's licences, by role.
LICENCE_VIEWS: Mapping[ContactRole, frozenset[LicenceView]] = MappingProxyType(
    {
        ContactRole.ADMINISTRATOR: frozenset({LicenceView.PURCHASES, LicenceView.LICENCES}),
        ContactRole.BILLING: frozenset({LicenceView.PURCHASES, LicenceView.LICENCES}),
        ContactRole.LICENCE: frozenset({LicenceView.LICENCES, LicenceView.TRIALS}),
        ContactRole.SUPPORT: frozenset(),
    }
)


def licence_views(person: Person, organisation_id: int | None) -> frozenset[LicenceView]:
    """What the person may see of the organisation's licences; nothing of another organisation's."""
    if person.role == Role.ADMIN and not person.guest:
        return frozenset(LicenceView)
    if person.guest or organisation_id is None or person.organisation_id != organisation_id:
        return frozenset()
    views = (LICENCE_VIEWS[ContactRole(role)] for role in person.contact_roles)
    return frozenset[LicenceView]().union(*views)


def contact_not_found() -> NotFound:
    """The same words for what does not exist and what the person may not manage."""
    return NotFound("Organisation or contact not found, or you are not its administrator.")
