"""Reply addresses: ``support+<token>@example.com``, by which a reply finds its ticket.

A token names a ticket, a person and the week it was made in, under an HMAC that is keyed by the
installation's signing key. It is no permission: it says which thread a mail belongs to and to whom
that address was given. Whether the sender may write there is for whoever receives the mail to
judge, for a mail is forwarded with its reply address.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from kb.mail.mail_tokens import MailTokens

#: The person of an address that is copied on a ticket and has no account.
NO_PERSON = 0
REPLY_TOKEN_LIFETIME = dt.timedelta(weeks=26)
#: RFC 5321, section 4.5.3.1.1: octets before the @.
_LONGEST_LOCAL_PART = 64
#: What Postfix, Exim and the large providers cut off an address by default.
_DELIMITER = "+"
_PURPOSE = b"askfirst reply address\0"


@dataclass(frozen=True, slots=True)
class ReplyToken:
    """What a reply address was made for; ``person_id`` may be ``NO_PERSON``."""

    serial: int
    person_id: int


class ReplyAddresses:
    """``signing_keys`` are the key in use, which makes tokens, and earlier ones, still accepted."""

    def __init__(self, signing_keys: Sequence[str]) -> None:
        self._tokens = MailTokens(signing_keys, _PURPOSE, REPLY_TOKEN_LIFETIME)

    def mint(self, mailbox: str, token: ReplyToken, *, now: dt.datetime) -> str:
        """The address for replies; ``mailbox`` itself if it is too long to carry a token.

        Then the token goes into the Message-ID, which comes back in References.
        """
        local, _, domain = mailbox.rpartition("@")
        extended = f"{local}{_DELIMITER}{self.text(token, now=now)}"
        if len(extended.encode("utf-8")) > _LONGEST_LOCAL_PART:
            return mailbox
        return f"{extended}@{domain}"

    def text(self, token: ReplyToken, *, now: dt.datetime) -> str:
        """The token alone."""
        return self._tokens.mint(token.serial, token.person_id, now=now)

    def verify(self, address: str, *, now: dt.datetime) -> ReplyToken | None:
        """What the token in an address was made for; None without one, or if it is not valid."""
        return self.read(split_reply_address(address)[1], now=now)

    def read(self, text: str, *, now: dt.datetime) -> ReplyToken | None:
        """What a token was made for; None if it is not valid.

        Case is ignored, because some mail servers change it.
        """
        match self._tokens.read(text.lower(), now=now):
            case (serial, person_id):
                return ReplyToken(serial, person_id)
            case _:
                return None


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
