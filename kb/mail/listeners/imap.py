"""Mail from a mailbox at a provider, by IMAP (RFC 9051), which tells at once when mail arrives.

A mail stays in the mailbox, and gets a keyword when it is taken: that somebody has read it there
changes nothing. Requires the extra ``mail``.
"""

from __future__ import annotations

import contextlib
import imaplib
import logging
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kb.errors import Misconfigured, Unavailable
from kb.mail.envelope import Envelope
from kb.mail.listeners.intake import MailIntake
from kb.mail.parsing.oversized import without_content

LOG = logging.getLogger(__name__)
#: The keyword of mails that were taken.
TAKEN = "Askfirst"
_SECONDS = 60.0
_LOOK_EVERY = 1  # seconds between checks whether the program has to end


@dataclass(frozen=True, slots=True)
class ImapMailbox:
    """``tls`` is tls, starttls or no."""

    host: str
    port: int
    user: str
    password: str
    tls: str
    folder: str
    most_bytes: int

    def fetch(self, intake: MailIntake) -> int:
        """Takes the mails that are there; how many. Raises Unavailable."""
        with self._open() as mailbox:
            return self._take(mailbox, intake)

    def follow(self, intake: MailIntake, seconds: float, stopped: threading.Event) -> int:
        """As ``fetch``; then waits up to ``seconds`` for more mails, or until it is ``stopped``.

        Raises Unavailable.
        """
        with self._open() as mailbox:
            count = self._take(mailbox, intake)
            if b"IDLE" not in b" ".join(_bytes(each) for each in mailbox.client.capabilities):
                stopped.wait(seconds)
            elif _is_told(mailbox.idle, seconds, stopped):
                count += self._take(mailbox, intake)
            return count

    @contextlib.contextmanager
    def _open(self) -> Iterator[Any]:
        try:
            import imap_tools
        except ImportError:
            raise Misconfigured(
                "KB_IMAP_HOST needs the extra `mail`: pip install 'askfirst[mail]'.",
                field="imap_host",
            ) from None
        classes = {
            "tls": imap_tools.MailBox,
            "starttls": imap_tools.MailBoxStartTls,
            "no": imap_tools.MailBoxUnencrypted,
        }
        options = {} if self.tls == "no" else {"ssl_context": ssl.create_default_context()}
        try:
            mailbox = classes[self.tls](self.host, self.port, timeout=_SECONDS, **options)
            try:
                mailbox.login(self.user, self.password, self.folder)
                yield mailbox
            finally:
                with contextlib.suppress(imaplib.IMAP4.error, OSError):
                    mailbox.client.logout()
        except imap_tools.MailboxLoginError:
            raise Unavailable(f"{self.host} rejected the user name or password.") from None
        except (imap_tools.ImapToolsError, imaplib.IMAP4.error, OSError, EOFError) as error:
            raise Unavailable(f"{self.host}:{self.port} cannot be used: {error}") from None

    def _take(self, mailbox: Any, intake: MailIntake) -> int:
        count = 0
        for uid in mailbox.uids(f"UNKEYWORD {TAKEN}"):
            raw = self._content(mailbox, uid)
            if raw is None:  # it was deleted meanwhile
                continue
            intake.take(raw, Envelope(None, (), "imap"))
            mailbox.flag(uid, TAKEN, True)
            count += 1
        return count

    def _content(self, mailbox: Any, uid: str) -> bytes | None:
        size = _size(mailbox, uid)
        is_large = size > self.most_bytes
        part = "(BODY.PEEK[HEADER])" if is_large else "(BODY.PEEK[])"
        _, answer = mailbox.client.uid("fetch", uid, part)
        raw = next((bytes(each[1]) for each in answer if isinstance(each, tuple)), None)
        if raw is None or not is_large:
            return raw
        LOG.warning("An e-mail of %d bytes is larger than KB_MAIL_MEGABYTES allows.", size)
        return without_content(raw, size, self.most_bytes)


def _is_told(idle: Any, seconds: float, stopped: threading.Event) -> bool:
    """Whether the server reports a change within the time."""
    end = time.monotonic() + seconds
    idle.start()
    is_told = False
    while not (is_told or stopped.is_set()) and time.monotonic() < end:
        is_told = bool(idle.poll(timeout=_LOOK_EVERY))
    idle.stop()
    return is_told


def _size(mailbox: Any, uid: str) -> int:
    _, answer = mailbox.client.uid("fetch", uid, "(RFC822.SIZE)")
    text = b" ".join(_bytes(part) for part in answer if part is not None)
    _, _, rest = text.partition(b"RFC822.SIZE ")
    digits = rest.split(b")")[0].split()[0] if rest else b"0"
    return int(digits) if digits.isdigit() else 0


def _bytes(part: Any) -> bytes:
    if isinstance(part, tuple):
        part = part[0]
    return part if isinstance(part, bytes) else str(part).encode()
