"""Article news: after each publish, which articles are new or changed, for webhooks."""

from __future__ import annotations

import contextlib
import datetime as dt
import logging

from kb.errors import KbError
from kb.search.generations.generation import Generations
from kb.webhooks.feed import PublishedArticle, WebhookFeed

LOG = logging.getLogger(__name__)
#: Of one publish; whoever has more to read lists the articles.
MOST_ARTICLES = 500


class ArticleNews:
    """Compares each generation with the one that this worker saw before it.

    What is published while no worker runs is not reported.
    """

    def __init__(self, index: Generations, feed: WebhookFeed) -> None:
        self._index = index
        self._feed = feed
        self._seen = ""

    def tell(self, now: dt.datetime) -> int:
        """Returns 0, for there is nothing left to do."""
        published = self._index.published_name() or ""
        if published == self._seen:
            return 0
        earlier, self._seen = self._seen, published
        if earlier and published and self._feed.receivers():
            try:
                articles = self._difference(earlier, published)
            except KbError as error:  # the earlier one is no longer kept
                LOG.info("Generations %s and %s: %s", earlier, published, error.sentence)
                return 0
            self._feed.add_articles(articles, now)
        return 0

    def _difference(self, earlier: str, published: str) -> list[PublishedArticle]:
        before = self._index.verified(earlier, trusted=True).store
        after = self._index.verified(published, trusted=True).store
        with contextlib.closing(before), contextlib.closing(after):
            fresh = after.difference(before).fresh[:MOST_ARTICLES]
            return [
                PublishedArticle(
                    int(published), document.id, document.title, document.url, document.audience
                )
                for document in after.documents(fresh)
            ]
