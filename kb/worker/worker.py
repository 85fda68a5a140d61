"""The worker: what `kb worker` does in each round.

It records SLA alarms that have fallen due, delivers the outbox through every channel, and deletes
what is old enough. Any number of workers may run at once: each message is sent, at least once, by
the worker that has leased it.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kb.notifications.channels import Channel, DeliveryFailed
from kb.notifications.outbox import ClaimedMessage, Outbox
from kb.tickets.sweeper import Sweeper

LOG = logging.getLogger(__name__)
_HOUR = dt.timedelta(hours=1)
_COUNTING_INTERVAL = dt.timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class RoundResult:
    """What one round did. ``sent`` counts messages by the name of their queue."""

    alarms: int = 0
    sent: dict[str, int] = field(default_factory=dict)
    failed: int = 0

    def __bool__(self) -> bool:
        return bool(self.alarms or any(self.sent.values()) or self.failed)


class Worker:
    """``enqueue_events`` adds the webhook jobs of new events and returns how many, None without
    webhooks; ``count_insights`` keeps the sums that managers read; what is ``hourly``, such as
    deleting what is old enough, is done after them. Before anything is sent, each step of
    ``prepare`` is repeated until it returns 0: there may be more to send afterwards.
    """

    def __init__(
        self,
        sweeper: Sweeper,
        outbox: Outbox,
        channels: Sequence[Channel],
        *,
        enqueue_events: Callable[[dt.datetime], int] | None = None,
        hourly: Sequence[Callable[[dt.datetime], object]] = (),
        prepare: Sequence[Callable[[dt.datetime], int]] = (),
        count_insights: Callable[[dt.datetime], int] | None = None,
    ) -> None:
        self._sweeper = sweeper
        self._outbox = outbox
        self._channels = tuple(channels)
        self._enqueue_events = enqueue_events
        self._hourly = tuple(hourly)
        self._prepare = tuple(prepare)
        self._count_insights = count_insights
        self._hour_began: dt.datetime | None = None
        self._counted_at: dt.datetime | None = None

    def round(self, now: dt.datetime) -> RoundResult:
        """Everything that is due at ``now``, once. Raises Unavailable when the database is."""
        alarms = self._sweeper.sweep(now)
        for step in self._prepare:
            while step(now):
                pass
        if self._enqueue_events is not None:
            while self._enqueue_events(now):
                pass

        sent: dict[str, int] = {}
        failed = 0
        for channel in self._channels:
            results = self._deliver_all(channel, now)
            sent[channel.queue.name] = sum(results)
            failed += len(results) - sum(results)

        # Before anything is deleted that is not counted yet.
        if self._counted_at is None or now - self._counted_at > _COUNTING_INTERVAL:
            self._counted_at = now
            if self._count_insights is not None:
                self._count_insights(now)

        if self._hour_began is None or now - self._hour_began > _HOUR:
            self._hour_began = now
            for task in self._hourly:
                task(now)

        return RoundResult(alarms, sent, failed)

    def _deliver_all(self, channel: Channel, now: dt.datetime) -> list[bool]:
        results = []
        while batches := self._outbox.claim(channel.queue, now):
            results += [self._deliver(channel, batch, now) for batch in batches]
        return results

    def _deliver(self, channel: Channel, batch: Sequence[ClaimedMessage], now: dt.datetime) -> bool:
        try:
            channel.deliver(batch, now)
        except DeliveryFailed as error:
            LOG.warning(
                "%s %s to %s: %s",
                channel.queue.name,
                batch[0].kind,
                batch[0].recipient,
                error.message,
            )
            self._outbox.mark_failed(
                channel.queue, batch, error.message, now, permanent=error.permanent
            )
            return False
        self._outbox.mark_sent(channel.queue, batch, now)
        return True
