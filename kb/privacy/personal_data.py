"""Personal data: what an administrator does about one person, from the address to the empty pages.

``export`` and ``erasure`` work on rows; here stand the transactions, the files and the audit log.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import IO, Any

from sqlalchemy import Connection, select

from kb.database import Database
from kb.errors import Invalid, NotFound, Unavailable
from kb.mail.spool import Spool
from kb.operations.audit import Action, AuditEntry, AuditLog, add_entry
from kb.people.administration import Administration
from kb.people.person import Person, email_address, invalid_email
from kb.people.tables import PEOPLE
from kb.privacy.erasure import Erasure, erase_rows, erase_texts
from kb.privacy.export import attached_files, held_about, section_sizes
from kb.privacy.inventory import DataSubject
from kb.privacy.merging import merge_rows
from kb.tickets.attachments.files import Attachments


@dataclass(frozen=True, slots=True)
class PersonalData:
    """``keys`` are the signing keys, the present one first: only their holder can tell which
    address an audit entry means. ``mails`` are the received mails, where there are any.
    """

    database: Database
    attachments: Attachments
    keys: tuple[str, ...]
    mails: Spool | None = None

    def held(self, email: str, *, now: dt.datetime) -> dict[str, Any]:
        """The export as a document. Raises Invalid, and NotFound when nothing is held."""
        address = _address(email)
        with self.database.read() as connection:
            document = held_about(connection, _subject(connection, address), now)
        if not section_sizes(document):
            raise self._nothing_held(address)
        return document

    def export(self, email: str, entry: AuditEntry) -> dict[str, Any]:
        """As ``held``, with an entry in the audit log: ``entry`` says who exports and when."""
        document = self.held(email, now=entry.at)
        AuditLog(self.database).add(
            self._completed(entry, Action.PERSON_EXPORTED, document["address"], _ids(document))
        )
        return document

    def write_zip(self, document: Mapping[str, Any], stream: IO[bytes]) -> None:
        """The document as ``person.json``, and the attachments at the paths that it names."""
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("person.json", json.dumps(document, indent=2, ensure_ascii=False))
            for name, key in attached_files(document).items():
                with self.attachments.held(key) as path:
                    if path is not None:
                        archive.write(path, name)

    def erase(self, email: str, entry: AuditEntry) -> Erasure:
        """Erases the person; ``entry`` says who asked for it and when.

        Afterwards no file of the data folder has the address or the person's words. Raises
        Invalid, NotFound when nothing is held, Conflict for the last administrator, Unavailable.
        """
        address = _address(email)
        if self._erased_at(address) is not None:
            self._purge()  # perhaps the last time was cut short
        self.held(address, now=entry.at)
        with self.database.write() as connection:
            erasure = erase_rows(connection, _subject(connection, address), entry.at)
            done = self._completed(entry, Action.PERSON_ERASED, address, erasure.people)
            add_entry(
                connection, replace(done, facts={**done.facts, "tickets": str(erasure.tickets)})
            )
        self._erase_files(erasure)
        self._purge()
        return erasure

    def merge(self, email: str, into: str, entry: AuditEntry) -> Person:
        """Makes one account of two, and returns it; ``entry`` says who did it and when.

        Raises NotFound for an address without an account, Conflict for accounts that cannot be
        merged.
        """
        administration = Administration(self.database)
        source, target = administration.account(email), administration.account(into)
        with self.database.write() as connection:
            merge_rows(connection, source, target, entry.at)
            facts = {**entry.facts, "into": f"person:{target.id}"}
            done = replace(
                entry, action=Action.ACCOUNT_MERGED, target=f"person:{source.id}", facts=facts
            )
            add_entry(connection, done)
        return administration.account(into)

    def erase_texts(self, serials: Sequence[int], now: dt.datetime) -> None:
        """Erases the texts and attachments of closed tickets. Raises Unavailable."""
        with self.database.write() as connection:
            erasure = erase_texts(connection, serials, now)
        self._erase_files(erasure)

    def _erase_files(self, erasure: Erasure) -> None:
        self.attachments.erase(erasure.files, erasure.uploads)
        if self.mails is not None:
            self.mails.erase(erasure.mails)

    def _purge(self) -> None:
        try:
            self.database.purge()
        except Unavailable as error:
            raise Unavailable(
                "The person is erased, but the database is too busy to overwrite what was deleted. "
                "Erase the same address again to complete it.",
                retry_after=60,
            ) from error

    def _completed(
        self, entry: AuditEntry, action: Action, address: str, people: tuple[int, ...]
    ) -> AuditEntry:
        target = f"person:{people[0]}" if people else ""
        facts = {**entry.facts, "digest": self._digests(address)[0]}
        return replace(entry, action=action, target=target, facts=facts)

    def _digests(self, address: str) -> list[str]:
        message = f"person {address}".encode()
        return [
            hmac.new(key.encode(), message, hashlib.sha256).hexdigest()[:32] for key in self.keys
        ]

    def _nothing_held(self, address: str) -> NotFound:
        erased_at = self._erased_at(address)
        if erased_at is None:
            return NotFound(f"Nothing is stored about {address}.")
        erased_on = f"{erased_at:%Y-%m-%d}"
        return NotFound(f"Nothing is stored about {address}. It was erased on {erased_on}.")

    def _erased_at(self, address: str) -> dt.datetime | None:
        return AuditLog(self.database).last(Action.PERSON_ERASED, digests=self._digests(address))


def _address(email: str) -> str:
    address = email_address(email)
    if address is None:
        raise Invalid(invalid_email(email), field="email")
    return address


def _subject(connection: Connection, address: str) -> DataSubject:
    """Its account, the guest of that address, and the accounts that became parts of it."""
    query = select(PEOPLE.c.id).where(PEOPLE.c.email == address).order_by(PEOPLE.c.guest)
    people = list(connection.execute(query).scalars())
    for person_id in people:  # grows: an account may have become a part of one of these
        parts = select(PEOPLE.c.id).where(PEOPLE.c.merged_into == person_id)
        people += [part for part in connection.execute(parts).scalars() if part not in people]
    return DataSubject(address, tuple(people))


def _ids(document: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(account["id"] for account in document.get("accounts", ()))
