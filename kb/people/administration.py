"""What only the operator can change: the address and the role of an account, and its removal.

A person's own changes are in ``accounts``, those of an organisation's administrator in
``contacts``.
"""

from __future__ import annotations

import datetime as dt

from kb.database import Database
from kb.errors import Invalid, NotFound
from kb.people.person import (
    INVALID_NAME,
    Person,
    Role,
    default_audience,
    email_address,
    invalid_email,
    is_valid_name,
)
from kb.people.repository.accounts import Account, AccountRepository
from kb.text import single_line

_MAX_SEARCH = 200  # characters

__all__ = ["Account", "Administration"]


class Administration:
    def __init__(self, database: Database) -> None:
        self._accounts = AccountRepository(database)

    def account(self, email: str) -> Person:
        """The account of an address, active or not. Raises NotFound."""
        person = self._accounts.account(email_address(email) or "")
        if person is None:
            raise NotFound(f"No account exists for {email!r:.80}.")
        return person

    def demo_people(self) -> tuple[Person, ...]:
        """Every demo person who could sign in on a demo portal."""
        return self._accounts.demo()

    def remove(self, person: Person) -> bool:
        """Removes an account; False when tickets still name the person, without the address.

        The address is free for another account at once.
        """
        return self._accounts.remove(person)

    def has_administrator(self) -> bool:
        """Whether somebody can administer this portal; demo accounts do not count."""
        return bool(self._accounts.administrators())

    def rename(self, person: Person, *, name: str = "", email: str = "") -> Person:
        """Sets another name, another address, or both. Raises Invalid, Conflict."""
        new_email = email_address(email) if email else person.email
        if new_email is None:
            raise Invalid(invalid_email(email), field="email")
        if name and not is_valid_name(name):
            raise Invalid(INVALID_NAME, field="name")
        self._accounts.rename(person, name=single_line(name) or person.name, email=new_email)
        return self.account(new_email)

    def search(self, words: str, *, limit: int = 50) -> tuple[Account, ...]:
        """Accounts by name, address, phone and organisation; without words the first ones."""
        return self._accounts.search(words[:_MAX_SEARCH], limit)

    def by_id(self, person_id: int) -> Account:
        """An account, active or not. Raises NotFound."""
        account = self._accounts.account_by_id(person_id)
        if account is None:
            raise NotFound("There is no such account. It may have been merged or removed.")
        return account

    def move(self, person: Person, organisation: str, *, now: dt.datetime) -> Person:
        """Puts an account into an organisation, or with "" out of any. Tickets stay where they were
        filed, and the contact roles of the former organisation end.

        Raises Invalid for a name that is not valid and for people who are not customers.
        """
        name = single_line(organisation)
        if name and not is_valid_name(name):
            raise Invalid(INVALID_NAME, field="organisation")
        if name and person.role is not Role.CUSTOMER:
            raise Invalid(
                f"{person.email} works for the help centre. Make the account a customer first.",
                field="organisation",
            )
        self._accounts.move(person.id, name, now)
        return self.account(person.email)

    def set_role(self, person: Person, role: Role | str, audience: str | None = None) -> Person:
        """Another role, which counts from the next request on, with the documents of that role.

        Raises Invalid for a role that does not exist.
        """
        if role not in tuple(Role):
            raise Invalid(
                f"Unknown role {str(role)!r:.40}. Available: {', '.join(Role)}.",
                field="role",
            )
        new_role = Role(role)
        self._accounts.set_role(person.id, new_role, audience or default_audience(new_role))
        return self.account(person.email)
