"""What does `kb worker` do, over and over?

One round: the sweeper records what has fallen due, mails and webhooks that are due are sent, files
that no ticket refers to are removed. Any number of workers may run; each row is sent by whoever has
leased it, at least once.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage

from kb.notifications import mail_templates as letters
from kb.notifications.channels.mail import DeliveryFailed, Mailer, Webhooks
from kb.notifications.mail_templates import Sender
from kb.notifications.outbox import DIGESTED, STALE, ClaimedMessage, Outbox
from kb.people.accounts import Accounts
from kb.tickets.attachments.files import Attachments
from kb.tickets.repository.repository import TicketStore
from kb.tickets.repository.webhook_feed import WebhookFeed
from kb.tickets.sweeper import Sweeper

LOG = logging.getLogger(__name__)
GUEST_LINK = dt.timedelta(days=90)
TOKENS = ("register", "invite", "reset")


@dataclass(frozen=True, slots=True)
class Tally:
    """What one round did."""

    alarms: int = 0
    sent: int = 0
    posted: int = 0
    failed: int = 0

    def __bool__(self) -> bool:
        return bool(self.alarms or self.sent or self.posted or self.failed)


class Worker:
    """The parts put together; ``mailer`` None: mails wait, until they are no news any more."""

    def __init__(
        self,
        store: TicketStore,
        accounts: Accounts,
        sweeper: Sweeper,
        outbox: Outbox,
        feed: WebhookFeed,
        sender: Sender,
        *,
        mailer: Mailer | None = None,
        webhooks: Webhooks | None = None,
        urls: Sequence[str] = (),
        attachments: Attachments | None = None,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._sweeper = sweeper
        self._outbox = outbox
        self._feed = feed
        self._sender = sender
        self._mailer = mailer
        self._webhooks = webhooks or Webhooks()
        self._urls = tuple(urls)
        self._attachments = attachments
        self._swept: dt.datetime | None = None

    def round(self, now: dt.datetime) -> Tally:
        """Everything that is due at ``now``, once. Raises Unavailable when the database cannot be
        used.
        """
        alarms = self._sweeper.sweep(now)
        sent, lost = self._mails(now) if self._mailer else (0, 0)
        posted, refused = self._posts(now) if self._urls else (0, 0)
        if self._swept is None or now - self._swept > dt.timedelta(hours=1):
            self._swept = now
            self.remove_unsaved(now)
        return Tally(alarms, sent, posted, lost + refused)

    def remove_unsaved(self, now: dt.datetime) -> int:
        """Files whose ticket was never saved, a day after they were written; how many were removed."""
        if self._attachments is None:
            return 0
        return self._attachments.sweep(
            self._store.attachment_keys, before=now - dt.timedelta(days=1)
        )

    def _mails(self, now: dt.datetime) -> tuple[int, int]:
        sent = failed = 0
        while parcels := self._outbox.claim_mails(now):
            for group in _groups(parcels):
                done = self._mail(group, now)
                sent, failed = sent + done, failed + (not done)
        return sent, failed

    def _mail(self, group: Sequence[ClaimedMessage], now: dt.datetime) -> bool:
        first = group[0]
        if now - first.made_at > STALE:
            sentence = "Nobody could send it for three days; it is no news any more."
            self._outbox.mails_failed(group, sentence, now, permanent=True)
            return False
        message, bounces = (
            self._written(group, now),
            "" if first.kind == "opened" else self._sender.address,
        )
        try:
            if self._mailer is not None:
                self._mailer.send(message, bounces_to=bounces)
        except DeliveryFailed as error:
            LOG.warning("mail %s to %s: %s", first.kind, first.recipient, error.sentence)
            self._outbox.mails_failed(group, error.sentence, now, permanent=error.permanent)
            return False
        self._outbox.mails_sent(group, now)
        return True

    def _written(self, group: Sequence[ClaimedMessage], now: dt.datetime) -> EmailMessage:
        first = group[0]
        if first.kind in DIGESTED:
            person = self._store.people.by_email(first.recipient)
            return letters.digest(group, self._sender, person.zone if person else "UTC")
        return letters.mail_of(first, self._sender, secret=self._secret(first, now))

    def _secret(self, parcel: ClaimedMessage, now: dt.datetime) -> str:
        """Made when the mail is written and kept as a hash only: what waits to be sent opens
        nothing.
        """
        if parcel.kind in TOKENS:
            return self._accounts.links.issue(parcel.kind, parcel.recipient, parcel.facts, now=now)
        if not parcel.facts.get("guest") or parcel.ticket_id is None:
            return ""
        guest = self._store.people.by_email(parcel.recipient, guest=True)
        if guest is None:
            return ""
        secret = secrets.token_urlsafe(32)
        digest = hashlib.sha256(secret.encode()).digest()
        self._store.add_link(parcel.ticket_id, guest.id, digest, now=now, until=now + GUEST_LINK)
        return secret

    def _posts(self, now: dt.datetime) -> tuple[int, int]:
        while self._feed.enqueue_new(self._urls, now):
            pass
        sent = failed = 0
        while parcels := self._outbox.claim_jobs(now):
            for parcel in parcels:
                done = self._post(parcel, now)
                sent, failed = sent + done, failed + (not done)
        return sent, failed

    def _post(self, parcel: ClaimedMessage, now: dt.datetime) -> bool:
        facts = parcel.facts
        try:
            self._webhooks.post(facts["url"], facts["id"], facts["body"], now=now)
        except DeliveryFailed as error:
            LOG.warning("webhook %s: %s", facts["id"], error.sentence)
            self._outbox.jobs_failed([parcel], error.sentence, now, permanent=error.permanent)
            return False
        self._outbox.jobs_done([parcel], now)
        return True


def _groups(parcels: Iterable[ClaimedMessage]) -> list[list[ClaimedMessage]]:
    """All alarms of a person together, everything else by itself, in the order of what comes first."""
    found: dict[tuple[str, int], list[ClaimedMessage]] = {}
    for parcel in parcels:
        name = (parcel.recipient, 0) if parcel.kind in DIGESTED else ("", parcel.id)
        found.setdefault(name, []).append(parcel)
    return list(found.values())
