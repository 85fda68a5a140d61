"""The outbox: claimed once, again after the lease, combined by recipient, given up in the end."""

from __future__ import annotations

import datetime as dt

import pytest

from kb.notifications.outbox import (
    MAIL_QUEUE,
    MAX_SEND_ATTEMPTS,
    MESSAGE_LEASE,
    ClaimedMessage,
    Outbox,
)
from kb.notifications.queue import NewNotice, add_notices
from tests.world import DAY, FRIDAY, HOUR, World

SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def outbox(world: World) -> Outbox:
    return Outbox(world.database)


def add(world: World, *notices: NewNotice, cause: str = "cause") -> None:
    with world.database.write() as connection:
        add_notices(connection, None, cause, notices, FRIDAY)


def claim(outbox: Outbox, now: dt.datetime = FRIDAY, limit: int = 50) -> list[ClaimedMessage]:
    return [message for batch in outbox.claim(MAIL_QUEUE, now, limit) for message in batch]


def test_one_cause_notifies_a_recipient_once(world: World, outbox: Outbox) -> None:
    for cause in ("first", "first", "second"):
        add(world, NewNotice("replied", "alice@example.com"), cause=cause)
    assert len(claim(outbox)) == 2


def test_a_notice_waits_until_it_is_due(world: World, outbox: Outbox) -> None:
    add(world, NewNotice("replied", "alice@example.com", due=FRIDAY + HOUR))
    assert claim(outbox, FRIDAY + HOUR - SECOND) == []
    assert len(claim(outbox, FRIDAY + HOUR)) == 1


def test_a_claim_ends_with_its_lease(world: World, outbox: Outbox) -> None:
    add(world, NewNotice("replied", "alice@example.com"))
    (first,) = claim(outbox)
    assert claim(outbox, FRIDAY + MESSAGE_LEASE - SECOND) == []
    assert claim(outbox, FRIDAY + MESSAGE_LEASE) == [first]


def test_alarms_of_one_recipient_are_one_batch_beyond_the_limit(
    world: World, outbox: Outbox
) -> None:
    add(world, NewNotice("warned", "bob@example.com"), cause="1")
    add(world, NewNotice("breached", "bob@example.com"), cause="2")
    add(world, NewNotice("breached", "ada@example.com"), cause="3")
    add(world, NewNotice("replied", "bob@example.com"), cause="4")
    (batch,) = outbox.claim(MAIL_QUEUE, FRIDAY, limit=1)
    assert [(message.kind, message.recipient) for message in batch] == [
        ("warned", "bob@example.com"),
        ("breached", "bob@example.com"),
    ]
    assert [len(batch) for batch in outbox.claim(MAIL_QUEUE, FRIDAY)] == [1, 1]


def test_a_sent_message_is_never_claimed_again(world: World, outbox: Outbox) -> None:
    add(world, NewNotice("replied", "alice@example.com"))
    outbox.mark_sent(MAIL_QUEUE, claim(outbox), FRIDAY)
    assert claim(outbox, FRIDAY + DAY) == []
    assert outbox.pending() == {"mail": 0, "webhook": 0}
    assert outbox.failures() == ()


def test_a_failure_waits_longer_each_time_and_is_given_up_in_the_end(
    world: World, outbox: Outbox
) -> None:
    add(world, NewNotice("replied", "alice@example.com"))
    now, waits = FRIDAY, []
    while messages := claim(outbox, now):
        outbox.mark_failed(MAIL_QUEUE, messages, "unreachable", now, permanent=False)
        with world.database.read() as connection:
            due = connection.exec_driver_sql("SELECT due_at FROM notices").scalar_one()
        waits.append(due - int(now.timestamp()))
        now += DAY
    assert len(waits) == MAX_SEND_ATTEMPTS
    assert waits[:-1] == sorted(waits[:-1])
    assert waits[0] == 60
    (failure,) = outbox.failures()
    assert (failure.recipient, failure.attempts) == ("alice@example.com", MAX_SEND_ATTEMPTS)


def test_a_permanent_failure_is_given_up_at_once(world: World, outbox: Outbox) -> None:
    add(world, NewNotice("replied", "alice@example.com"))
    outbox.mark_failed(MAIL_QUEUE, claim(outbox), "550 unknown", FRIDAY, permanent=True)
    assert claim(outbox, FRIDAY + DAY) == []
    assert [failure.error for failure in outbox.failures()] == ["550 unknown"]
