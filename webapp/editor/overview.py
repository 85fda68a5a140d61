"""The editor's page: published content, generations, score parts, issues and curations.

All of it comes from ``centre.index`` and ``centre.searcher``. ``publishing`` starts runs of the
index.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Conflict, Invalid, KbError, NotFound, Unavailable
from kb.search.documents import PUBLIC
from kb.search.generations.generation import Generation, PastGeneration
from kb.search.results import Considered, Hit
from webapp.context import centre
from webapp.editor.publishing import RUN_TITLES, publishing_state, visible_audiences
from webapp.problems import LOG

blueprint = Blueprint("editor", __name__, url_prefix="/editor")

MAX_FINDINGS = 50  # on the page; `kb index --json` lists all of them
TESTED_HITS = 8


class ScorePart(NamedTuple):
    title: str
    meaning: str = ""


#: Part of a score, as ``Hit.explain`` names it, in the order of the table's columns.
SCORE_PARTS: Mapping[str, ScorePart] = MappingProxyType(
    {
        "words": ScorePart(
            "Words",
            "Words of the query. Rare words count more, words in titles three times as much.",
        ),
        "passage": ScorePart("Proximity", "Many words of the query close together in one section."),
        "letters": ScorePart(
            "Title n-grams", "A title that resembles the query, with typos and partial words."
        ),
        "topics": ScorePart("Latent topics", "Text about the same subject in other words."),
        "kindred": ScorePart(
            "Relevance feedback", "Text about the same subject as the three best results."
        ),
        "meaning": ScorePart("Meaning", "Text that means what was asked, in whatever words."),
        "threads": ScorePart("Threads", "Forum threads about the query say what this page says."),
        "kind": ScorePart(
            "Kind", "The place among guides, FAQ and threads, by which of them cover the query."
        ),
        "unsolved": ScorePart("No answer", "A penalty for threads without an accepted answer."),
        "exact": ScorePart("Exact code", "An error code or name of the query, letter by letter."),
        "heading": ScorePart("Heading", "A page with exactly this heading."),
        "phrase": ScorePart("Phrase", "A title with the last words of the query in their order."),
        "version": ScorePart("Version", "The version that the query names."),
        "language": ScorePart(
            "Language", "A penalty for pages in another language than the reader’s."
        ),
        "otherversion": ScorePart(
            "Other version",
            "A penalty for pages that are only about versions other than the reader’s.",
        ),
        "otherproduct": ScorePart(
            "Other product", "A penalty for pages about a product other than the reader’s."
        ),
        "changelog": ScorePart(
            "Changelog", "A penalty for lists of changes, unless a version or news was asked for."
        ),
        "fresh": ScorePart("Freshness", "A recent update. It rarely does more than break a tie."),
        "votes": ScorePart("Resolved tickets", "Similar tickets were resolved with this document."),
        "translated": ScorePart(
            "Customers' words", "Tickets with these words were resolved with this document."
        ),
        "boost": ScorePart("Boost", "Raised or lowered for this query by an editor."),
        "pin": ScorePart("Pin", "Pinned to the top for this query by an editor."),
    }
)


@dataclass(frozen=True, slots=True)
class TestedQuery:
    """A query as ``audience`` would see it answered; ``parts`` are the score parts that occur, and
    ``considered`` says why suggestions are shown or not.
    """

    query: str
    audience: str
    mode: str
    hits: tuple[Hit, ...] = ()
    parts: tuple[str, ...] = ()
    considered: Considered | None = None
    sentence: str = ""


@blueprint.get("")
def overview() -> str:
    return _page()


@blueprint.post("/rollback")
def rollback() -> tuple[str, int] | BaseResponse:
    """Makes another kept generation live; the next publish starts from it."""
    name = request.form.get("name", "")
    try:
        generation = centre().index.rollback(name[:20])
    except (NotFound, Unavailable, Conflict) as error:
        return _page(sentence=error.sentence), error.status
    LOG.info("generation %s is live again, by the editor's page", generation.name)
    return redirect(url_for("editor.overview", served=generation.name), 303)


def _page(*, sentence: str = "") -> str:
    index = centre().index
    past = index.history(trusted=True)
    serving = index.current(trusted=True)
    audiences = visible_audiences(serving)
    return render_template(
        "editor/overview.html",
        standing=publishing_state(serving, audiences),
        RUN_TITLES=RUN_TITLES,
        past=past,
        serving=_past_row(past, serving),
        created={row.name: _instant(row.created) for row in past},
        seen=_document_counts(audiences) if serving else {},
        findings=serving.findings() if serving else (),
        shown=MAX_FINDINGS,
        decided=serving.curations() if serving else {},
        audiences=audiences,
        tried=_tested_query(audiences),
        measured=serving.calibrations().get(PUBLIC) if serving else None,
        score_part=_score_part,
        sentence=sentence,
        served=request.args.get("served", ""),
    )


def _past_row(past: Sequence[PastGeneration], serving: Generation | None) -> PastGeneration | None:
    return next((row for row in past if serving and row.name == serving.name), None)


def _instant(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None


def _document_counts(audiences: Sequence[str]) -> dict[str, dict[str, int]]:
    """audience -> kind -> number of documents; empty while the index cannot be searched."""
    try:
        return {name: centre().searcher.counts(name) for name in audiences}
    except KbError:
        return {}


def _score_part(name: str) -> ScorePart:
    return SCORE_PARTS.get(name, ScorePart(name.capitalize()))


def _tested_query(audiences: Sequence[str]) -> TestedQuery | None:
    """The query in the address. Raises Invalid for an audience that the editor does not see."""
    query = request.args.get("q", "").strip()
    if not query:
        return None

    audience, mode = request.args.get("as", PUBLIC), request.args.get("mode", "suggest")
    if audience not in audiences or mode not in ("suggest", "search"):
        raise Invalid(f"Audience not found: {audience[:40]!r}. Choose from the list.", field="as")

    searcher, considered = centre().searcher, None
    try:
        if mode == "suggest":
            answer = searcher.suggest(
                query, audience=audience, limit=TESTED_HITS, explain=True, settled=True
            )
            hits, considered = answer.hits, answer.considered
        else:
            hits = searcher.search(
                query, audience=audience, per_page=TESTED_HITS, explain=True
            ).hits
    except KbError as error:
        return TestedQuery(query, audience, mode, sentence=error.sentence)

    present = {name for hit in hits for name in hit.explain}
    known = (name for name in SCORE_PARTS if name in present)
    unknown = sorted(present - set(SCORE_PARTS))
    return TestedQuery(query, audience, mode, hits, (*known, *unknown), considered)
