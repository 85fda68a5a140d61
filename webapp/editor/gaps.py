"""Gaps for editors: which page to write next, which one search should show, and a draft of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Conflict, Misconfigured, NotFound, Unavailable
from kb.gaps.alias_candidate import AliasCandidates
from kb.gaps.article_draft import draft_text, save_draft
from kb.gaps.gaps import Gap, GapCause
from kb.gaps.proposals import (
    MOST_QUERIES,
    GapProposal,
    accept,
    proposal_effect,
    proposal_for,
    searcher_with,
)
from kb.gaps.repository import GapRepository
from kb.search.documents import PUBLIC, Document
from webapp.context import audience, centre, now, settings

blueprint = Blueprint("gaps", __name__, url_prefix="/editor/gaps")
LAST_MONTH = dt.timedelta(days=31)


@blueprint.get("")
def show() -> str:
    return _page()


def _page(sentence: str = "") -> str:
    repository = GapRepository(centre().database)
    gaps = repository.stored()
    return render_template(
        "editor/gaps.html",
        gaps=gaps,
        titles=_titles(gap.document for _, gap in gaps if gap.document),
        found_at=repository.found_at(),
        minutes=settings().handling_minutes,
        drafted=request.args.get("drafted", ""),
        accepted=request.args.get("accepted", "")[:300],
        sentence=sentence,
    )


def _titles(document_ids: Iterable[str]) -> dict[str, str]:
    """Those of pages that the editor may see; a page that is gone keeps its id."""
    titles = {}
    for name in dict.fromkeys(document_ids):
        try:
            titles[name] = centre().searcher.article(name, audience=audience()).title
        except NotFound:
            titles[name] = name
    return titles


@blueprint.post("/<int(max=2000000000):gap_id>/draft")
def draft(gap_id: int) -> BaseResponse | tuple[str, int]:
    """Writes a draft into the content's folder of drafts, which no index reads."""
    gap = _gap(gap_id)
    try:
        text = draft_text(gap.title, gap.aliases, now().date())
        name = save_draft(settings().content, gap.title, text)
    except (Conflict, Unavailable) as error:
        return _page(error.sentence), error.status
    return redirect(url_for("gaps.show", drafted=name), 303)


@blueprint.get("/<int(max=2000000000):gap_id>/proposal")
def proposal(gap_id: int) -> str:
    """What search would do with aliases or a curation for this gap, before anybody accepts it."""
    return _proposal(gap_id)


def _proposal(gap_id: int, sentence: str = "") -> str:
    proposed, document = _proposed(gap_id)
    content, searcher = settings().content, centre().searcher
    serving = centre().index.current()
    if serving is None:
        raise Unavailable(centre().index.absence())
    candidates = AliasCandidates(
        centre().database,
        customers=settings().vote_customers,
        false_suggestions=settings().false_suggestions,
    )
    frequent = centre().query_log.frequent(
        [PUBLIC], now=now(), limit=MOST_QUERIES, since=now() - LAST_MONTH
    )
    asked = [(query.query, query.times) for query in frequent]
    with searcher_with(proposed, document, serving, searcher, candidates) as candidate:
        effect = proposal_effect(proposed, searcher, candidate, content / "golden.toml", asked)
    return render_template(
        "editor/proposal.html",
        gap_id=gap_id,
        proposal=proposed,
        document=document,
        effect=effect,
        titles=_titles(name for query in effect.changed for name in (*query.before, *query.after)),
        sentence=sentence,
    )


@blueprint.post("/<int(max=2000000000):gap_id>/proposal")
def accept_proposal(gap_id: int) -> BaseResponse | tuple[str, int]:
    """Writes it into the page's file or ``curations.toml``; it takes effect with a publish."""
    proposed, _ = _proposed(gap_id)
    try:
        accept(proposed, settings().content)
    except (Conflict, Unavailable) as error:
        return _proposal(gap_id, error.sentence), error.status
    except Misconfigured as error:
        return _proposal(gap_id, error.sentence.replace(f"{settings().content}/", "")), 409
    return redirect(url_for("gaps.show", accepted=proposed.file), 303)


def _proposed(gap_id: int) -> tuple[GapProposal, Document]:
    gap = _gap(gap_id)
    if gap.cause is not GapCause.SEARCH:
        raise NotFound("This gap needs a new page, not aliases. Go back to the list.")
    document = centre().searcher.article(gap.document, audience=audience())
    return proposal_for(gap, document, settings().content), document


def _gap(gap_id: int) -> Gap:
    gap = dict(GapRepository(centre().database).stored()).get(gap_id)
    if gap is None:
        raise NotFound("The list was updated and no longer has this gap. Open it again.")
    return gap
