"""Articles to review: after which of them tickets were filed anyway, what readers and agents say.

What mending an article may save comes first: the tickets of the last twelve weeks that were filed
after it was read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import NotFound
from kb.gaps.flags import FLAG_TITLES, ArticleFlag, ArticleFlags
from kb.insights.deflection import ArticleUse, Period, article_uses
from kb.insights.searches import ArticleVotes, votes_of_articles
from kb.search.documents import Document
from webapp.context import audience, centre, now

blueprint = Blueprint("review", __name__, url_prefix="/editor/review")
REVIEWED = dt.timedelta(weeks=12)
MOST_ARTICLES = 100


@dataclass(slots=True)
class ReviewedArticle:
    """An article with everything that is known about it; ``use`` is None if nobody read it."""

    document: Document
    flags: list[ArticleFlag] = field(default_factory=list)
    use: ArticleUse | None = None
    votes: ArticleVotes | None = None

    @property
    def filed(self) -> int:
        """Tickets that were filed after reading it, the most that a better article can save."""
        return self.use.sums.filed_read if self.use else 0

    @property
    def urgency(self) -> tuple[int, int, int]:
        return self.filed, len(self.flags), self.votes.not_helpful if self.votes else 0


def reviewed_article(document: Document) -> ReviewedArticle:
    """What is known about one article."""
    opened = ArticleFlags(centre().database).open()
    flags = [flag for flag in opened if flag.document_id == document.id]
    today = now().date()
    period = Period(today - REVIEWED, today)
    with centre().database.read() as connection:
        uses = article_uses(connection, period, only=document.id)
        votes = votes_of_articles(connection, period, limit=1, only=document.id)
    return ReviewedArticle(document, flags, next(iter(uses), None), next(iter(votes), None))


@blueprint.get("")
def show() -> str:
    articles = sorted(_articles(), key=lambda article: article.urgency, reverse=True)
    return render_template(
        "editor/review.html",
        articles=[article for article in articles if any(article.urgency)][:MOST_ARTICLES],
        kinds=FLAG_TITLES,
        weeks=REVIEWED.days // 7,
    )


def _articles() -> Iterator[ReviewedArticle]:
    """Those that the editor may see; others, and what is gone, are passed over."""
    today = now().date()
    period = Period(today - REVIEWED, today)
    flags = ArticleFlags(centre().database).open()
    with centre().database.read() as connection:
        listed = article_uses(connection, period, limit=500, compared=False)
        rows = votes_of_articles(connection, period, limit=500)
    uses = {use.document_id: use for use in listed}
    votes = {row.document_id: row for row in rows}
    for name in dict.fromkeys([*(flag.document_id for flag in flags), *uses, *votes]):
        try:
            document = centre().searcher.article(name, audience=audience())
        except NotFound:
            continue
        of_article = [flag for flag in flags if flag.document_id == name]
        yield ReviewedArticle(document, of_article, uses.get(name), votes.get(name))


@blueprint.post("/flags/<int(max=2000000000):flag_id>/close")
def close(flag_id: int) -> BaseResponse:
    ArticleFlags(centre().database).close(flag_id, now())
    return redirect(url_for("review.show"), 303)
