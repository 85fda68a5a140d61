"""Sessions, sign-in attempts and passwords as rows."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from kb.database import Database
from kb.errors import TooMany
from kb.notifications.queue import NewNotice, add_notices
from kb.people.credentials import digest
from kb.people.person import account_key
from kb.people.tables import PEOPLE, SESSIONS, SIGN_IN_ATTEMPTS

#: The longest window of any limit: older attempts are deleted.
ATTEMPTS_KEPT = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AttemptLimit:
    """How many sign-ins may fail within ``window``.

    From one network to one account (``per_client``), and to one account from everywhere, each
    further one waits twice as long as the one before, at most ``longest_delay``. From one network
    to whichever account, there are no further ones.
    """

    per_client: int
    per_account: int
    per_network: int
    window: dt.timedelta
    longest_delay: dt.timedelta


#: Attempts are counted before another one is allowed.
_ATTEMPTS = "sign-in attempts"


@dataclass(frozen=True, slots=True)
class Session:
    """One place where a person is signed in. ``id`` can end the session but opens nothing."""

    id: str
    since: dt.datetime
    until: dt.datetime
    client: str
    this: bool


class SessionRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    def begin_attempt(
        self,
        email: str,
        *,
        account: bytes,
        network: bytes,
        limit: AttemptLimit,
        demo: bool,
        now: dt.datetime,
    ) -> tuple[int, str] | None:
        """The account's id and password hash, None when there is no such account.

        Without ``demo``, a demo person has none.

        The attempt counts as failed before the password is verified, so that many at once cannot
        evade the limit; ``begin`` clears it. Raises TooMany.
        """
        with self._database.write(_ATTEMPTS) as connection:
            count_attempt(connection, account, network, limit, now)
            row = connection.execute(
                select(PEOPLE.c.id, PEOPLE.c.password_hash, PEOPLE.c.demo).where(
                    PEOPLE.c.email == email,
                    PEOPLE.c.guest.is_(False),
                    PEOPLE.c.active,
                    PEOPLE.c.password_hash.is_not(None),
                )
            ).first()
            if row is None or (row.demo and not demo):
                return None
            return row.id, row.password_hash

    def begin(
        self,
        person_id: int,
        *,
        token_hash: bytes,
        attempts: Sequence[bytes],
        now: dt.datetime,
        until: dt.datetime,
        password_hash: str | None = None,
        client: str = "",
        second_step: str = "",
    ) -> None:
        """Starts a session and clears the failed ``attempts`` of these accounts.

        ``password_hash`` replaces one that was made with other costs.
        """
        with self._database.write(_ATTEMPTS) as connection:
            clear_attempts(connection, attempts)
            connection.execute(delete(SESSIONS).where(SESSIONS.c.expires_at <= now))
            connection.execute(
                insert(SESSIONS).values(
                    token_hash=token_hash,
                    person_id=person_id,
                    created_at=now,
                    expires_at=until,
                    client=client,
                    second_step=second_step,
                )
            )
            if password_hash is not None:
                this_person = update(PEOPLE).where(PEOPLE.c.id == person_id)
                connection.execute(this_person.values(password_hash=password_hash))

    def forgive(self, account: bytes) -> None:
        """Clears the failed attempts of an account, since one has succeeded."""
        with self._database.write(_ATTEMPTS) as connection:
            clear_attempts(connection, (account,))

    def all(
        self, person_id: int, present_token_hash: bytes, *, passed_only: bool, now: dt.datetime
    ) -> tuple[Session, ...]:
        """The person's open sessions, newest first; perhaps only those with a second step."""
        query = (
            select(SESSIONS)
            .where(SESSIONS.c.person_id == person_id, SESSIONS.c.expires_at > now)
            .order_by(SESSIONS.c.created_at.desc())
        )
        if passed_only:
            query = query.where(SESSIONS.c.second_step != "")
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return tuple(
            Session(
                _session_id(row.token_hash),
                row.created_at,
                row.expires_at,
                row.client,
                row.token_hash == present_token_hash,
            )
            for row in rows
        )

    def end(self, token_hash: bytes) -> None:
        with self._database.write_beside() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.token_hash == token_hash))

    def end_of_person(self, person_id: int, session_id: str) -> bool:
        """Ends the person's session with this id; whether there was one."""
        with self._database.write() as connection:
            hashes = connection.execute(
                select(SESSIONS.c.token_hash).where(SESSIONS.c.person_id == person_id)
            ).scalars()
            ended = [token_hash for token_hash in hashes if _session_id(token_hash) == session_id]
            connection.execute(delete(SESSIONS).where(SESSIONS.c.token_hash.in_(ended)))
            return bool(ended)

    def end_all(self, person_id: int, *, but: bytes) -> int:
        """Ends the person's sessions but one; returns how many."""
        with self._database.write() as connection:
            return end_sessions(connection, person_id, but)

    def set_password(
        self, person_id: int, password_hash: str, *, but: bytes, now: dt.datetime
    ) -> None:
        """Ends every session ``but`` one, clears failed attempts, and notifies the person."""
        with self._database.write() as connection:
            save_password(connection, person_id, password_hash, but=but, now=now)


def save_password(
    connection: Connection, person_id: int, password_hash: str, *, but: bytes, now: dt.datetime
) -> None:
    """``SessionRepository.set_password`` in the caller's transaction."""
    this_person = PEOPLE.c.id == person_id
    person = connection.execute(
        select(PEOPLE.c.password_hash.is_(None).label("is_first"), PEOPLE.c.email).where(
            this_person
        )
    ).one()

    connection.execute(update(PEOPLE).where(this_person).values(password_hash=password_hash))
    end_sessions(connection, person_id, but)
    account = digest(account_key(person.email))
    clear_attempts(connection, (account,))

    if not person.is_first:  # nobody is surprised by the first password of a new account
        notice = NewNotice("changed", person.email)
        add_notices(connection, None, f"{now.timestamp()}", [notice], now)


def count_attempt(
    connection: Connection, account: bytes, network: bytes, limit: AttemptLimit, now: dt.datetime
) -> int:
    """Counts one attempt as failed; how many that makes for the account. Raises TooMany."""
    connection.execute(delete(SIGN_IN_ATTEMPTS).where(SIGN_IN_ATTEMPTS.c.at <= now - ATTEMPTS_KEPT))
    is_recent = SIGN_IN_ATTEMPTS.c.at > now - limit.window
    of_account = (SIGN_IN_ATTEMPTS.c.account == account) & is_recent
    of_network = (SIGN_IN_ATTEMPTS.c.address == network) & is_recent
    _check_network(connection, of_network, limit, now)
    _check_delay(connection, of_account & of_network, limit.per_client, limit, now)
    earlier = _check_delay(connection, of_account, limit.per_account, limit, now)
    connection.execute(insert(SIGN_IN_ATTEMPTS).values(account=account, address=network, at=now))
    return earlier + 1


def clear_attempts(connection: Connection, accounts: Sequence[bytes]) -> None:
    connection.execute(delete(SIGN_IN_ATTEMPTS).where(SIGN_IN_ATTEMPTS.c.account.in_(accounts)))


def _session_id(token_hash: bytes) -> str:
    return hashlib.sha256(b"session " + token_hash).hexdigest()[:16]


def end_sessions(connection: Connection, person_id: int, but: bytes = b"") -> int:
    """Ends the person's sessions but one, in the caller's transaction; how many."""
    others = (SESSIONS.c.person_id == person_id, SESSIONS.c.token_hash != but)
    return connection.execute(delete(SESSIONS).where(*others)).rowcount


def _check_network(
    connection: Connection, condition: ColumnElement[bool], limit: AttemptLimit, now: dt.datetime
) -> None:
    count, oldest = connection.execute(
        select(func.count(), func.min(SIGN_IN_ATTEMPTS.c.at)).where(condition)
    ).one()
    if count >= limit.per_network:
        raise _too_many(oldest + limit.window - now)


def _check_delay(
    connection: Connection,
    condition: ColumnElement[bool],
    free: int,
    limit: AttemptLimit,
    now: dt.datetime,
) -> int:
    """How many attempts there are. Raises TooMany while the next one has to wait."""
    count, last = connection.execute(
        select(func.count(), func.max(SIGN_IN_ATTEMPTS.c.at)).where(condition)
    ).one()
    if count >= free:
        delay = min(dt.timedelta(seconds=2 ** min(count - free, 30)), limit.longest_delay)
        if last + delay > now:
            raise _too_many(last + delay - now)
    return int(count)


def _too_many(wait: dt.timedelta) -> TooMany:
    seconds = max(1, math.ceil(wait.total_seconds()))
    how_long = f"{-(-seconds // 60)} minutes"
    if seconds <= 90:
        how_long = "1 second" if seconds == 1 else f"{seconds} seconds"
    return TooMany(f"Too many failed sign-ins. Try again in {how_long}.", retry_after=seconds)
