"""Tokens in mails: a few numbers, such as those of a ticket and a person, signed for one purpose.

Short enough for the local part of an address, and in lower case only, since some mail servers do
not tell the cases apart. Nothing is stored: a token is valid until its lifetime ends.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hmac
from collections.abc import Sequence

_EPOCH = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
_WEEK = dt.timedelta(weeks=1)
_WEEK_BYTES = 2
#: 80 bits: a guess costs a mail or a request, and each of these is counted.
_MAC_BYTES = 10
_LONGEST = 64  # characters


class MailTokens:
    """``signing_keys`` are the key in use, which makes tokens, and earlier ones, still accepted.

    ``purpose`` tells these tokens from all others that the keys sign.
    """

    def __init__(self, signing_keys: Sequence[str], purpose: bytes, lifetime: dt.timedelta) -> None:
        self._keys = [hmac.digest(key.encode(), purpose, "sha256") for key in signing_keys]
        self._lifetime = lifetime

    def mint(self, *numbers: int, now: dt.datetime) -> str:
        """A token for ``numbers``, which holds the week in which it was made."""
        week = ((now - _EPOCH) // _WEEK).to_bytes(_WEEK_BYTES, "big")
        payload = b"".join(map(_varint, numbers)) + week
        raw = payload + _code(self._keys[0], payload)
        return base64.b32encode(raw).decode("ascii").rstrip("=").lower()

    def read(self, text: str, *, now: dt.datetime) -> tuple[int, ...] | None:
        """The numbers of a valid token."""
        raw = _bytes_of(text)
        payload, code = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        # Every key is tried, so that the time taken does not tell which one is right.
        matches = [hmac.compare_digest(_code(key, payload), code) for key in self._keys]
        if not any(matches):
            return None
        made_at = _EPOCH + int.from_bytes(payload[-_WEEK_BYTES:], "big") * _WEEK
        if not made_at - _WEEK <= now < made_at + _WEEK + self._lifetime:
            return None
        return tuple(_read_varints(payload[:-_WEEK_BYTES]))


def _code(key: bytes, payload: bytes) -> bytes:
    return hmac.digest(key, payload, "sha256")[:_MAC_BYTES]


def _bytes_of(text: str) -> bytes:
    """Empty for what is not base 32, or not the only spelling of its bytes."""
    if len(text) > _LONGEST or not text.isascii():
        return b""
    padded = text.upper() + "=" * (-len(text) % 8)
    try:
        raw = base64.b32decode(padded)
    except binascii.Error:
        return b""
    return raw if base64.b32encode(raw).decode("ascii").rstrip("=").lower() == text else b""


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the high bit says that more follow."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*encoded, number))


def _read_varints(raw: bytes) -> list[int]:
    """What ``_varint`` made, one after the other."""
    numbers, number, shift = [], 0, 0
    for byte in raw:
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            numbers.append(number)
            number, shift = 0, 0
    return numbers
