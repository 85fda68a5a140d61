"""Tell me when: to follow an article, or a question that nothing answers yet."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Invalid, TooMany
from kb.text import has_visible_text, single_line
from webapp.context import audience, centre, now, person
from webapp.problems import public_sentence, retry_header

blueprint = Blueprint("following", __name__, url_prefix="/follow")
MAX_QUESTION = 200  # characters


@blueprint.get("")
def form() -> str:
    article, question, done = (
        request.args.get(name, "") for name in ("article", "question", "done")
    )
    return _form(article, question, done=done)


def _form(
    article: str, question: str, *, refusal: str = "", email: str = "", done: str = ""
) -> str:
    """Raises NotFound for an article that the reader may not see."""
    document = centre().searcher.article(article, audience=audience()) if article else None
    reader = person()
    return render_template(
        "status/follow.html",
        document=document,
        question=single_line(question)[:MAX_QUESTION],
        longest_question=MAX_QUESTION,
        refusal=refusal,
        email=email or (reader.email if reader else ""),
        done=done,
    )


@blueprint.post("")
def follow() -> BaseResponse:
    article, question = request.form.get("article", ""), request.form.get("question", "")
    email, reader = request.form.get("email", ""), person()
    try:
        subscription = centre().subscriptions.subscribe(
            _topic(article, question),
            email,
            is_own_address=reader is not None and reader.email == email.strip().lower(),
            now=now(),
        )
    except (Invalid, TooMany) as error:
        page = _form(article, question, refusal=public_sentence(error), email=email)
        return make_response(page, error.status, retry_header(error))
    done = "following" if subscription.choice else "asked"
    page = url_for("following.form", article=article or None, question=question or None, done=done)
    return redirect(page, 303)


def _topic(article: str, question: str) -> str:
    """Raises NotFound, and Invalid for a question without a word."""
    if article:
        return f"article:{centre().searcher.article(article, audience=audience()).id}"
    if not has_visible_text(question):
        raise Invalid("Enter a question.", field="question")
    return f"question:{single_line(question)[:MAX_QUESTION]}"
