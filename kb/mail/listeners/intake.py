"""Intake: takes mails from a listener at once, and reads them one after the other.

A listener is told that a mail is safe when it is on the disk. It is read in a thread of its own, in
the order of arrival; what a crash or a busy database left unread is read later. That thread never
ends by an error: a listener would go on to take mails that nobody reads.
"""

from __future__ import annotations

import datetime as dt
import logging
import queue
import threading
from collections.abc import Callable

from kb.mail.envelope import Envelope
from kb.mail.inbox import Inbox

LOG = logging.getLogger(__name__)
_LOOK_EVERY = 30.0  # seconds between looks at what was left unread


class MailIntake:
    """``inbox`` gives the present one, which follows the policy file. Safe for many threads."""

    def __init__(self, inbox: Callable[[], Inbox], clock: Callable[[], dt.datetime]) -> None:
        self._inbox = inbox
        self._clock = clock
        self._names: queue.Queue[str | None] = queue.Queue()
        self._thread = threading.Thread(target=self._read, name="mail reader", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def take(self, raw: bytes, envelope: Envelope) -> None:
        """The mail is on the disk when this returns. Raises Unavailable."""
        self._names.put(self._inbox().keep(raw, envelope))

    def stop(self) -> None:
        """Returns when the mails that were taken have been read, or cannot be."""
        self._names.put(None)
        self._thread.join()

    def _read(self) -> None:
        self._read_waiting()
        while True:
            try:
                name = self._names.get(timeout=_LOOK_EVERY)
            except queue.Empty:
                self._read_waiting()
                continue
            if name is None:
                return
            try:
                self._inbox().read(name, now=self._clock())
            except Exception:  # the next mail may fare better, and this one waits
                LOG.exception("The e-mail %s could not be read.", name)

    def _read_waiting(self) -> None:
        try:
            count = self._inbox().read_waiting(now=self._clock())
        except Exception:
            LOG.exception("E-mails are waiting to be read.")
            return
        if count:
            LOG.info("Read %d e-mails that were left over.", count)
