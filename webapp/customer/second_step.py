"""The second step of signing in: a code of the app, a passkey, or a recovery code.

Only a session that has given its password comes here (``webapp.security.guard``), and it opens
nothing else. ``kb.people.second_factors`` has the rules.
"""

from __future__ import annotations

import json

from flask import Blueprint, redirect, render_template, request, session
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Forbidden, Invalid, KbError, TooMany, Unavailable
from kb.people.second_factor.steps import SignIn
from webapp.context import centre, half_sign_in, now
from webapp.customer.account import begin_session, landing_page
from webapp.problems import retry_header
from webapp.security.devices import remember_device
from webapp.security.guard import safe_next

blueprint = Blueprint("second_step", __name__, url_prefix="/sign-in/second-step")


@blueprint.get("")
def ask() -> str:
    return _page(_half())


@blueprint.post("/<any(app, passkey, recovery):way>")
def check(way: str) -> tuple[str, int, dict[str, str]] | BaseResponse:
    half, answer, token = _half(), request.form.get("answer", ""), session["token"]
    factors, time = centre().accounts.second_factors, now()
    ways = {
        "app": factors.prove_by_app,
        "passkey": factors.prove_by_passkey,
        "recovery": factors.prove_by_recovery_code,
    }
    try:
        new_token = ways[way](half.person, answer, token=token, now=time)
    except (Forbidden, Invalid, TooMany, Unavailable) as error:
        return _page(half, way=way, problem=error), error.status, retry_header(error)

    target = safe_next(session.get("next"))
    begin_session(new_token)
    return remember_device(redirect(landing_page(target), 303), half.person.email)


def _half() -> SignIn:
    """Raises Forbidden when the session has ended meanwhile."""
    half = half_sign_in()
    if half is None:
        raise Forbidden("Your session has ended. Sign in again.")
    return half


def _page(half: SignIn, *, way: str = "", problem: KbError | None = None) -> str:
    factors = centre().accounts.second_factors
    options = factors.request_options(half.person, token=session["token"])
    return render_template(
        "customer/second_step.html",
        half=half,
        held=factors.of(half.person),
        options=json.dumps(options) if options else "",
        way=way,
        problem=problem,
    )
