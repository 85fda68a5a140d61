"""Second factors as rows: authenticator apps, passkeys, recovery codes.

Whatever passes a step also marks the session, under a new token, in the same transaction.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from kb.database import Database
from kb.errors import Conflict, Forbidden, NotFound
from kb.notifications.queue import NewNotice, add_notices
from kb.people.person import Person, Role
from kb.people.repository.accounts import FACTOR_TABLES
from kb.people.repository.people import HAS_SECOND_FACTOR
from kb.people.repository.sessions import (
    AttemptLimit,
    clear_attempts,
    count_attempt,
    end_sessions,
)
from kb.people.second_factor.passkeys import NewPasskey, Passkey
from kb.people.second_factor.steps import SecondStep
from kb.people.tables import AUTHENTICATOR_APPS, PASSKEYS, PEOPLE, RECOVERY_CODES, SESSIONS


@dataclass(frozen=True, slots=True)
class HeldFactors:
    """What a person has: since when an app, the passkeys, how many unused recovery codes."""

    app_since: dt.datetime | None = None
    passkeys: tuple[Passkey, ...] = ()
    recovery_codes: int = 0

    @property
    def count(self) -> int:
        """Of factors; recovery codes only stand in for them."""
        return bool(self.app_since) + len(self.passkeys)


@dataclass(frozen=True, slots=True)
class Renewal:
    """The session that is marked as passed, and the token that it has from then on."""

    token_hash: bytes
    new_token_hash: bytes


class SecondFactorRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, person_id: int) -> HeldFactors:
        app = select(AUTHENTICATOR_APPS.c.created_at).where(
            AUTHENTICATOR_APPS.c.person_id == person_id
        )
        codes = select(func.count()).where(RECOVERY_CODES.c.person_id == person_id)
        with self._database.read() as connection:
            return HeldFactors(
                app_since=connection.execute(app).scalar(),
                passkeys=_passkeys(connection, person_id),
                recovery_codes=connection.execute(codes).scalar_one(),
            )

    def staff_without(self) -> tuple[str, ...]:
        """The addresses of active staff who sign in with a password alone."""
        query = select(PEOPLE.c.email).where(
            PEOPLE.c.active,
            PEOPLE.c.guest.is_(False),
            PEOPLE.c.role != Role.CUSTOMER.value,
            PEOPLE.c.password_hash.is_not(None),
            ~HAS_SECOND_FACTOR,
        )
        with self._database.read() as connection:
            return tuple(connection.execute(query.order_by(PEOPLE.c.email)).scalars())

    # --- signing in

    def begin_attempt(
        self, person: Person, key: bytes, limit: AttemptLimit, *, warn_at: int, now: dt.datetime
    ) -> None:
        """Counts an attempt as failed before the code is verified; success clears it.

        The ``warn_at``-th one warns the person, once a day. Raises TooMany.
        """
        with self._database.write() as connection:
            count = count_attempt(connection, key, key, limit, now)
            if count == warn_at:
                notice = NewNotice("factor-refused", person.email)
                add_notices(connection, None, f"{now:%Y-%m-%d}", [notice], now)

    def app(self, person_id: int) -> tuple[bytes, int] | None:
        """The sealed secret of the person's app and the step of the last code that it gave."""
        query = select(AUTHENTICATOR_APPS.c.secret, AUTHENTICATOR_APPS.c.last_step).where(
            AUTHENTICATOR_APPS.c.person_id == person_id
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return (row.secret, row.last_step) if row else None

    def use_app_code(self, person_id: int, step: int, key: bytes, renewal: Renewal) -> bool:
        """Passes the step; False when a code of this or a later time step was used before."""
        app = AUTHENTICATOR_APPS
        unused = (app.c.person_id == person_id, app.c.last_step < step)
        with self._database.write() as connection:
            if not connection.execute(update(app).where(*unused).values(last_step=step)).rowcount:
                return False
            clear_attempts(connection, (key,))
            _pass_step(connection, person_id, SecondStep.APP, renewal)
            return True

    def use_recovery_code(
        self, person: Person, code_hash: bytes, key: bytes, renewal: Renewal, *, now: dt.datetime
    ) -> bool:
        """Passes the step and notifies the person; False when there is no such unused code."""
        codes = RECOVERY_CODES
        code = (codes.c.person_id == person.id, codes.c.code_hash == code_hash)
        with self._database.write() as connection:
            if not connection.execute(delete(codes).where(*code)).rowcount:
                return False
            clear_attempts(connection, (key,))
            _pass_step(connection, person.id, SecondStep.RECOVERY_CODE, renewal)
            _notify(connection, person, "recovery-used", now)
            return True

    def use_passkey(
        self, passkey: Passkey, person_id: int, sign_count: int, renewal: Renewal, now: dt.datetime
    ) -> bool:
        """Passes the step; False when the passkey was removed or used at the same time."""
        unchanged = (
            PASSKEYS.c.id == passkey.id,
            PASSKEYS.c.person_id == person_id,
            PASSKEYS.c.sign_count == passkey.sign_count,
        )
        values = {"sign_count": sign_count, "used_at": now}
        with self._database.write() as connection:
            if not connection.execute(update(PASSKEYS).where(*unchanged).values(values)).rowcount:
                return False
            _pass_step(connection, person_id, SecondStep.PASSKEY, renewal)
            return True

    # --- setting up, removing

    def add_app(
        self,
        person: Person,
        sealed: bytes,
        step: int,
        codes: Iterable[bytes],
        renewal: Renewal,
        *,
        now: dt.datetime,
    ) -> bool:
        """Replaces an earlier app; whether the recovery ``codes`` were stored, as the first."""
        values = {
            "person_id": person.id,
            "secret": sealed,
            "last_step": step,
            "created_at": now,
        }
        with self._database.write() as connection:
            earlier = AUTHENTICATOR_APPS.c.person_id == person.id
            connection.execute(delete(AUTHENTICATOR_APPS).where(earlier))
            connection.execute(insert(AUTHENTICATOR_APPS).values(values))
            _pass_step(connection, person.id, SecondStep.APP, renewal)
            _notify(connection, person, "factor-added", now)
            return _add_first_codes(connection, person.id, codes)

    def add_passkey(
        self,
        person: Person,
        passkey: NewPasskey,
        name: str,
        codes: Iterable[bytes],
        renewal: Renewal,
        *,
        now: dt.datetime,
    ) -> bool:
        """As ``add_app``. Raises Conflict when the passkey is registered already."""
        values = {
            "person_id": person.id,
            "credential_id": passkey.credential_id,
            "credential": passkey.credential,
            "sign_count": passkey.sign_count,
            "name": name,
            "created_at": now,
        }
        with self._database.write() as connection:
            try:
                connection.execute(insert(PASSKEYS).values(values))
            except IntegrityError:
                raise Conflict("This passkey is already registered.") from None
            _pass_step(connection, person.id, SecondStep.PASSKEY, renewal)
            _notify(connection, person, "factor-added", now)
            return _add_first_codes(connection, person.id, codes)

    def remove(
        self, person: Person, passkey_id: int | None, *, keep_one: bool, now: dt.datetime
    ) -> None:
        """Removes one passkey, or the app without ``passkey_id``.

        With the last factor the recovery codes go, too. Raises NotFound, and Conflict for the last
        one with ``keep_one``.
        """
        table = AUTHENTICATOR_APPS if passkey_id is None else PASSKEYS
        factor = table.c.person_id == person.id
        if passkey_id is not None:
            factor &= PASSKEYS.c.id == passkey_id
        with self._database.write() as connection:
            if not connection.execute(delete(table).where(factor)).rowcount:
                raise NotFound(
                    "This second factor does not exist; it may already have been removed."
                )
            if not _has_factor(connection, person.id):
                if keep_one:  # and the transaction is rolled back
                    raise Conflict("You need at least one second factor. Add another one first.")
                _delete_codes(connection, person.id)
            _notify(connection, person, "factor-removed", now)

    def renew_codes(self, person: Person, codes: Iterable[bytes], *, now: dt.datetime) -> None:
        """Replaces all recovery codes. Raises NotFound without a factor that they stand in for."""
        with self._database.write() as connection:
            if not _has_factor(connection, person.id):
                raise NotFound("Set up an authenticator app or a passkey first.")
            _delete_codes(connection, person.id)
            _add_first_codes(connection, person.id, codes)
            _notify(connection, person, "recovery-renewed", now)

    def reset(self, person: Person, *, now: dt.datetime) -> None:
        """Removes all that the person has, and ends all sessions."""
        with self._database.write() as connection:
            for table in FACTOR_TABLES:
                connection.execute(delete(table).where(table.c.person_id == person.id))
            end_sessions(connection, person.id)
            _notify(connection, person, "factor-reset", now)

    # --- encryption at rest

    def sealed_secrets(self) -> tuple[tuple[int, bytes], ...]:
        """The sealed secret of every app, by person."""
        query = select(AUTHENTICATOR_APPS.c.person_id, AUTHENTICATOR_APPS.c.secret)
        with self._database.read() as connection:
            return tuple((row.person_id, row.secret) for row in connection.execute(query))

    def replace_secrets(self, secrets: Sequence[tuple[int, bytes, bytes]]) -> None:
        """Of (person, old, new), each that is still the old one."""
        app = AUTHENTICATOR_APPS
        with self._database.write() as connection:
            for person_id, old, new in secrets:
                same = (app.c.person_id == person_id, app.c.secret == old)
                connection.execute(update(app).where(*same).values(secret=new))


def _passkeys(connection: Connection, person_id: int) -> tuple[Passkey, ...]:
    query = select(PASSKEYS).where(PASSKEYS.c.person_id == person_id).order_by(PASSKEYS.c.id)
    return tuple(
        Passkey(
            id=row.id,
            name=row.name,
            credential_id=row.credential_id,
            credential=row.credential,
            sign_count=row.sign_count,
            created=row.created_at,
            used=row.used_at,
        )
        for row in connection.execute(query)
    )


def _has_factor(connection: Connection, person_id: int) -> bool:
    query = select(HAS_SECOND_FACTOR).where(PEOPLE.c.id == person_id)
    return bool(connection.execute(query).scalar())


def _pass_step(connection: Connection, person_id: int, step: SecondStep, renewal: Renewal) -> None:
    this = (SESSIONS.c.token_hash == renewal.token_hash, SESSIONS.c.person_id == person_id)
    values = {"token_hash": renewal.new_token_hash, "second_step": step.value}
    if not connection.execute(update(SESSIONS).where(*this).values(values)).rowcount:
        raise Forbidden("Your session has ended. Sign in again.")


def _add_first_codes(connection: Connection, person_id: int, codes: Iterable[bytes]) -> bool:
    of_person = RECOVERY_CODES.c.person_id == person_id
    if connection.execute(select(func.count()).where(of_person)).scalar():
        return False
    rows = [{"person_id": person_id, "code_hash": code_hash} for code_hash in codes]
    connection.execute(insert(RECOVERY_CODES), rows)
    return True


def _delete_codes(connection: Connection, person_id: int) -> None:
    connection.execute(delete(RECOVERY_CODES).where(RECOVERY_CODES.c.person_id == person_id))


def _notify(connection: Connection, person: Person, kind: str, now: dt.datetime) -> None:
    add_notices(connection, None, f"{now.timestamp()}", [NewNotice(kind, person.email)], now)
