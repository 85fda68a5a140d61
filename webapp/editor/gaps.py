"""Gaps for editors: which page to write next, which one search should show, and a draft of it."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Conflict, NotFound, Unavailable
from kb.gaps.article_draft import DRAFT_FOLDER, draft_name, draft_text
from kb.gaps.repository import GapRepository
from webapp.context import centre, now, settings

blueprint = Blueprint("gaps", __name__, url_prefix="/editor/gaps")


@blueprint.get("")
def show() -> str:
    return _page()


def _page(sentence: str = "") -> str:
    repository = GapRepository(centre().database)
    return render_template(
        "editor/gaps.html",
        gaps=repository.stored(),
        found_at=repository.found_at(),
        minutes=settings().handling_minutes,
        drafted=request.args.get("drafted", ""),
        sentence=sentence,
    )


@blueprint.post("/<int(max=2000000000):gap_id>/draft")
def draft(gap_id: int) -> BaseResponse | tuple[str, int]:
    """Writes a draft into the content's folder of drafts, which no index reads."""
    gap = dict(GapRepository(centre().database).stored()).get(gap_id)
    if gap is None:
        raise NotFound("The list was updated and no longer has this gap. Open it again.")
    path = settings().content / DRAFT_FOLDER / draft_name(gap)
    try:
        path.parent.mkdir(exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(draft_text(gap, now().date()))
    except FileExistsError:
        error = Conflict(f"There is already a draft {DRAFT_FOLDER}/{path.name}.")
        return _page(error.sentence), error.status
    except OSError as error:
        failed = Unavailable(
            f"The draft could not be saved in {DRAFT_FOLDER}: {error.strerror}. Give the portal "
            "write access to this folder."
        )
        return _page(failed.sentence), failed.status
    return redirect(url_for("gaps.show", drafted=path.name), 303)
