"""Links in mails that lead to a page with one button: "This solved it", "Stop these e-mails", and
"I sent this".

The token in a link is the permission: the reader of the mail may press the button. Opening a link
changes nothing, since mail servers open links to scan them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from kb.errors import NotFound
from kb.mail.mail_tokens import MailTokens

SOLVED_LINK_LIFETIME = dt.timedelta(weeks=4)
_CONFIRM_LINK_LIFETIME = dt.timedelta(weeks=4)
_STOP_LINK_LIFETIME = dt.timedelta(weeks=52)


class MailLinks:
    def __init__(self, signing_keys: Sequence[str]) -> None:
        self._solved = MailTokens(signing_keys, b"askfirst solved link\0", SOLVED_LINK_LIFETIME)
        self._stop = MailTokens(signing_keys, b"askfirst stop link\0", _STOP_LINK_LIFETIME)

        confirm = b"askfirst confirm link\0"
        self._confirm = MailTokens(signing_keys, confirm, _CONFIRM_LINK_LIFETIME)

    def confirm_path(self, serial: int, person_id: int, *, now: dt.datetime) -> str:
        """The link by which the reader of a receipt confirms having sent the mail."""
        return f"/mail/confirm/{self._confirm.mint(serial, person_id, now=now)}"

    def confirm(self, token: str, *, now: dt.datetime) -> tuple[int, int]:
        """The serial of the ticket and the guest. Raises NotFound."""
        match self._confirm.read(token, now=now):
            case (serial, person_id):
                return serial, person_id
            case _:
                raise _invalid_link()

    def solved_path(self, serial: int, person_id: int, *, now: dt.datetime) -> str:
        """The link by which the requester of a ticket says that an article solved it."""
        return f"/mail/solved/{self._solved.mint(serial, person_id, now=now)}"

    def solved(self, token: str, *, now: dt.datetime) -> tuple[int, int]:
        """The serial of the ticket and the person. Raises NotFound."""
        match self._solved.read(token, now=now):
            case (serial, person_id):
                return serial, person_id
            case _:
                raise _invalid_link()

    def stop_path(self, person_id: int, event_number: int, *, now: dt.datetime) -> str:
        """The link by which a member of staff stops the mails about an event."""
        return f"/mail/stop/{self._stop.mint(person_id, event_number, now=now)}"

    def stop(self, token: str, *, now: dt.datetime) -> tuple[int, int]:
        """The person and the number of the event. Raises NotFound."""
        match self._stop.read(token, now=now):
            case (person_id, event_number):
                return person_id, event_number
            case _:
                raise _invalid_link()


def _invalid_link() -> NotFound:
    return NotFound("This link is incomplete or has expired. Open it as it is in the e-mail.")
