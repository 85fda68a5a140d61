"""Reply addresses: ``support+<token>@example.com``, by which a reply finds its ticket.

A token names a ticket, a person and the week it was made in, under an HMAC that is keyed by the
installation's signing key. It is no permission: it says which thread a mail belongs to and to whom
that address was given. Whether the sender may write there is for whoever receives the mail to
judge, for a mail is forwarded with its reply address.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

#: The person of an address that is copied on a ticket and has no account.
NO_PERSON = 0
REPLY_TOKEN_LIFETIME = dt.timedelta(weeks=26)
#: RFC 5321, section 4.5.3.1.1: octets before the @.
_LONGEST_LOCAL_PART = 64
#: What Postfix, Exim and the large providers cut off an address by default.
_DELIMITER = "+"
_EPOCH = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
_WEEK = dt.timedelta(weeks=1)
_WEEK_BYTES = 2
#: 80 bits: a guess costs a mail, and each mail is counted.
_MAC_BYTES = 10
#: Separates these codes from whatever else the signing key signs.
_PURPOSE = b"askfirst reply address\0"


@dataclass(frozen=True, slots=True)
class ReplyToken:
    """What a reply address was made for; ``person_id`` may be ``NO_PERSON``."""

    serial: int
    person_id: int


class ReplyAddresses:
    """``signing_keys`` are the key in use, which makes tokens, and earlier ones, still accepted."""

    def __init__(self, signing_keys: Sequence[str]) -> None:
        self._keys = [hmac.digest(key.encode(), _PURPOSE, "sha256") for key in signing_keys]

    def mint(self, mailbox: str, token: ReplyToken, *, now: dt.datetime) -> str:
        """The address for replies; ``mailbox`` itself if it is too long to carry a token."""
        local, _, domain = mailbox.rpartition("@")
        week = ((now - _EPOCH) // _WEEK).to_bytes(_WEEK_BYTES, "big")
        payload = _varint(token.serial) + _varint(token.person_id) + week
        code = _code(self._keys[0], payload)
        text = base64.b32encode(payload + code).decode("ascii").rstrip("=").lower()
        extended = f"{local}{_DELIMITER}{text}"
        if len(extended.encode("utf-8")) > _LONGEST_LOCAL_PART:
            return mailbox
        return f"{extended}@{domain}"

    def verify(self, address: str, *, now: dt.datetime) -> ReplyToken | None:
        """What the token in an address was made for; None without one, or if it is not valid.

        Upper and lower case are the same, since some mail servers change one into the other.
        """
        _, text = split_reply_address(address)
        raw = _bytes_of(text)
        payload, code = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        # Every key is tried, so that the time taken does not tell which one is right.
        matches = [hmac.compare_digest(_code(key, payload), code) for key in self._keys]
        if not any(matches):
            return None

        made_at = _EPOCH + int.from_bytes(payload[-_WEEK_BYTES:], "big") * _WEEK
        if not made_at - _WEEK <= now < made_at + _WEEK + REPLY_TOKEN_LIFETIME:
            return None
        serial, rest = _read_varint(payload[:-_WEEK_BYTES])
        person_id, _ = _read_varint(rest)
        return ReplyToken(serial, person_id)


def split_reply_address(address: str) -> tuple[str, str]:
    """The mailbox of an address, and what follows its last ``+``: perhaps a token, perhaps "".

    >>> split_reply_address("support+abc234@example.com")
    ('support@example.com', 'abc234')
    >>> split_reply_address("support@example.com")
    ('support@example.com', '')
    """
    local, _, domain = address.strip().rpartition("@")
    mailbox, delimiter, text = local.rpartition(_DELIMITER)
    return (f"{mailbox}@{domain}", text) if delimiter else (address.strip(), "")


def _code(key: bytes, payload: bytes) -> bytes:
    return hmac.digest(key, payload, "sha256")[:_MAC_BYTES]


def _bytes_of(text: str) -> bytes:
    """Empty for what is not base 32, or not the only spelling of its bytes."""
    if len(text) > _LONGEST_LOCAL_PART or not text.isascii():
        return b""
    padded = text.upper() + "=" * (-len(text) % 8)
    try:
        raw = base64.b32decode(padded)
    except binascii.Error:
        return b""
    return raw if base64.b32encode(raw) == padded.encode("ascii") else b""


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the high bit says that more follow."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*encoded, number))


def _read_varint(raw: bytes) -> tuple[int, bytes]:
    """The number at the beginning of what ``_varint`` made, and what follows it."""
    number = 0
    for position, byte in enumerate(raw):
        number |= (byte & 0x7F) << (7 * position)
        if not byte & 0x80:
            return number, raw[position + 1 :]
    return number, b""
