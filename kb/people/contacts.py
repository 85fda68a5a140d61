"""The contacts of an organisation, and who may manage them.

The organisation's own administrator, or one of the help centre, lists, invites, changes,
deactivates and reactivates contacts. To everybody else the organisation does not exist: NotFound.
Passwords are in ``accounts``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from kb.database import Database
from kb.errors import Conflict, Invalid, NotFound
from kb.people.account_links import LINK_LIFETIMES, mail_limit
from kb.people.licences import licence_entries
from kb.people.permissions import check_manage, contact_not_found, may_manage
from kb.people.person import (
    INVALID_NAME,
    ContactRole,
    Person,
    account_key,
    email_address,
    invalid_email,
)
from kb.people.repository.contacts import Contact, ContactRepository, Invitation, Organisation
from kb.text import single_line

__all__ = ["Contact", "Contacts", "Invitation", "Organisation"]

_MAX_LENGTH = 200  # characters of a name, location or phone number
_OWN_FIELDS = frozenset({"location", "phone"})
_CONTRACT_FIELDS = frozenset(
    {"category", "shared_view", "licence_addresses", "contract_from", "contract_until"}
)


class Contacts:
    """Every method raises NotFound for an organisation or a contact that ``manager`` may not
    manage.
    """

    def __init__(self, database: Database) -> None:
        self._repository = ContactRepository(database)

    # --- organisations

    def organisation(self, manager: Person, organisation_id: int | None = None) -> Organisation:
        """The manager's own organisation, or any for an administrator of the help centre."""
        organisation = self._repository.organisation(_managed(manager, organisation_id))
        if organisation is None:
            raise contact_not_found()
        return organisation

    def named(self, admin: Person, name: str) -> Organisation:
        """The organisation with this name."""
        organisation_id = self._repository.organisation_id(name)
        if organisation_id is None:
            raise NotFound(
                f"Organisation {name!r:.80} not found. kb accounts list shows all accounts and "
                f"their organisations."
            )
        return self.organisation(admin, organisation_id)

    def set_organisation(self, manager: Person, organisation_id: int, **values: Any) -> None:
        """Sets location and phone; what belongs to the contract only for staff. Raises Invalid."""
        managed_id = _managed(manager, organisation_id)
        fields = _OWN_FIELDS | _CONTRACT_FIELDS if manager.is_staff else _OWN_FIELDS
        refused = sorted(set(values) - fields)
        if refused:
            raise Invalid(
                f"{', '.join(refused)} cannot be set here. Give {', '.join(sorted(fields))}.",
                field=refused[0],
            )

        if "licence_addresses" in values:
            values["licence_addresses"] = licence_entries(values["licence_addresses"])
        self._repository.update_organisation(managed_id, values)

    # --- contacts

    def all(
        self, manager: Person, organisation_id: int | None = None, *, active: bool | None = None
    ) -> tuple[Contact, ...]:
        """The organisation's contacts by name; ``active`` selects the active or inactive ones."""
        contacts = self._repository.of_organisation(manager, _managed(manager, organisation_id))
        return tuple(contact for contact in contacts if active in (None, contact.active))

    def by_email(self, admin: Person, email: str) -> Contact:
        """The account of an address, active or not."""
        contact = self._repository.by_email(admin, email_address(email))
        if contact is None:
            raise NotFound(
                f"Account {email!r:.80} not found. kb accounts list shows all active accounts."
            )
        return contact

    def invite(
        self,
        manager: Person,
        email: str,
        name: str,
        *,
        roles: Sequence[str] = (ContactRole.SUPPORT,),
        location: str = "",
        phone: str = "",
        organisation_id: int | None = None,
        now: dt.datetime,
    ) -> Invitation:
        """Asks an address by mail to become a contact; nothing of the person exists before.

        Nobody learns here whether an address has an account. Raises Invalid, Conflict for a contact
        of the same organisation, TooMany.
        """
        managed_id = _managed(manager, organisation_id)
        address = email_address(email)
        if address is None:
            raise Invalid(invalid_email(email), field="email")
        values = _check_profile(name, location, phone)
        limits = (
            mail_limit(f"organisation {managed_id}", 20, "your organisation"),
            mail_limit(account_key(address), 3, "this address"),
            mail_limit("everybody", 200, "this portal"),
        )
        new_roles, until = _check_roles(roles), now + LINK_LIFETIMES["invite"]
        return self._repository.invite(
            managed_id, address, values, new_roles, limits, now=now, until=until
        )

    def invitations(
        self, manager: Person, organisation_id: int | None = None, *, now: dt.datetime
    ) -> tuple[Invitation, ...]:
        """The invitations that nobody has accepted yet."""
        return self._repository.invitations(_managed(manager, organisation_id), now=now)

    def withdraw(self, manager: Person, invitation_id: int) -> None:
        """Withdraws an invitation: its link opens nothing from now on."""
        self._repository.withdraw(manager, invitation_id)

    def change(
        self,
        manager: Person,
        contact_id: int,
        *,
        name: str,
        roles: Sequence[str],
        location: str = "",
        phone: str = "",
    ) -> Contact:
        """Raises Invalid, and Conflict when managers would remove their own administrator role."""
        values, new_roles = _check_profile(name, location, phone), _check_roles(roles)
        if contact_id == manager.id and ContactRole.ADMINISTRATOR not in new_roles:
            check_manage(manager, manager.organisation_id)
            raise Conflict(
                "You cannot remove your own administrator role. Ask another administrator.",
                field="roles",
            )
        return self._repository.change(manager, contact_id, values, new_roles)

    def set_roles(self, manager: Person, contact_id: int, roles: Sequence[str]) -> None:
        """Raises Invalid."""
        self._repository.set_roles(manager, contact_id, _check_roles(roles))

    def deactivate(self, manager: Person, contact_id: int, *, now: dt.datetime) -> None:
        """Signs the contact out everywhere; the tickets stay. Raises Conflict for oneself."""
        if contact_id == manager.id:
            raise Conflict("You cannot deactivate your own account. Ask another administrator.")
        self._repository.deactivate(manager, contact_id, now=now)

    def reactivate(self, manager: Person, contact_id: int) -> None:
        """Raises Forbidden for an organisation when the help centre deactivated the contact."""
        self._repository.reactivate(manager, contact_id)


def _managed(manager: Person, organisation_id: int | None) -> int:
    managed_id = manager.organisation_id if organisation_id is None else organisation_id
    if managed_id is None or not may_manage(manager, managed_id):
        raise contact_not_found()
    return managed_id


def _check_roles(roles: Sequence[str]) -> list[str]:
    unknown = [role for role in roles if role not in tuple(ContactRole)]
    if unknown:
        raise Invalid(
            f"{unknown[0]!r:.40} is not a valid contact role. Give one of "
            f"{', '.join(ContactRole)}.",
            field="roles",
        )
    return sorted({str(role) for role in roles})


def _check_profile(name: str, location: str, phone: str) -> dict[str, str]:
    values = {
        "name": single_line(name),
        "location": single_line(location),
        "phone": single_line(phone),
    }
    mistakes = {
        field: f"Keep it to {_MAX_LENGTH} characters."
        for field, value in values.items()
        if len(value) > _MAX_LENGTH
    }
    if not values["name"]:
        mistakes["name"] = INVALID_NAME
    if mistakes:
        raise Invalid(" ".join(mistakes.values()), fields=mistakes)
    return values
