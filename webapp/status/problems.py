"""Known problems for everybody: the list, a problem with its updates, "I have this too", the feed.

Each page shows the problems of the reader's audience and nothing else.
"""

from __future__ import annotations

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Conflict, Invalid, TooMany
from kb.problems.problem import KnownProblem
from kb.search.documents import visible_to
from webapp.context import asker, audience, centre, now, person, settings, visitor
from webapp.problems import public_sentence, retry_header

blueprint = Blueprint("known_problems", __name__, url_prefix="/problems")


def open_problems() -> tuple[KnownProblem, ...]:
    """The unresolved problems that the reader may see."""
    return centre().problems.open(visible_to(audience()), now=now())


@blueprint.get("")
def overview() -> str:
    return render_template(
        "status/problems.html",
        problems=open_problems(),
        ended=centre().problems.ended(visible_to(audience())),
    )


@blueprint.get("/<int(max=2000000000):problem_id>")
def show(problem_id: int) -> str:
    return _page(problem_id)


def _page(problem_id: int, *, refusal: str = "", email: str = "", joined: str = "") -> str:
    problem = centre().problems.get(problem_id, visible_to(audience()))
    reader = asker()
    return render_template(
        "status/problem.html",
        problem=problem,
        refusal=refusal,
        joined=joined or request.args.get("joined", ""),
        email=email or (reader.email if reader else ""),
    )


@blueprint.post("/<int(max=2000000000):problem_id>/join")
def join(problem_id: int) -> BaseResponse:
    """Counts one more who has it; whoever gives an address is told when there is news."""
    email = request.form.get("email", "")
    try:
        subscription = centre().problems.join(
            problem_id,
            visible_to(audience()),
            visitor(),
            person=person(),
            email=email,
            now=now(),
        )
    except (Conflict, Invalid, TooMany) as error:
        page = _page(problem_id, refusal=public_sentence(error), email=email)
        return make_response(page, error.status, retry_header(error))
    joined = "counted"
    if subscription is not None:
        joined = "following" if subscription.choice else "asked"
    return redirect(url_for("known_problems.show", problem_id=problem_id, joined=joined), 303)


@blueprint.get("/feed.atom")
def feed() -> Response:
    """An Atom feed (RFC 4287) of the problems that the reader may see, resolved ones too."""
    problems = sorted(
        (*open_problems(), *centre().problems.ended(visible_to(audience()))),
        key=lambda problem: problem.updated,
        reverse=True,
    )
    response = make_response(
        render_template(
            "status/problems.atom",
            problems=problems,
            address=settings().origin + url_for("known_problems.overview"),
            own_address=settings().origin + url_for("known_problems.feed"),
        )
    )
    response.mimetype = "application/atom+xml"
    return response
