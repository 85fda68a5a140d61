"""Subscribing, confirming, leaving, and telling subscribers.

Somebody who is signed in subscribes at once. An address that anybody could have typed is asked
first, by one mail with a link, and is told nothing before it confirms. A link changes nothing by
being opened: mail servers open links to scan them.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from kb.database import Database
from kb.database.usage_limits import UsageLimit, count_use
from kb.errors import Invalid, NotFound
from kb.notifications.queue import NewNotice, add_notices
from kb.notifications.tables import NOTICES
from kb.people.credentials import digest
from kb.people.person import account_key, email_address, invalid_email
from kb.subscriptions.tables import SUBSCRIPTIONS

SUBSCRIPTION_ASKED = "subscription-asked"
#: Kind of notice -> subject and text. Never anything that somebody typed.
SUBSCRIPTION_MAIL_TEXTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        SUBSCRIPTION_ASKED: (
            "Confirm that you want these e-mails",
            "Somebody entered this address in our help centre to be told when a page changes.\n"
            "We send nothing more unless you confirm on the page below.",
        ),
        "problem-updated": (
            "News about a known problem",
            "There is news about a known problem that you follow.",
        ),
        "problem-of-ticket": (
            "News about your ticket",
            "Your ticket is waiting for a known problem to be resolved. There is news about it.",
        ),
        "problem-resolved": (
            "A known problem is resolved",
            "A known problem that you follow is resolved.",
        ),
        "article-changed": (
            "An article has changed",
            "An article that you follow says something new.",
        ),
        "question-answered": (
            "There may be an answer to your question",
            "You asked a question that our help centre could not answer. It may have an answer "
            "now.",
        ),
    }
)
_QUESTIONS = UsageLimit(
    "subscription",
    b"",
    3,
    dt.timedelta(days=1),
    "We have sent too many e-mails to this address today. Try again tomorrow.",
)


class SubscriptionChoice(StrEnum):
    """The values are stored."""

    CONFIRMED = "confirmed"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Subscription:
    """``choice`` is empty for an address that has not confirmed; ``seen`` is what it knows.

    ``token`` is the secret of its link.
    """

    topic: str
    address: str
    choice: str
    seen: str
    token: str

    @property
    def kind(self) -> str:
        return self.topic.partition(":")[0]

    @property
    def key(self) -> str:
        return self.topic.partition(":")[2]


class Subscriptions:
    def __init__(self, database: Database) -> None:
        self._database = database

    def subscribe(
        self,
        topic: str,
        email: str,
        *,
        seen: str = "",
        is_own_address: bool,
        now: dt.datetime,
    ) -> Subscription:
        """Subscribes an address that is the asker's own, or asks it first.

        Raises Invalid for what is no address, TooMany for one that was asked too often.
        """
        address = email_address(email)
        if address is None:
            raise Invalid(invalid_email(email), field="email")
        with self._database.write() as connection:
            this = (SUBSCRIPTIONS.c.topic == topic, SUBSCRIPTIONS.c.address == address)
            row = connection.execute(select(SUBSCRIPTIONS).where(*this)).first()
            if row is None:
                values = {
                    "topic": topic,
                    "address": address,
                    "token": secrets.token_urlsafe(32),
                    "seen": seen,
                    "at": now,
                }
                connection.execute(insert(SUBSCRIPTIONS), values)
                row = connection.execute(select(SUBSCRIPTIONS).where(*this)).one()

            if is_own_address:
                confirmed = {"choice": "confirmed", "seen": seen, "at": now}
                connection.execute(update(SUBSCRIPTIONS).where(*this).values(confirmed))
            elif row.choice != "confirmed":
                _ask(connection, row, now)
            return _subscription(connection.execute(select(SUBSCRIPTIONS).where(*this)).one())

    def get(self, token: str) -> Subscription:
        """Raises NotFound."""
        query = select(SUBSCRIPTIONS).where(SUBSCRIPTIONS.c.token == token)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise NotFound("This link is incomplete. Open it as it is in the e-mail.")
        return _subscription(row)

    def choose(self, token: str, choice: str, *, now: dt.datetime) -> Subscription:
        """Confirms or ends a subscription; what waits to be sent is withdrawn.

        Raises NotFound, Invalid.
        """
        subscription = self.get(token)
        if choice not in tuple(SubscriptionChoice):
            raise Invalid("Choose whether you want to receive these e-mails.", field="choice")
        with self._database.write() as connection:
            connection.execute(
                update(SUBSCRIPTIONS)
                .where(SUBSCRIPTIONS.c.token == token)
                .values(choice=choice, at=now)
            )
            if choice == SubscriptionChoice.LEFT:
                connection.execute(
                    delete(NOTICES).where(
                        NOTICES.c.recipient == subscription.address,
                        NOTICES.c.state == "pending",
                        NOTICES.c.facts["stop"].as_string() == _page(token),
                    )
                )
        return self.get(token)

    def of(self, email: str) -> tuple[Subscription, ...]:
        """What an address follows, by topic."""
        query = (
            select(SUBSCRIPTIONS)
            .where(SUBSCRIPTIONS.c.address == email, SUBSCRIPTIONS.c.choice == "confirmed")
            .order_by(SUBSCRIPTIONS.c.topic)
        )
        with self._database.read() as connection:
            return tuple(map(_subscription, connection.execute(query)))

    def followed(self, kind: str) -> tuple[Subscription, ...]:
        """All confirmed subscriptions to topics of a kind, by topic."""
        query = (
            select(SUBSCRIPTIONS)
            .where(
                SUBSCRIPTIONS.c.topic.startswith(f"{kind}:", autoescape=True),
                SUBSCRIPTIONS.c.choice == "confirmed",
            )
            .order_by(SUBSCRIPTIONS.c.topic, SUBSCRIPTIONS.c.address)
        )
        with self._database.read() as connection:
            return tuple(map(_subscription, connection.execute(query)))

    def saw(self, subscription: Subscription, seen: str) -> None:
        """Notes what a subscriber knows, without telling them anything."""
        with self._database.write() as connection:
            _set_seen(connection, subscription.topic, (subscription.address,), seen)

    def tell(
        self,
        subscription: Subscription,
        kind: str,
        path: str,
        seen: str,
        *,
        ends: bool = False,
        now: dt.datetime,
    ) -> None:
        """Sends one mail about what is at ``path``, once for what is ``seen`` there.

        ``ends`` is true when nothing else will be told.
        """
        with self._database.write() as connection:
            tell_followers(
                connection,
                subscription.topic,
                kind,
                path,
                cause=f"{subscription.topic} {digest(seen).hex()[:16]}",
                addresses=(subscription.address,),
                now=now,
            )
            _set_seen(connection, subscription.topic, (subscription.address,), seen)
            if ends:
                ended = (
                    SUBSCRIPTIONS.c.topic == subscription.topic,
                    SUBSCRIPTIONS.c.address == subscription.address,
                )
                connection.execute(delete(SUBSCRIPTIONS).where(*ended))


def tell_followers(
    connection: Connection,
    topic: str,
    kind: str,
    path: str,
    *,
    cause: str,
    addresses: Collection[str] | None = None,
    without: Collection[str] = (),
    now: dt.datetime,
) -> None:
    """One notice for each confirmed subscriber (or those of ``addresses``), once for a cause.

    For the transaction that makes the change. ``without`` are told in another way.
    """
    query = select(SUBSCRIPTIONS.c.address, SUBSCRIPTIONS.c.token).where(
        SUBSCRIPTIONS.c.topic == topic, SUBSCRIPTIONS.c.choice == "confirmed"
    )
    notices = [
        NewNotice(kind, row.address, {"path": path, "stop": _page(row.token)})
        for row in connection.execute(query)
        if row.address not in without and (addresses is None or row.address in addresses)
    ]
    add_notices(connection, None, cause, notices, now)


def _ask(connection: Connection, row: Row[Any], now: dt.datetime) -> None:
    limit = replace(_QUESTIONS, key=digest(account_key(row.address)))
    count_use(connection, limit, now)
    notice = NewNotice(SUBSCRIPTION_ASKED, row.address, {"path": _page(row.token)})
    add_notices(connection, None, f"{row.topic} {now.isoformat()}", [notice], now)


def _set_seen(connection: Connection, topic: str, addresses: Collection[str], seen: str) -> None:
    connection.execute(
        update(SUBSCRIPTIONS)
        .where(SUBSCRIPTIONS.c.topic == topic, SUBSCRIPTIONS.c.address.in_(addresses))
        .values(seen=seen)
    )


def _page(token: str) -> str:
    return f"/subscriptions/{token}"


def _subscription(row: Row[Any]) -> Subscription:
    return Subscription(row.topic, row.address, row.choice, row.seen, row.token)
