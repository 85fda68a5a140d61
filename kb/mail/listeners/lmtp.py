"""Mail from the site's own mail server, by LMTP (RFC 2033) or SMTP.

It comes from a server that has taken the mail from the internet, checked it, and told what it
thinks of its sender. There is no sign-in: listen on the loopback or in a private network.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from typing import Any

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP

from kb import __version__
from kb.errors import KbError
from kb.mail.envelope import Envelope
from kb.mail.listeners.intake import MailIntake

LOG = logging.getLogger(__name__)
_OK = "250 2.0.0 The e-mail is stored"
_LATER = "451 4.3.0 The e-mail could not be stored; try again later"
_LONGEST_LINE = 1024 * 1024  # bytes; RFC 5321 allows 1,000, and real mails have more


class MailListener:
    """``protocol`` is lmtp or smtp. With port 0, the system chooses one."""

    def __init__(
        self, intake: MailIntake, protocol: str, host: str, port: int, *, most_bytes: int
    ) -> None:
        self._handler = _Handler(intake, protocol)
        self._protocol = _Lmtp if protocol == "lmtp" else _Smtp
        self._place = host, port
        self._most_bytes = most_bytes
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        return int(self._server.sockets[0].getsockname()[1]) if self._server else 0

    def start(self) -> None:
        """Raises OSError when the address is taken."""
        self._thread.start()
        starting = asyncio.run_coroutine_threadsafe(self._listen(), self._loop)
        self._server = starting.result()

    def stop(self) -> None:
        """A mail that was not acknowledged is delivered again."""
        if self._server is not None:
            self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        host, port = self._place
        return await self._loop.create_server(self._connection, host, port)

    def _connection(self) -> Any:
        return self._protocol(
            self._handler,
            data_size_limit=self._most_bytes,
            enable_SMTPUTF8=True,
            ident=f"Askfirst {__version__}",
            hostname=socket.gethostname(),
            loop=self._loop,
        )


class _Lmtp(LMTP):
    line_length_limit = _LONGEST_LINE  # of the class: the stream of a connection is made with it


class _Smtp(SMTP):
    line_length_limit = _LONGEST_LINE


class _Handler:
    def __init__(self, intake: MailIntake, protocol: str) -> None:
        self._intake = intake
        self._protocol = protocol

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        del server, session
        recipients = tuple(envelope.rcpt_tos)
        taken = Envelope(envelope.mail_from or "", recipients, self._protocol)
        try:
            await asyncio.to_thread(self._intake.take, envelope.content, taken)
            answer = _OK
        except Exception as error:
            sentence = error.sentence if isinstance(error, KbError) else repr(error)
            LOG.warning("An e-mail was not accepted, and the mail server keeps it: %s", sentence)
            answer = _LATER
        if self._protocol == "lmtp":  # one answer for each recipient
            return "\r\n".join([answer] * len(recipients))
        return answer

    async def handle_exception(self, error: Exception) -> str:
        del error
        return _LATER
