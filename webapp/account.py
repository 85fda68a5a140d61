"""How does a person sign in and out?

Two routes. The rules (passwords, throttling, how long a sign-in lasts) are ``kb.tickets.accounts``'; here are the
cookie and the way back to where the person was.
"""

from __future__ import annotations

from flask import Blueprint, g, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Forbidden, KbError, TooMany
from webapp.context import centre, now, person, settings
from webapp.guard import address, edits, safe_next

blueprint = Blueprint("account", __name__)


@blueprint.get("/sign-in")
def sign_in() -> str | BaseResponse:
    target = safe_next(request.args.get("next"))
    if person():
        return redirect(target, 303)
    return _page(target)


@blueprint.post("/sign-in")
def check_sign_in() -> tuple[str, int] | BaseResponse:
    target = safe_next(request.form.get("next"))
    email, password = request.form.get("email", ""), request.form.get("password", "")
    try:
        token = centre().accounts.sign_in(email, password, address=address(), now=now())
    except (Forbidden, TooMany) as error:
        return _page(target, email=email, problem=error), error.status
    begin(token)
    return redirect(_landing(target), 303)


def begin(token: str) -> None:
    """A new session for the person: nothing from before the sign-in survives, so nobody can plant one."""
    session.clear()
    session["token"] = token
    session.permanent = True
    g.pop("person", None)


def _landing(target: str) -> str:
    someone = person()
    if target != "/" or someone is None:
        return target
    if someone.is_staff:
        return url_for("desk.queue")
    return url_for("editor.overview" if edits(someone) else "tickets.mine")


@blueprint.post("/sign-out")
def sign_out() -> BaseResponse:
    token = session.get("token")
    if token:
        centre().accounts.sign_out(token)
    session.clear()
    return redirect(url_for("help.home"), 303)


def _page(target: str, *, email: str = "", problem: KbError | None = None) -> str:
    demo = centre().accounts.demo(now()) if settings().demo else ()
    return render_template("sign_in.html", target=target, email=email, problem=problem, demo=demo)
