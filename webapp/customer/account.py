"""How does a person sign in and out, and look after the account?

The rules (passwords, throttling, links, how long a sign-in lasts) are ``kb.people.accounts``'; here
are the cookie, the way back to where the person was, and pages that never say whether an address
has an account.
"""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import available_timezones

from flask import Blueprint, g, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Forbidden, Invalid, KbError, NotFound, TooMany
from kb.people.account_links import AccountLink
from kb.people.demo import add_demo_accounts
from kb.people.person import Person
from webapp.context import centre, now, person, settings
from webapp.security.guard import edits, safe_next
from webapp.security.rate_limits import address

blueprint = Blueprint("account", __name__)


@blueprint.get("/sign-in")
def sign_in() -> str | BaseResponse:
    target = safe_next(request.args.get("next"))
    if person():
        return redirect(target, 303)
    return sign_in_page(target)


@blueprint.post("/sign-in")
def check_sign_in() -> tuple[str, int] | BaseResponse:
    target = safe_next(request.form.get("next"))
    email, password = request.form.get("email", ""), request.form.get("password", "")
    try:
        token = centre().accounts.sign_in(
            email, password, address=address(), client=client(), now=now()
        )
    except (Forbidden, TooMany) as error:
        return sign_in_page(target, email=email, problem=error), error.status
    begin(token)
    return redirect(landing(target), 303)


def begin(token: str) -> None:
    """A new session for the person: nothing from before the sign-in survives, so nobody can plant
    one.
    """
    session.clear()
    session["token"] = token
    session.permanent = True
    g.pop("person", None)


def landing(target: str) -> str:
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


def client() -> str:
    return request.headers.get("User-Agent", "")[:200]


@blueprint.get("/account")
def overview() -> str:
    return _account(_signed_in())


def _signed_in() -> Person:
    someone = person()
    if someone is None:
        raise Forbidden("Your session has ended; sign in again.")
    return someone


def _account(who: Person, *, problem: KbError | None = None, place: str = "") -> str:
    return render_template(
        "customer/account.html",
        sessions=centre().accounts.sessions(who, session.get("token"), now=now()),
        zones=sorted(name for name in available_timezones() if "/" in name or name == "UTC"),
        problem=problem,
        place=place,
        done=request.args.get("done", ""),
    )


def _change(place: str, act: Callable[[Person], object]) -> tuple[str, int] | BaseResponse:
    """One change to one's own account; what cannot be done is told beside its form."""
    who = _signed_in()
    try:
        act(who)
    except (Invalid, Forbidden, TooMany, NotFound) as error:
        return _account(who, problem=error, place=place), error.status
    return redirect(url_for("account.overview", done=place, _anchor=place), 303)


@blueprint.post("/account/zone")
def set_zone() -> tuple[str, int] | BaseResponse:
    return _change(
        "zone", lambda who: centre().accounts.set_zone(who, request.form.get("zone", "").strip())
    )


@blueprint.post("/account/password")
def set_password() -> tuple[str, int] | BaseResponse:
    old, new, token = request.form.get("old", ""), request.form.get("new", ""), session.get("token")
    accounts, at = centre().accounts, now()
    return _change(
        "password", lambda who: accounts.change_password(who, old, new, token=token, now=at)
    )


@blueprint.post("/account/sessions")
def end_session() -> tuple[str, int] | BaseResponse:
    """Ends the named sign-in, or without a name all but this one."""
    accounts, named = centre().accounts, request.form.get("session", "")
    if named:
        return _change("sessions", lambda who: accounts.end_session(who, named))
    return _change("sessions", lambda who: accounts.end_other_sessions(who, session.get("token")))


@blueprint.get("/account/<any(register, reset):purpose>")
def ask(purpose: str) -> str:
    return render_template("customer/account_request.html", purpose=purpose, sent=False)


@blueprint.post("/account/<any(register, reset):purpose>")
def send_link(purpose: str) -> tuple[str, int] | str:
    """The same answer for every address: whether it has an account is nobody's business."""
    email, name = request.form.get("email", ""), request.form.get("name", "")
    accounts = centre().accounts
    try:
        if purpose == "register":
            zone = request.form.get("zone", "")
            accounts.links.request_registration(email, name, zone, address=address(), now=now())
        else:
            accounts.links.request_reset(email, address=address(), now=now())
    except (Invalid, TooMany) as error:
        page = render_template(
            "customer/account_request.html",
            purpose=purpose,
            sent=False,
            email=email,
            name=name,
            problem=error,
        )
        return page, error.status
    return render_template("customer/account_request.html", purpose=purpose, sent=True, email=email)


@blueprint.get("/account/<any(register, reset, invite):purpose>/<secret>")
def link(purpose: str, secret: str) -> str:
    return _link_page(purpose, secret)


@blueprint.post("/account/<any(register, reset, invite):purpose>/<secret>")
def use_link(purpose: str, secret: str) -> tuple[str, int] | BaseResponse:
    """Sets the password; the person then signs in with it, so that a stolen link alone opens no
    session.
    """
    password, name = request.form.get("password", ""), request.form.get("name", "")
    _found(purpose, secret)
    try:
        centre().accounts.links.use(secret, password, name=name, now=now())
    except Invalid as error:
        return _link_page(purpose, secret, problem=error), error.status
    return redirect(url_for("account.sign_in", done=purpose), 303)


def _link_page(purpose: str, secret: str, *, problem: KbError | None = None) -> str:
    found = _found(purpose, secret)
    return render_template(
        "customer/account_link.html", purpose=purpose, secret=secret, found=found, problem=problem
    )


def _found(purpose: str, secret: str) -> AccountLink:
    found = centre().accounts.links.get(secret, now=now())
    if found.purpose != purpose:
        raise NotFound("This link is for something else; open it as it stands in the mail.")
    return found


def sign_in_page(target: str, *, email: str = "", problem: KbError | None = None) -> str:
    demo = add_demo_accounts(centre().accounts, now()) if settings().demo else ()
    return render_template(
        "customer/sign_in.html",
        target=target,
        email=email,
        problem=problem,
        demo=demo,
        done=request.args.get("done", ""),
    )
