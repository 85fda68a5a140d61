"""An article as its editors see it: its use, its age, similar articles, versions that are no longer
supported, and the tickets about its subject before and after it was changed.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import dataclass

from flask import Blueprint, render_template

from kb.errors import KbError
from kb.gaps.flags import FLAG_TITLES
from kb.insights.before_after import RateChange, filed_titles, rate_change
from kb.insights.publications import published_at
from kb.search.documents import Document
from kb.search.results import Hit
from webapp.context import audience, centre, now
from webapp.editor.review import REVIEWED, reviewed_article

blueprint = Blueprint("article_page", __name__, url_prefix="/editor/articles")
#: At most so many days on each side of the day on which it was changed.
MOST_DAYS = 90
MOST_TICKETS = 5_000
#: The cosine of two titles from which they are about one subject.
ALIKE = 0.35
#: The cosine from which another article may be a duplicate.
DUPLICATE = 0.6
OLD = dt.timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Verification:
    """Until when an article was to be verified, if it says so; ``due`` also for a very old one."""

    by: dt.date | None
    due: bool


@dataclass(frozen=True, slots=True)
class Division:
    """The day that divides before from after: when it was ``published``, or last ``changed``."""

    by: str
    at: dt.date | None


@blueprint.get("/<path:document_id>")
def show(document_id: str) -> str:
    document = centre().searcher.article(document_id, audience=audience())
    divided = _division(document)
    return render_template(
        "editor/article.html",
        document=document,
        article=reviewed_article(document),
        kinds=FLAG_TITLES,
        weeks=REVIEWED.days // 7,
        verification=_verification(document, now().date()),
        duplicates=_duplicates(document),
        versions_gone=_versions_gone(document, now().date()),
        divided=divided,
        change=_change(document, divided.at),
    )


def _verification(document: Document, today: dt.date) -> Verification:
    by = None
    with contextlib.suppress(ValueError):
        by = dt.date.fromisoformat(document.extra.get("verify_by", ""))
    if by is not None:
        return Verification(by, by < today)
    return Verification(None, document.updated is not None and document.updated < today - OLD)


def _duplicates(document: Document) -> list[Hit]:
    """Other articles with a title that is almost the same."""
    searcher = centre().searcher
    try:
        others = searcher.related(document.id, audience=audience(), limit=10)
        likeness = searcher.likeness(
            document.title, [hit.title for hit in others], audience=audience()
        )
    except KbError:
        return []
    return [hit for hit, value in zip(others, likeness, strict=True) if value >= DUPLICATE]


def _versions_gone(document: Document, today: dt.date) -> list[str]:
    """Versions that the article is about and that are no longer supported, or not known."""
    product = centre().catalogue.product(document.product)
    if product is None:
        return []
    gone = []
    for name in document.versions:
        version = product.version(name)
        if version is None or (version.support_ends and version.support_ends < today):
            gone.append(name)
    return gone


def _division(document: Document) -> Division:
    """Without a recorded publication, the day of the last change is used."""
    published = published_at(centre().database, document.id)
    if published is not None:
        return Division("published", published.astimezone(dt.UTC).date())
    return Division("changed", document.updated)


def _change(document: Document, divided_at: dt.date | None) -> RateChange | None:
    """The tickets about the same subject before and after that day; None without a day."""
    if divided_at is None:
        return None
    today = now().date()
    days_after = min((today - divided_at).days, MOST_DAYS)
    if days_after < 1:
        return None
    changed = dt.datetime.combine(divided_at, dt.time(), dt.UTC)
    since = changed - dt.timedelta(days=MOST_DAYS)
    until = changed + dt.timedelta(days=days_after)
    with centre().database.read() as connection:
        filed = filed_titles(connection, since, until, most=MOST_TICKETS)
    names = (document.title, *document.aliases)
    titles = [title for _, title in filed]
    alike = [False] * len(titles)
    for name in names[:10]:
        likeness = centre().searcher.likeness(name, titles, audience=audience())
        alike = [known or value >= ALIKE for known, value in zip(alike, likeness, strict=True)]
    times = [at for (at, _), same in zip(filed, alike, strict=True) if same]
    before = sum(at < changed for at in times)
    return rate_change(before, len(times) - before, MOST_DAYS, days_after)
