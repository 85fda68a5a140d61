"""Who may manage an organisation and its contacts.

What a person may do to a ticket is decided in ``kb.tickets.permissions``.
"""

from __future__ import annotations

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


def contact_not_found() -> NotFound:
    """The same words for what does not exist and what the person may not manage."""
    return NotFound("Organisation or contact not found, or you are not its administrator.")
