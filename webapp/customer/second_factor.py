"""One's own second factor: set up an app or a passkey, see the recovery codes, remove them.

For staff who are signed in, and for those who must set one up before they go on. Somebody who is
signed in confirms each change with the password, so that an open session alone changes nothing.
``kb.people.second_factors`` has the rules.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import segno
from flask import Blueprint, redirect, render_template, request, session, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Conflict, Forbidden, Invalid, KbError, NotFound, TooMany, Unavailable
from kb.people.person import Person
from kb.people.second_factor.steps import FactorRule
from kb.people.second_factor.totp import app_address, base32
from kb.people.second_factors import Enrolment, SecondFactors
from webapp.context import centre, half_sign_in, now
from webapp.customer.account import begin_session, landing_page, signed_in_person
from webapp.security.devices import remember_device
from webapp.security.guard import safe_next

blueprint = Blueprint("second_factor", __name__, url_prefix="/account/second-factor")


# --- pages


@blueprint.get("")
def overview() -> str:
    return _overview(_owner())


def _overview(owner: Person, *, problem: KbError | None = None, section: str = "") -> str:
    factors = _factors()
    options = factors.passkey_options(owner, token=session["token"])
    return render_template(
        "customer/second_factor.html",
        owner=owner,
        held=factors.of(owner),
        options=json.dumps(options) if options else "",
        must_enrol=half_sign_in() is not None,
        is_required=factors.rule is FactorRule.STAFF,
        problem=problem,
        section=section,
        done=request.args.get("done", ""),
    )


@blueprint.get("/app")
def new_app() -> str:
    return _app_page(_owner())


def _app_page(owner: Person, *, problem: KbError | None = None) -> str:
    secret = _setup_secret(owner)
    address = app_address(secret, issuer=centre().site.name, account=owner.email)
    text = base32(secret)
    return render_template(
        "customer/second_factor_app.html",
        owner=owner,
        picture=_qr_code(address),
        address=address,
        groups=[text[start : start + 4] for start in range(0, len(text), 4)],
        must_enrol=half_sign_in() is not None,
        problem=problem,
    )


def _setup_secret(owner: Person) -> bytes:
    """The secret that the page shows until a code of it was entered, also after a reload.

    The browser keeps it encrypted, and only as long as the session.
    """
    try:
        return _factors().app_secret(owner, session.get("app_setup", ""))
    except Unavailable:  # there is none yet, or it was somebody else's
        session["app_setup"] = _factors().begin_app(owner)
        return _factors().app_secret(owner, session["app_setup"])


def _qr_code(address: str) -> Markup:
    """Black on white in every colour scheme: many scanners read nothing else."""
    code = segno.make_qr(address, error="m")
    picture = code.svg_inline(
        omitsize=True, border=4, dark="#000", light="#fff", svgclass=None, lineclass=None
    )
    return Markup(picture)  # noqa: S704 - from segno, which draws the address as squares


@blueprint.get("/codes")
def codes() -> str | BaseResponse:
    """The recovery codes, until the person has confirmed that they are kept."""
    owner = _owner()
    try:
        shown = _factors().open_codes(owner, session.get("codes", ""))
    except Unavailable:
        return redirect(url_for("second_factor.overview"), 303)
    return render_template("customer/second_factor_codes.html", owner=owner, codes=shown)


@blueprint.post("/codes/kept")
def forget_codes() -> BaseResponse:
    session.pop("codes", None)
    if "next" in session:  # the sign-in that led here goes on
        return redirect(landing_page(safe_next(session.pop("next"))), 303)
    return redirect(url_for("second_factor.overview"), 303)


# --- setting up


@blueprint.post("/app")
def add_app() -> tuple[str, int] | BaseResponse:
    owner, code, time = _owner(), request.form.get("code", ""), now()
    setup, token = session.get("app_setup", ""), session["token"]
    try:
        _confirm(owner)
        enrolment = _factors().add_app(owner, setup, code, token=token, now=time)
    except (Forbidden, Invalid, TooMany, Unavailable) as error:
        return _app_page(owner, problem=error), error.status
    return _enrolled(owner, enrolment, "app")


@blueprint.post("/passkeys")
def add_passkey() -> tuple[str, int] | BaseResponse:
    owner, token, time = _owner(), session["token"], now()
    name, answer = request.form.get("name", ""), request.form.get("answer", "")
    try:
        _confirm(owner)
        enrolment = _factors().add_passkey(owner, name, answer, token=token, now=time)
    except (Forbidden, Invalid, TooMany, Conflict) as error:
        return _overview(owner, problem=error, section="passkeys"), error.status
    return _enrolled(owner, enrolment, "passkeys")


def _enrolled(owner: Person, enrolment: Enrolment, section: str) -> BaseResponse:
    """Goes on in the session with its new token, first to the recovery codes if they are new."""
    target = session.get("next") if half_sign_in() else None
    begin_session(enrolment.token)
    if target is not None:
        session["next"] = target
    if enrolment.codes:
        session["codes"] = _factors().seal_codes(owner, enrolment.codes)
        answer = redirect(url_for("second_factor.codes"), 303)
    else:
        answer = redirect(_done(section), 303)
    return remember_device(answer, owner.email)


# --- removing, new codes


@blueprint.post("/app/remove")
def remove_app() -> tuple[str, int] | BaseResponse:
    time = now()
    return _change("app", lambda owner: _factors().remove_app(owner, now=time))


@blueprint.post("/passkeys/<int:passkey>/remove")
def remove_passkey(passkey: int) -> tuple[str, int] | BaseResponse:
    time = now()
    return _change("passkeys", lambda owner: _factors().remove_passkey(owner, passkey, now=time))


@blueprint.post("/codes")
def renew_codes() -> tuple[str, int] | BaseResponse:
    time = now()

    def renew(owner: Person) -> None:
        new_codes = _factors().renew_codes(owner, now=time)
        session["codes"] = _factors().seal_codes(owner, new_codes)

    return _change("codes", renew, then="second_factor.codes")


def _change(
    section: str, change: Callable[[Person], object], *, then: str = ""
) -> tuple[str, int] | BaseResponse:
    """One change, after the password; a refusal is shown in its section of the page."""
    owner = _owner()
    try:
        _confirm(owner)
        change(owner)
    except (Forbidden, TooMany, NotFound, Conflict) as error:
        return _overview(owner, problem=error, section=section), error.status
    return redirect(url_for(then) if then else _done(section), 303)


def _done(section: str) -> str:
    return url_for("second_factor.overview", done=section, _anchor=section)


def _confirm(owner: Person) -> None:
    """Raises Forbidden, TooMany. Who must set up a factor has given the password just now."""
    if half_sign_in() is None:
        password = request.form.get("password", "")
        centre().accounts.confirm_password(owner, password, now=now())


def _owner() -> Person:
    """Whose second factor it is. Raises NotFound while nobody is asked for one."""
    if _factors().rule is FactorRule.OFF:
        raise NotFound("This portal does not use second factors.")
    half = half_sign_in()
    return half.person if half else signed_in_person()


def _factors() -> SecondFactors:
    return centre().accounts.second_factors
