"""Followers: after each publish, who is told that an article changed or a question has an answer.

A subscriber is told of what their audience may see. An article that is gone, or hidden from them,
is passed over in silence: that it still exists for others is nobody's business.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from kb.errors import NotFound
from kb.search.documents import Document
from kb.search.results import Suggestions, Tier
from kb.search.searcher import Searcher
from kb.subscriptions.subscriptions import Subscription, Subscriptions
from kb.subscriptions.text_sketch import says_something_new, text_sketch


class Followers:
    """Looks once at each generation; a worker that starts looks at the present one, too."""

    def __init__(
        self, searcher: Searcher, subscriptions: Subscriptions, audience_of: Callable[[str], str]
    ) -> None:
        """``audience_of`` says what an address may see today."""
        self._searcher = searcher
        self._subscriptions = subscriptions
        self._audience_of = audience_of
        self._looked_at = ""

    def tell(self, now: dt.datetime) -> int:
        """Returns 0, for there is nothing left to do. Raises Unavailable when the database is."""
        generation = self._searcher.generation if self._searcher.ready() else self._looked_at
        if generation == self._looked_at:
            return 0
        for subscription in self._subscriptions.followed("article"):
            self._article(subscription, now)
        for subscription in self._subscriptions.followed("question"):
            self._question(subscription, now)
        self._looked_at = generation
        return 0

    def _article(self, subscription: Subscription, now: dt.datetime) -> None:
        audience = self._audience_of(subscription.address)
        try:
            article = self._searcher.article(subscription.key, audience=audience)
        except NotFound:
            return
        says = text_sketch(article_text(article))
        if not subscription.seen:
            self._subscriptions.saw(subscription, says)
        elif says_something_new(subscription.seen, says):
            self._subscriptions.tell(subscription, "article-changed", article.url, says, now=now)

    def _question(self, subscription: Subscription, now: dt.datetime) -> None:
        audience = self._audience_of(subscription.address)
        answer = self._searcher.suggest(subscription.key, audience=audience, limit=1)
        if is_answered(answer):
            page = answer.hits[0].url
            self._subscriptions.tell(
                subscription, "question-answered", page, page, ends=True, now=now
            )


def article_text(document: Document) -> str:
    """What an article says, without its pictures and links."""
    parts = (f"{' '.join(section.path[-1:])} {section.text}" for section in document.sections)
    return "\n".join((document.title, *parts))


def is_answered(answer: Suggestions) -> bool:
    """Whether a question has an answer now: a page that is likely to be right."""
    return bool(answer.hits) and answer.hits[0].tier is Tier.STRONG
