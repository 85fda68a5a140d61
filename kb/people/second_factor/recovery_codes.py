"""Recovery codes: each signs in once, when the app or the passkey is lost.

A code has 79 random bits, so that a plain hash of it tells nothing, and no letter or digit that is
easily confused with another one.
"""

from __future__ import annotations

import secrets

from kb.people.credentials import digest

CODES_AT_A_TIME = 10
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
_GROUPS, _GROUP_LENGTH = 4, 4


def new_recovery_codes() -> tuple[str, ...]:
    return tuple(_new_code() for _ in range(CODES_AT_A_TIME))


def _new_code() -> str:
    letters = [secrets.choice(_ALPHABET) for _ in range(_GROUPS * _GROUP_LENGTH)]
    starts = range(0, len(letters), _GROUP_LENGTH)
    return "-".join("".join(letters[start : start + _GROUP_LENGTH]) for start in starts)


def recovery_hash(code: str) -> bytes:
    """The same for all spellings of a code, by case, blanks and hyphens."""
    return digest("recovery code " + "".join(filter(str.isalnum, code.lower())))
