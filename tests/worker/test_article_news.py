"""After a publish, webhooks are told which articles are new or changed, once."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from sqlalchemy import select

from kb.notifications.tables import WEBHOOK_JOBS
from kb.search.installation import search_engine
from kb.webhooks.feed import WebhookFeed
from kb.worker.article_news import ArticleNews
from tests.webapp.world import DOCUMENTS, document, publish
from tests.world import FRIDAY, World


def test_new_and_changed_articles_are_told_once(world: World, tmp_path: Path) -> None:
    data = tmp_path / "index"
    publish(data)
    index = search_engine(data).generations
    feed = WebhookFeed(world.database, ["https://www.example.com/hook"])
    news, other_worker = ArticleNews(index, feed), ArticleNews(index, feed)
    news.tell(FRIDAY)
    other_worker.tell(FRIDAY)
    assert told(world) == []  # what was there before is no news

    changed = dataclasses.replace(DOCUMENTS[0], title="Clear a jam of paper")
    added = document("new", "A new page", ("", "", "Something else."))
    publish(data, (changed, *DOCUMENTS[1:], added))
    for worker in (news, other_worker, news):
        worker.tell(FRIDAY)
    assert sorted(told(world)) == [
        ("doc/jam", "Clear a jam of paper", "/help/doc/jam"),
        ("doc/new", "A new page", "/help/doc/new"),
    ]


def told(world: World) -> list[tuple[str, str, str]]:
    with world.database.read() as connection:
        facts = connection.execute(select(WEBHOOK_JOBS.c.facts)).scalars().all()
    bodies = [fact["body"]["data"] for fact in facts]
    return [(data["id"], data["title"], data["path"]) for data in bodies]
