"""Webhook endpoints: what they are told, how it is signed, and what becomes of a delivery."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select

from kb.analytics.tables import FEEDBACK
from kb.database import DATABASE_FILE
from kb.errors import Invalid, NotFound
from kb.notifications.channels.webhook import WebhookChannel, sign_webhook
from kb.notifications.outbox import Outbox
from kb.notifications.tables import WEBHOOK_JOBS
from kb.problems.problems import Problems
from kb.subscriptions.subscriptions import Subscriptions
from kb.tickets import actions
from kb.tickets.lifecycle import Verb
from kb.tickets.repository.policy_versions import single_version
from kb.tickets.sweeper import Sweeper
from kb.webhooks.endpoints import Webhooks
from kb.webhooks.events import EVENT_TYPES, changed_fields
from kb.webhooks.feed import PublishedArticle, WebhookFeed
from kb.worker.worker import Worker
from tests.notifications.servers import Receiver, web_server
from tests.world import DAY, FRIDAY, HOUR, World, draft

KEY = "k" * 40


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with web_server() as receiver:
        yield receiver


@pytest.fixture
def webhooks(world: World) -> Webhooks:
    return Webhooks(world.database, lambda: (KEY,), "https://help.example.com", allow_plain=True)


def worker(world: World, webhooks: Webhooks, *, private: bool = True, urls: Any = ()) -> Worker:
    channel = WebhookChannel(
        secrets_of=webhooks.secrets_of,
        complete=lambda body, now: webhooks.message_body(body, now=now),
        allow_private=private,
    )
    return Worker(
        Sweeper(world.database, world.policy, single_version(world.policy)),
        Outbox(world.database),
        (channel,),
        enqueue_events=WebhookFeed(world.database, urls).enqueue_new,
    )


def filed(world: World, key: str = "k") -> str:
    return world.desk.filing.file(draft("Cannot print"), world.alice, key=key, now=FRIDAY)


def bodies(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(body) for _, body in receiver.requests]


def test_an_endpoint_is_told_what_happened_with_title_link_and_values(
    world: World, webhooks: Webhooks, receiver: Receiver
) -> None:
    made = webhooks.add(receiver.url, [], now=FRIDAY)
    sending = worker(world, webhooks)
    sending.round(FRIDAY)
    number = filed(world)
    world.desk.act(number, world.bob, actions.assign(world.bob), now=FRIDAY)
    sending.round(FRIDAY)

    opened, assigned = bodies(receiver)
    assert (opened["type"], assigned["type"]) == ("ticket.opened", "ticket.assigned")
    assert assigned["data"] | {"ticket": None} == {
        "number": number,
        "by_agent": True,
        "public": False,
        "changed": ["assignee"],
        "title": "Cannot print",
        "url": f"https://help.example.com/tickets/{number}",
        "ticket": None,
    }
    assert assigned["data"]["ticket"]["assignee"] == world.bob.name
    headers, body = receiver.requests[0]
    at = int(FRIDAY.timestamp())
    signature = sign_webhook([made.secret], headers["webhook-id"], at, body)
    assert headers["webhook-signature"] == signature


def test_an_endpoint_is_told_what_it_chose_since_it_was_added(
    world: World, webhooks: Webhooks, receiver: Receiver
) -> None:
    sending = worker(world, webhooks, urls=("http://127.0.0.1:9/",))
    sending.round(FRIDAY - DAY)
    number = filed(world)
    webhooks.add(receiver.url, ["ticket.commented"], now=FRIDAY + HOUR)
    for verb in (actions.comment("More"), actions.cancel()):
        world.desk.act(number, world.alice, verb, now=FRIDAY + HOUR)
    sending.round(FRIDAY + HOUR)
    assert [body["type"] for body in bodies(receiver)] == ["ticket.commented"]


def test_what_somebody_typed_is_never_stored_for_sending(
    world: World, webhooks: Webhooks, receiver: Receiver
) -> None:
    webhooks.add(receiver.url, [], now=FRIDAY)
    feed = WebhookFeed(world.database)
    feed.enqueue_new(FRIDAY)
    filed(world)
    feed.enqueue_new(FRIDAY)
    with world.database.read() as connection:
        facts = connection.execute(select(WEBHOOK_JOBS.c.facts)).scalars().all()
    assert facts
    assert "Cannot print" not in str(facts)


def test_the_secret_is_stored_sealed(world: World, webhooks: Webhooks, receiver: Receiver) -> None:
    made = webhooks.add(receiver.url, [], now=FRIDAY)
    assert webhooks.secrets_of(made.endpoint.id) == (made.secret,)
    assert world.sqlite, "the whole file is looked through"
    with sqlite3.connect(world.data / DATABASE_FILE) as connection:
        assert made.secret not in "\n".join(connection.iterdump())
    connection.close()
    other = Webhooks(world.database, lambda: ("o" * 40,), "https://help.example.com")
    assert other.secrets_of(made.endpoint.id) is None


def test_a_test_arrives_whatever_was_chosen_and_a_delivery_can_be_sent_again(
    world: World, webhooks: Webhooks, receiver: Receiver
) -> None:
    endpoint = webhooks.add(receiver.url, ["ticket.opened"], now=FRIDAY).endpoint
    webhooks.test(endpoint.id, now=FRIDAY)
    receiver.status = 500
    worker(world, webhooks).round(FRIDAY)
    [delivery] = webhooks.deliveries(endpoint.id)
    assert (delivery.type, delivery.state, delivery.attempts) == ("webhook.test", "pending", 1)
    assert "500" in delivery.error

    receiver.status = 410
    worker(world, webhooks).round(FRIDAY + HOUR)
    [delivery] = webhooks.deliveries(endpoint.id)
    assert delivery.state == "failed"

    receiver.status = 204
    webhooks.replay(endpoint.id, delivery.id, now=FRIDAY + HOUR)
    with pytest.raises(NotFound):
        webhooks.replay(endpoint.id, delivery.id, now=FRIDAY + HOUR)
    worker(world, webhooks).round(FRIDAY + HOUR)
    [delivery] = webhooks.deliveries(endpoint.id)
    assert (delivery.state, delivery.error) == ("done", "")
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 1


def test_a_paused_or_removed_endpoint_gets_nothing(
    world: World, webhooks: Webhooks, receiver: Receiver
) -> None:
    endpoint = webhooks.add(receiver.url, [], now=FRIDAY).endpoint
    webhooks.test(endpoint.id, now=FRIDAY)
    webhooks.switch(endpoint.id, on=False)
    worker(world, webhooks).round(FRIDAY)
    assert receiver.requests == []
    webhooks.switch(endpoint.id, on=True)
    webhooks.test(endpoint.id, now=FRIDAY)
    webhooks.remove(endpoint.id)
    worker(world, webhooks).round(FRIDAY)
    assert receiver.requests == []
    for refused in (webhooks.get, webhooks.remove, webhooks.deliveries):
        with pytest.raises(NotFound):
            refused(endpoint.id)


def test_an_endpoint_in_the_own_network_is_not_reached(
    world: World, webhooks: Webhooks, receiver: Receiver
) -> None:
    endpoint = webhooks.add(receiver.url, [], now=FRIDAY).endpoint
    webhooks.test(endpoint.id, now=FRIDAY)
    worker(world, webhooks, private=False).round(FRIDAY)
    assert receiver.requests == []
    assert webhooks.deliveries(endpoint.id)[0].state == "failed"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "http://www.example.com/",
        "ftp://www.example.com/",
        "https://",
        "https://a b.example/",
        "https://user:secret@www.example.com/",
        "https://www.example.com:0/",
        "https://[::1",
        "https://www.example.com/" + "x" * 500,
    ],
)
def test_an_address_that_cannot_be_called_safely_is_refused(world: World, url: str) -> None:
    webhooks = Webhooks(world.database, lambda: (KEY,), "https://help.example.com")
    with pytest.raises(Invalid) as refused:
        webhooks.add(url, [], now=FRIDAY)
    assert set(refused.value.fields) == {"url"}


def test_an_unknown_event_is_refused(webhooks: Webhooks, receiver: Receiver) -> None:
    with pytest.raises(Invalid):
        webhooks.add(receiver.url, ["ticket.exploded"], now=FRIDAY)
    endpoint = webhooks.add(receiver.url, [], now=FRIDAY).endpoint
    with pytest.raises(Invalid):
        webhooks.choose(endpoint.id, ["ticket.exploded"])
    webhooks.choose(endpoint.id, ["feedback.given", "ticket.opened"])
    assert webhooks.get(endpoint.id).events == ("ticket.opened", "feedback.given")


def test_problems_votes_and_articles_are_told(
    world: World, webhooks: Webhooks, receiver: Receiver
) -> None:
    webhooks.add(receiver.url, [], now=FRIDAY)
    sending = worker(world, webhooks)
    sending.round(FRIDAY)
    problems = Problems(world.database, Subscriptions(world.database))
    form = {"title": "Printers stop", "status": "identified", "audience": "public"}
    problem = problems.publish(
        {**form, "confirmed": "yes"},
        world.bob,
        world.desk,
        products={},
        audiences=("public",),
        now=FRIDAY + HOUR,
    )
    update = {"status": "monitoring", "body": "Fixed.", "confirmed": "yes"}
    problems.update(problem, update, world.bob, now=FRIDAY + HOUR)
    vote = {"document_id": "doc/jam", "voter": "person:1", "helpful": False, "at": FRIDAY + HOUR}
    with world.database.write() as connection:
        connection.execute(insert(FEEDBACK).values(**vote, reason="canary"))
    article = PublishedArticle(2, "doc/jam", "Clear a paper jam", "/help/doc/jam", "public")
    for _ in range(2):  # two workers see the same generation
        WebhookFeed(world.database).add_articles([article], FRIDAY + HOUR)
    sending.round(FRIDAY + 2 * HOUR)

    told = {body["type"]: body["data"] for body in bodies(receiver)}
    assert len(receiver.requests) == len(told) + 1  # the problem was published and updated
    assert told["problem.updated"]["status"] == "monitoring"
    assert told["problem.updated"]["url"] == f"https://help.example.com/problems/{problem}"
    assert told["feedback.given"]["url"] == "https://help.example.com/help/doc/jam"
    assert told["feedback.given"]["helpful"] is False
    assert "canary" not in json.dumps(told)
    assert told["article.published"]["title"] == "Clear a paper jam"


def test_a_vote_that_is_saved_after_later_ones_is_told_once(
    world: World, webhooks: Webhooks, receiver: Receiver
) -> None:
    webhooks.add(receiver.url, ["feedback.given"], now=FRIDAY)
    sending = worker(world, webhooks)
    sending.round(FRIDAY)
    for seconds in (30, 29, 5):
        at = FRIDAY + timedelta(seconds=seconds)
        world.deflection.helpful("doc/jam", True, f"person:{seconds}", at)
        sending.round(FRIDAY + timedelta(seconds=40))
        sending.round(FRIDAY + timedelta(seconds=41))
    assert len(receiver.requests) == 3


def test_a_vote_is_not_told_again_once_its_job_is_deleted(
    world: World, webhooks: Webhooks, receiver: Receiver
) -> None:
    webhooks.add(receiver.url, ["feedback.given"], now=FRIDAY)
    sending = worker(world, webhooks)
    sending.round(FRIDAY)
    world.deflection.helpful("doc/jam", True, "person:1", FRIDAY + timedelta(seconds=5))
    for minutes in (1, 4):
        sending.round(FRIDAY + timedelta(minutes=minutes))
    with world.database.write() as connection:
        connection.execute(delete(WEBHOOK_JOBS))
    sending.round(FRIDAY + timedelta(days=40))
    assert len(receiver.requests) == 1


def test_every_verb_is_an_event_and_says_what_it_changes() -> None:
    assert {f"ticket.{verb}" for verb in Verb} <= set(EVENT_TYPES)
    assert "status" in changed_fields(Verb.SOLVE)
    assert changed_fields(Verb.NOTE) == []
