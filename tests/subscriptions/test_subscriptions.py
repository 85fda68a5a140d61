"""Subscribing, confirming and leaving."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from kb.errors import Invalid, NotFound, TooMany
from kb.notifications.outbox import MAIL_QUEUE, Outbox
from kb.subscriptions.subscriptions import Subscriptions
from kb.subscriptions.tables import SUBSCRIPTIONS
from tests.world import DAY, FRIDAY, World

TOPIC = "article:faq/export"


@pytest.fixture
def subscriptions(world: World) -> Subscriptions:
    return Subscriptions(world.database)


def token_of(world: World, address: str) -> str:
    query = select(SUBSCRIPTIONS.c.token).where(SUBSCRIPTIONS.c.address == address)
    with world.database.read() as connection:
        return str(connection.execute(query).scalar_one())


def kinds(world: World) -> list[tuple[str, str]]:
    batches = Outbox(world.database).claim(MAIL_QUEUE, FRIDAY + DAY, limit=500)
    return [(message.kind, message.recipient) for batch in batches for message in batch]


def test_nobody_is_told_anything_before_they_confirm(
    subscriptions: Subscriptions, world: World
) -> None:
    subscriptions.subscribe(TOPIC, "gina@example.org", is_own_address=False, now=FRIDAY)
    assert kinds(world) == [("subscription-asked", "gina@example.org")]
    assert subscriptions.followed("article") == ()

    subscriptions.choose(token_of(world, "gina@example.org"), "confirmed", now=FRIDAY)
    (followed,) = subscriptions.followed("article")
    subscriptions.tell(followed, "article-changed", "/help/faq/export", "2", now=FRIDAY)
    subscriptions.tell(followed, "article-changed", "/help/faq/export", "2", now=FRIDAY)
    assert kinds(world) == [("article-changed", "gina@example.org")]
    assert subscriptions.followed("article")[0].seen == "2"


def test_leaving_takes_back_what_waits_to_be_sent(
    subscriptions: Subscriptions, world: World
) -> None:
    subscriptions.subscribe(TOPIC, world.alice.email, is_own_address=True, now=FRIDAY)
    (followed,) = subscriptions.followed("article")
    subscriptions.tell(followed, "article-changed", "/help/faq/export", "2", now=FRIDAY)
    subscriptions.choose(token_of(world, world.alice.email), "left", now=FRIDAY)
    assert kinds(world) == []
    assert subscriptions.of(world.alice.email) == ()


def test_a_stranger_cannot_fill_somebodys_mailbox(
    subscriptions: Subscriptions, world: World
) -> None:
    for i, spelling in enumerate(("gina@example.org", "Gina@Example.org", "gina+a@example.org")):
        subscriptions.subscribe(f"problem:{i}", spelling, is_own_address=False, now=FRIDAY)
    with pytest.raises(TooMany):
        subscriptions.subscribe("problem:9", "gina+b@example.org", is_own_address=False, now=FRIDAY)


def test_a_wrong_link_address_or_choice_is_told(subscriptions: Subscriptions, world: World) -> None:
    with pytest.raises(NotFound):
        subscriptions.get("no-such-token")
    with pytest.raises(Invalid):
        subscriptions.subscribe(TOPIC, "gina", is_own_address=False, now=FRIDAY)
    subscriptions.subscribe(TOPIC, "g@example.org", is_own_address=False, now=FRIDAY)
    with pytest.raises(Invalid):
        subscriptions.choose(token_of(world, "g@example.org"), "perhaps", now=FRIDAY)
