"""Flags on articles: what an agent notices while answering, for the editors."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Invalid
from kb.gaps.flags import FLAG_TITLES, ArticleFlags
from webapp.context import audience, centre, now
from webapp.customer.account import signed_in_person

blueprint = Blueprint("flags", __name__, url_prefix="/desk/flags")


@blueprint.get("/new")
def new() -> str:
    return _form(MultiDict(request.args), {})


def _form(values: MultiDict[str, str], errors: dict[str, str]) -> str:
    """Raises NotFound for an article or a ticket that the agent may not see."""
    number = values.get("ticket", "")
    if number:
        centre().desk.ticket(number, signed_in_person(), now=now())
    article = centre().searcher.article(values.get("document", ""), audience=audience())
    return render_template(
        "agent/flag.html",
        document=article,
        number=number,
        kinds=FLAG_TITLES,
        form=values,
        errors=errors,
        done=values.get("done", ""),
    )


@blueprint.post("")
def add() -> BaseResponse:
    form, agent = request.form, signed_in_person()
    article = centre().searcher.article(form.get("document", ""), audience=audience())
    number = form.get("ticket", "")
    if number:
        centre().desk.ticket(number, agent, now=now())
    try:
        ArticleFlags(centre().database).add(
            article.id,
            form.get("kind", ""),
            form.get("sentence", ""),
            agent.id,
            number=number,
            now=now(),
        )
    except Invalid as error:
        return make_response(_form(form, dict(error.fields)), error.status)
    page = url_for("flags.new", document=article.id, ticket=number or None, done="yes")
    return redirect(page, 303)
