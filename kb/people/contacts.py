"""The contacts of an organisation, and who may manage them.

The organisation's own administrator, or one of the help centre, lists, invites, changes,
deactivates and reactivates contacts. To everybody else the organisation does not exist: NotFound.
Passwords are in ``accounts``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kb.database import Database
from kb.errors import Conflict, Invalid, NotFound
from kb.people.account_links import LINK_LIFETIMES, mail_limit
from kb.people.licences import licence_entries
from kb.people.permissions import (
    LicenceView,
    check_manage,
    contact_not_found,
    licence_views,
    may_manage,
)
from kb.people.person import (
    INVALID_NAME,
    ContactRole,
    Person,
    Role,
    account_key,
    email_address,
    invalid_email,
    is_valid_name,
    profile_values,
)
from kb.people.repository.contacts import (
    Contact,
    ContactRepository,
    Invitation,
    Licence,
    LicenceKind,
    Organisation,
)
from kb.text import single_line

__all__ = [
    "Contact",
    "Contacts",
    "Invitation",
    "Licence",
    "LicenceKind",
    "Licences",
    "Organisation",
]

_MAX_LENGTH = 200  # characters of a number or a product
_TOO_LONG = f"Keep it to {_MAX_LENGTH} characters."
_OWN_FIELDS = frozenset({"location", "phone"})
_CONTRACT_FIELDS = frozenset(
    {"category", "shared_view", "licence_addresses", "contract_from", "contract_until"}
)


@dataclass(frozen=True, slots=True)
class Licences:
    """What a contact sees; ``views`` are the tables, of which one may be empty."""

    organisation: Organisation
    views: frozenset[LicenceView]
    purchases: tuple[Licence, ...]
    licences: tuple[Licence, ...]
    trials: tuple[Licence, ...]


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

    def organisations(self, admin: Person) -> tuple[Organisation, ...]:
        """All of them by name, for administrators of the help centre."""
        _check_operator(admin)
        return self._repository.all_organisations()

    def add_organisation(self, admin: Person, name: str, *, now: dt.datetime) -> Organisation:
        """A new organisation, or the one that has this name. Raises Invalid."""
        _check_operator(admin)
        if not is_valid_name(name):
            raise Invalid(INVALID_NAME, field="name")
        organisation_id = self._repository.add_organisation(single_line(name), now)
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

    # --- licences

    def licences(self, viewer: Person, organisation_id: int | None = None) -> Licences:
        """What the viewer's contact roles show. Raises NotFound for whoever sees nothing."""
        own_id = viewer.organisation_id if organisation_id is None else organisation_id
        views = licence_views(viewer, own_id)
        organisation = self._repository.organisation(own_id or 0) if views else None
        if organisation is None:
            raise contact_not_found()
        rows = self._repository.licences(organisation.id)
        bought = tuple(row for row in rows if row.kind is LicenceKind.LICENCE)
        trials = tuple(row for row in rows if row.kind is LicenceKind.TRIAL)
        return Licences(
            organisation,
            views,
            purchases=bought if LicenceView.PURCHASES in views else (),
            licences=bought if LicenceView.LICENCES in views else (),
            trials=trials if LicenceView.TRIALS in views else (),
        )

    def set_licence(
        self,
        admin: Person,
        organisation_id: int,
        number: str,
        *,
        kind: LicenceKind | str = LicenceKind.LICENCE,
        product: str = "",
        order_number: str = "",
        bought_at: dt.datetime | None = None,
        valid_from: dt.datetime | None = None,
        valid_until: dt.datetime | None = None,
    ) -> None:
        """Adds a licence, or replaces the one with this number. For the help centre only.

        ``valid_until`` is the first instant after it. Raises Invalid by field.
        """
        _check_operator(admin)
        texts = {
            "number": single_line(number),
            "product": single_line(product),
            "order_number": single_line(order_number),
        }
        faults = {name: _TOO_LONG for name, text in texts.items() if len(text) > _MAX_LENGTH}
        if not texts["number"]:
            faults["number"] = "Enter the number of the licence."
        if kind not in tuple(LicenceKind):
            faults["kind"] = f"Unknown kind. Available: {', '.join(LicenceKind)}."
        if valid_from and valid_until and valid_until <= valid_from:
            faults["valid_until"] = "The licence ends before it begins."
        if faults:
            raise Invalid(" ".join(faults.values()), fields=faults)
        days = {"bought_at": bought_at, "valid_from": valid_from, "valid_until": valid_until}
        self._repository.set_licence(organisation_id, {**texts, **days, "kind": str(kind)})

    def remove_licence(self, admin: Person, organisation_id: int, number: str) -> None:
        """Raises NotFound when the organisation has no such licence."""
        _check_operator(admin)
        if not self._repository.remove_licence(organisation_id, single_line(number)):
            raise NotFound(f"The organisation has no licence {number!r:.80}.")

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
        values = profile_values(name, location, phone)
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
        values, new_roles = profile_values(name, location, phone), _check_roles(roles)
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


def _check_operator(admin: Person) -> None:
    if admin.role != Role.ADMIN or admin.guest:
        raise contact_not_found()


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
