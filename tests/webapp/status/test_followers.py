"""Who is told after a publish."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from kb.notifications.outbox import MAIL_QUEUE, Outbox
from kb.search.searcher import Searcher
from kb.worker.followers import Followers
from tests.webapp.world import DOCUMENTS, MONDAY, Portal, document, publish

LATER = MONDAY + dt.timedelta(days=1)


def mails(portal: Portal) -> list[tuple[str, str, str]]:
    batches = Outbox(portal.centre.database).claim(MAIL_QUEUE, LATER, limit=100)
    return [
        (message.kind, message.recipient, message.facts["path"])
        for batch in batches
        for message in batch
    ]


def look(portal: Portal, **audiences: str) -> None:
    """What a worker does that has just started."""

    def audience_of(address: str) -> str:
        return audiences.get(address.partition("@")[0], "public")

    searcher = Searcher(portal.centre.settings.data)
    Followers(searcher, portal.centre.subscriptions, audience_of).tell(MONDAY)


def follow(portal: Portal, topic: str, name: str) -> None:
    portal.centre.subscriptions.subscribe(
        topic, f"{name}@example.com", is_own_address=True, now=MONDAY
    )


def test_followers_of_an_article_are_told_once_of_what_is_new(portal: Portal) -> None:
    follow(portal, "article:doc/ink", "alice")
    look(portal)
    assert mails(portal) == []

    changed = document("ink", "Change the ink", ("ink", "Ink", "Order a new press: ink is over."))
    rest = tuple(each for each in DOCUMENTS if each.id != "doc/ink")
    publish(portal.centre.settings.data, (*rest, changed))
    look(portal)
    look(portal)
    assert mails(portal) == [("article-changed", "alice@example.com", "/help/doc/ink")]


def test_who_may_not_see_an_article_is_told_nothing_about_it(portal: Portal) -> None:
    for name in ("bob", "charlie"):
        follow(portal, "article:doc/secret", name)
    look(portal, bob="staff", charlie="customers")
    secret = next(each for each in DOCUMENTS if each.id == "doc/secret")
    changed = replace(secret, sections=(replace(secret.sections[0], text="Do nothing at all."),))
    rest = tuple(each for each in DOCUMENTS if each.id != "doc/secret")
    publish(portal.centre.settings.data, (*rest, changed))
    look(portal, bob="staff", charlie="customers")
    assert mails(portal) == [("article-changed", "bob@example.com", "/help/doc/secret")]


def test_whoever_asked_what_nobody_answered_is_told_of_the_answer_and_then_forgotten(
    portal: Portal,
) -> None:
    follow(portal, "question:how do I calibrate the zorblax sensor", "alice")
    look(portal)
    assert mails(portal) == []
    answer = document(
        "zorblax", "Calibrate the zorblax sensor", ("c", "Calibrate", "Hold the zorblax sensor.")
    )
    publish(portal.centre.settings.data, (*DOCUMENTS, answer))
    look(portal)
    assert [mail[:2] for mail in mails(portal)] == [("question-answered", "alice@example.com")]
    assert portal.centre.subscriptions.followed("question") == ()
