"""Who may manage an organisation and its contacts.

What a person may do to a ticket is decided in ``kb.tickets.permissions``.
"""

from __future__ import annotations

from kb.people.person import ContactRole, Person, Role


def may_manage(person: Person, organisation_id: int | None) -> bool:
    """Whether the person is the organisation's own administrator, or one of the help centre."""
    if person.guest:
        return False
    if person.role == Role.ADMIN:
        return True

    is_own = organisation_id is not None and person.organisation_id == organisation_id
    return is_own and ContactRole.ADMINISTRATOR in person.contact_roles
