"""The second factor of staff: set it up, sign in with it, remove it.

Each way to pass the second step returns a new token for the session, since the old one has opened
less. Which step a session needs is decided in ``second_factor.steps``; the ceremonies are in the
modules beside it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from kb.database import Database
from kb.errors import Forbidden, Invalid
from kb.people.credentials import digest, new_secret
from kb.people.person import Person
from kb.people.repository.second_factors import HeldFactors, Renewal, SecondFactorRepository
from kb.people.repository.sessions import AttemptLimit
from kb.people.second_factor.passkeys import (
    RelyingParty,
    challenge_for,
    registration_options,
    request_options,
    verify_assertion,
    verify_registration,
)
from kb.people.second_factor.recovery_codes import new_recovery_codes, recovery_hash
from kb.people.second_factor.secret_cipher import SecretCipher
from kb.people.second_factor.steps import FactorRule
from kb.people.second_factor.totp import matching_step, new_app_secret
from kb.text import has_visible_text, single_line

__all__ = ["CODE_LIMIT", "Enrolment", "HeldFactors", "SecondFactors"]

#: Whoever may try codes knows the password. Of a million codes, three are right at a time: at most
#: fifty tries a day find one in eighteen years on average. Passkeys and the recovery codes, which
#: nobody guesses, still work meanwhile.
CODE_LIMIT = AttemptLimit(
    per_client=5,
    per_account=5,
    per_network=50,
    window=dt.timedelta(days=1),
    longest_delay=dt.timedelta(minutes=15),
)
_WARN_AT = 5  # wrong codes, after which the person is told that somebody has the password
_NAME_LENGTH = 60  # characters of a passkey's name
_RESPONSE_LENGTH = 20_000  # characters; a browser's answer has about 1,500


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The session's new ``token``, and the first recovery codes, which are shown once."""

    token: str
    codes: tuple[str, ...]


class SecondFactors:
    def __init__(
        self,
        database: Database,
        rule: FactorRule,
        party: RelyingParty | None,
        signing_keys: Callable[[], Sequence[str]],
    ) -> None:
        self._repository = SecondFactorRepository(database)
        self._sealer = SecretCipher(signing_keys)
        self.rule = rule
        self.party = party  # None: browsers offer no passkeys at the portal's address

    def of(self, person: Person) -> HeldFactors:
        return self._repository.of(person.id)

    def staff_without(self) -> tuple[str, ...]:
        """The addresses of active staff who sign in with a password alone."""
        return self._repository.staff_without()

    # --- setting up

    def begin_app(self, person: Person) -> str:
        """A new secret for an app, sealed, so that the browser can keep it until it is used."""
        return self._sealer.seal(_setup(person), new_app_secret()).decode()

    def app_secret(self, person: Person, sealed: str) -> bytes:
        """The secret that ``begin_app`` sealed. Raises Unavailable."""
        return self._sealer.open(_setup(person), sealed.encode())

    def add_app(
        self, person: Person, sealed: str, code: str, *, token: str, now: dt.datetime
    ) -> Enrolment:
        """Adds the app once it gives a right code. Raises Invalid, Unavailable."""
        secret = self.app_secret(person, sealed)
        step = matching_step(secret, code, now=now)
        if step is None:
            raise Invalid(
                "The code is wrong or has expired. Enter the six digits that the app shows now, "
                "and check that the clock of your device is right.",
                field="code",
            )
        codes, new_token = new_recovery_codes(), new_secret()
        are_first = self._repository.add_app(
            person,
            self._sealer.seal(_app(person.id), secret),
            step,
            map(recovery_hash, codes),
            _renewal(token, new_token),
            now=now,
        )
        return Enrolment(new_token, codes if are_first else ())

    def passkey_options(self, person: Person, *, token: str) -> dict[str, Any] | None:
        """What the browser needs to make a passkey; None where it makes none."""
        if self.party is None:
            return None
        passkeys = self._repository.of(person.id).passkeys
        return registration_options(self.party, person, passkeys, challenge_for(token, "create"))

    def add_passkey(
        self, person: Person, name: str, response: str, *, token: str, now: dt.datetime
    ) -> Enrolment:
        """Adds the passkey that the browser made; ``response`` is its JSON.

        Raises Invalid, Conflict, and Forbidden where browsers make none.
        """
        name = single_line(name)
        if not has_visible_text(name) or len(name) > _NAME_LENGTH:
            raise Invalid(f"Enter a name of 1 to {_NAME_LENGTH} characters.", field="name")
        passkey = verify_registration(
            self._party(), challenge_for(token, "create"), _parsed(response)
        )
        codes, new_token = new_recovery_codes(), new_secret()
        are_first = self._repository.add_passkey(
            person,
            passkey,
            name,
            map(recovery_hash, codes),
            _renewal(token, new_token),
            now=now,
        )
        return Enrolment(new_token, codes if are_first else ())

    def renew_codes(self, person: Person, *, now: dt.datetime) -> tuple[str, ...]:
        """Ten new recovery codes in place of the old ones. Raises NotFound without a factor."""
        codes = new_recovery_codes()
        self._repository.renew_codes(person, map(recovery_hash, codes), now=now)
        return codes

    def seal_codes(self, person: Person, codes: Sequence[str]) -> str:
        """For the browser to keep until the person has seen them."""
        return self._sealer.seal(_codes(person), "\n".join(codes).encode()).decode()

    def open_codes(self, person: Person, sealed: str) -> tuple[str, ...]:
        """Raises Unavailable."""
        return tuple(self._sealer.open(_codes(person), sealed.encode()).decode().split())

    # --- signing in

    def prove_by_app(self, person: Person, code: str, *, token: str, now: dt.datetime) -> str:
        """Raises Forbidden for a wrong or used code, TooMany, Unavailable."""
        key = digest(f"app code {person.id}")
        self._repository.begin_attempt(person, key, CODE_LIMIT, warn_at=_WARN_AT, now=now)
        step = None
        if app := self._repository.app(person.id):
            sealed, last_step = app
            secret = self._sealer.open(_app(person.id), sealed)
            step = matching_step(secret, code, now=now, after=last_step)
        new_token = new_secret()
        if step is None or not self._repository.use_app_code(
            person.id, step, key, _renewal(token, new_token)
        ):
            raise Forbidden(
                "The code is wrong, or it was used before. Wait for the app to show the next one."
            )
        return new_token

    def prove_by_recovery_code(
        self, person: Person, code: str, *, token: str, now: dt.datetime
    ) -> str:
        """Raises Forbidden for a wrong or used code, TooMany."""
        key = digest(f"recovery code {person.id}")
        self._repository.begin_attempt(person, key, CODE_LIMIT, warn_at=_WARN_AT, now=now)
        new_token = new_secret()
        is_right = self._repository.use_recovery_code(
            person, recovery_hash(code), key, _renewal(token, new_token), now=now
        )
        if not is_right:
            raise Forbidden("The recovery code is wrong, or it was used before. Try another one.")
        return new_token

    def request_options(self, person: Person, *, token: str) -> dict[str, Any] | None:
        """What the browser needs to sign in with a passkey; None when the person has none."""
        passkeys = self._repository.of(person.id).passkeys
        if self.party is None or not passkeys:
            return None
        return request_options(self.party, passkeys, challenge_for(token, "get"))

    def prove_by_passkey(
        self, person: Person, response: str, *, token: str, now: dt.datetime
    ) -> str:
        """Raises Forbidden, and Invalid for what no browser sends."""
        passkey, sign_count = verify_assertion(
            self._party(),
            self._repository.of(person.id).passkeys,
            challenge_for(token, "get"),
            _parsed(response),
        )
        new_token = new_secret()
        renewal = _renewal(token, new_token)
        if not self._repository.use_passkey(passkey, person.id, sign_count, renewal, now):
            raise Forbidden("The passkey was used or removed in the meantime. Try again.")
        return new_token

    # --- removing

    def remove_app(self, person: Person, *, now: dt.datetime) -> None:
        """Raises NotFound, and Conflict for the only factor of somebody who needs one."""
        self._repository.remove(person, None, keep_one=self.rule is FactorRule.STAFF, now=now)

    def remove_passkey(self, person: Person, passkey_id: int, *, now: dt.datetime) -> None:
        """As ``remove_app``."""
        self._repository.remove(person, passkey_id, keep_one=self.rule is FactorRule.STAFF, now=now)

    def reset(self, person: Person, *, now: dt.datetime) -> None:
        """Removes all that the person has and ends all sessions. For administrators only."""
        self._repository.reset(person, now=now)

    # --- encryption at rest

    def reseal(self) -> int:
        """Encrypts with the key in use what an earlier one encrypted; how many nobody can read.

        Afterwards second factors need no earlier key.
        """
        changed, unreadable = [], 0
        for person_id, sealed in self._repository.sealed_secrets():
            resealed = self._sealer.reseal(sealed)
            if resealed is None:
                unreadable += 1
            elif resealed != sealed:
                changed.append((person_id, sealed, resealed))
        if changed:
            self._repository.replace_secrets(changed)
        return unreadable

    def unreadable(self) -> int:
        """How many apps cannot be checked, since no key opens their secrets."""
        secrets = self._repository.sealed_secrets()
        return sum(self._sealer.reseal(sealed) is None for _, sealed in secrets)

    def _party(self) -> RelyingParty:
        if self.party is None:
            raise Forbidden("Passkeys need a portal with an https address and a host name.")
        return self.party


def _setup(person: Person) -> str:
    return f"app setup {person.id}"


def _app(person_id: int) -> str:
    return f"app {person_id}"


def _codes(person: Person) -> str:
    return f"recovery codes {person.id}"


def _renewal(token: str, new_token: str) -> Renewal:
    return Renewal(digest(token), digest(new_token))


def _parsed(response: str) -> dict[str, Any]:
    """The browser's answer. Raises Invalid."""
    try:
        answer = json.loads(response) if len(response) <= _RESPONSE_LENGTH else None
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise Invalid("The browser sent no passkey. Try again.")
    return answer
