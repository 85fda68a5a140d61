"""Intake: accepts mails from a listener immediately, and processes them one after the other.

A mail is acknowledged as soon as it is on the disk. A separate thread processes mails in the order
of arrival, and later those that a crash or a busy database left unprocessed. An error never ends
that thread: the listener would continue to accept mails that nothing processes.
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
    """``inbox`` returns the current inbox, which follows the policy file. Safe for many threads."""

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
                LOG.exception("The e-mail %s could not be processed.", name)

    def _read_waiting(self) -> None:
        try:
            count = self._inbox().read_waiting(now=self._clock())
        except Exception:
            LOG.exception("E-mails are waiting to be processed.")
            return
        if count:
            LOG.info("Processed %d e-mails that were waiting.", count)
