"""Gaps for editors: which page to write next, which one search should show, and a draft of it."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Conflict, Misconfigured, NotFound, Unavailable
from kb.gaps.article_draft import draft_text, save_draft
from kb.gaps.gaps import Gap
from kb.gaps.proposals import CURATION_SOURCE, accept, proposal_for
from kb.gaps.repository import GapRepository
from kb.gaps.waiting_proposals import StoredProposal, WaitingProposals
from webapp.context import audience, centre, now, settings

blueprint = Blueprint("gaps", __name__, url_prefix="/editor/gaps")


@blueprint.get("")
def show() -> str:
    return _page()


def _page(sentence: str = "") -> str:
    repository = GapRepository(centre().database)
    gaps = repository.stored()
    return render_template(
        "editor/gaps.html",
        gaps=gaps,
        titles=_titles({gap.document for _, gap in gaps if gap.document}),
        found_at=repository.found_at(),
        minutes=settings().handling_minutes,
        drafted=request.args.get("drafted", ""),
        accepted=request.args.get("accepted", "")[:300],
        sentence=sentence,
    )


def _titles(document_ids: Iterable[str]) -> dict[str, str]:
    """The titles of pages; for a page that is gone or that the editor may not see, its id."""
    ids = set(document_ids)
    titles = centre().searcher.titles(ids, audience=audience()) if ids else {}
    return {name: titles.get(name, name) for name in ids}


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


@blueprint.post("/<int(max=2000000000):gap_id>/proposal")
def propose(gap_id: int) -> BaseResponse | tuple[str, int]:
    """Asks the worker to compute what aliases for this gap would change."""
    gap = _gap(gap_id)
    proposal = proposal_for(gap, centre().searcher.article(gap.document, audience=audience()))
    if proposal is None:
        sentence = "There is nothing to add: all these words are already titles of the page."
        return _page(sentence), Conflict.status
    number = WaitingProposals(centre().database).order(proposal, now())
    return redirect(url_for("gaps.proposal", proposal_id=number), 303)


@blueprint.get("/proposals/<int(max=2000000000):proposal_id>")
def proposal(proposal_id: int) -> str:
    """The effect of a proposal, before anybody accepts it."""
    return _proposal(proposal_id)


def _proposal(proposal_id: int, sentence: str = "") -> str:
    stored = _stored(proposal_id)
    changed = stored.effect.changed if stored.effect else ()
    ids = {name for query in changed for name in (*query.before, *query.after)}
    return render_template(
        "editor/proposal.html",
        proposal_id=proposal_id,
        stored=stored,
        proposal=stored.proposal,
        file=CURATION_SOURCE,
        effect=stored.effect,
        titles=_titles({stored.proposal.document, *ids}),
        sentence=sentence,
    )


@blueprint.post("/proposals/<int(max=2000000000):proposal_id>")
def accept_proposal(proposal_id: int) -> BaseResponse | tuple[str, int]:
    """Adds the proposal to ``curations.toml``. It takes effect with the next publish."""
    stored = _stored(proposal_id)
    try:
        accept(stored.proposal, settings().content)
    except (Conflict, Unavailable) as error:
        return _proposal(proposal_id, error.sentence), error.status
    except Misconfigured as error:  # the editor's mistake, which the editor can correct
        sentence = error.sentence.replace(f"{settings().content}/", "")
        return _proposal(proposal_id, sentence), Conflict.status
    return redirect(url_for("gaps.show", accepted=CURATION_SOURCE), 303)


def _gap(gap_id: int) -> Gap:
    gap = dict(GapRepository(centre().database).stored()).get(gap_id)
    if gap is None:
        raise NotFound("The list was updated and no longer has this gap. Open it again.")
    return gap


def _stored(proposal_id: int) -> StoredProposal:
    """Raises NotFound also for a proposal about a page that the editor may not see."""
    stored = WaitingProposals(centre().database).stored(proposal_id)
    if stored is None:
        raise NotFound("This proposal no longer exists. Start again on the page Gaps.")
    centre().searcher.article(stored.proposal.document, audience=audience())
    return stored
