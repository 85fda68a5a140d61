"""Channels: the ways out of the outbox, one module each.

To add one: a module here with a class that has ``queue`` and ``deliver``, its ``MessageQueue`` in
``kb.notifications.outbox.QUEUES``, and a line in ``kb.worker.assembly`` that configures it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Protocol

from kb.notifications.outbox import ClaimedMessage, MessageQueue

DELIVERY_TIMEOUT = 20.0  # seconds for one message


class DeliveryFailed(Exception):
    """``message`` says why, for operators; ``permanent``: trying again will not help."""

    def __init__(self, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.message = message
        self.permanent = permanent


class Channel(Protocol):
    @property
    def queue(self) -> MessageQueue: ...

    def deliver(self, batch: Sequence[ClaimedMessage], now: dt.datetime) -> None:
        """Sends a batch of the queue as one message. Raises DeliveryFailed."""
