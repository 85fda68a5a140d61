"""Signing in and out, and a person's own account.

``kb.people.accounts`` has the rules: passwords, throttling, links, how long a session lasts. Here
are the cookie, the way back to where the person was, and pages that never reveal whether an
address has an account.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from flask import Blueprint, g, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Forbidden, Invalid, KbError, NotFound, TooMany, Unavailable
from kb.people.account_links import AccountLink
from kb.people.demo import DemoSignIn, add_demo_accounts
from kb.people.permissions import licence_views
from kb.people.person import Person
from kb.people.second_factors import HeldFactors
from kb.timezones import time_zones
from webapp.context import centre, half_sign_in, now, person, settings
from webapp.problems import retry_header
from webapp.security.devices import known_device, remember_device
from webapp.security.guard import edits, next_step, safe_next
from webapp.security.rate_limits import address
from webapp.sub_path import portal_path

blueprint = Blueprint("account", __name__)


# --- signing in and out


@blueprint.get("/sign-in")
def sign_in() -> str | BaseResponse:
    target = safe_next(request.args.get("next"))
    if person():
        return redirect(portal_path(target), 303)
    return sign_in_page(target)


@blueprint.post("/sign-in")
def check_sign_in() -> tuple[str, int, dict[str, str]] | BaseResponse:
    target = safe_next(request.form.get("next"))
    email, password = request.form.get("email", ""), request.form.get("password", "")
    try:
        token = centre().accounts.sign_in(
            email,
            password,
            address=address(),
            client=client(),
            device=known_device(email),
            remember="remember" in request.form,
            now=now(),
        )
    except (Forbidden, TooMany) as error:
        page = sign_in_page(target, email=email, problem=error)
        return page, error.status, retry_header(error)
    begin_session(token)
    half = half_sign_in()
    if half is not None:
        session["next"] = target
        return redirect(next_step(half), 303)
    return remember_device(redirect(landing_page(target), 303), email)


def sign_in_page(target: str, *, email: str = "", problem: KbError | None = None) -> str:
    demo: tuple[DemoSignIn, ...] = ()
    if settings().allows_demo:
        demo = add_demo_accounts(centre().accounts, now(), centre().cast)
    return render_template(
        "customer/sign_in.html",
        target=target,
        email=email,
        problem=problem,
        demo=demo,
        done=request.args.get("done", ""),
    )


def begin_session(token: str) -> None:
    """A new session: nothing from before the sign-in survives, so that nobody can plant one."""
    session.clear()
    session["token"] = token
    session.permanent = True
    g.pop("person", None)
    viewer = person()
    if viewer:
        _adopt_tickets(viewer)


def _adopt_tickets(viewer: Person) -> None:
    """What the person filed as a guest, now that the address is verified; else next time."""
    with contextlib.suppress(Unavailable):
        centre().desk.adopt(viewer)


def landing_page(target: str) -> str:
    """``target``, or without one the page that the person works on."""
    viewer = person()
    if target != "/" or viewer is None:
        return portal_path(target)
    if viewer.is_staff:
        return url_for("queue.show")
    return url_for("editor.overview" if edits(viewer) else "tickets.mine")


@blueprint.post("/sign-out")
def sign_out() -> BaseResponse:
    token = session.get("token")
    if token:
        centre().accounts.sign_out(token)
    session.clear()
    return redirect(url_for("help_centre.home"), 303)


def client() -> str:
    """The browser, as the list of sessions shows it."""
    return request.headers.get("User-Agent", "")[:200]


# --- one's own account


@blueprint.get("/account")
def overview() -> str:
    return _account_page(signed_in_person())


def signed_in_person() -> Person:
    """Raises Forbidden when the session has ended."""
    viewer = person()
    if viewer is None:
        raise Forbidden("Your session has ended. Sign in again.")
    return viewer


def _account_page(viewer: Person, *, problem: KbError | None = None, section: str = "") -> str:
    zones = (name for name in time_zones() if "/" in name or name == "UTC")
    return render_template(
        "customer/account.html",
        sessions=centre().accounts.sessions(viewer, session.get("token"), now=now()),
        factors=_second_factors(viewer),
        zones=sorted(zones),
        sees_licences=bool(licence_views(viewer, viewer.organisation_id)),
        follows=centre().subscriptions.of(viewer.email),
        typed=request.form if problem else {},
        problem=problem,
        section=section,
        done=request.args.get("done", ""),
    )


def _second_factors(viewer: Person) -> HeldFactors | None:
    """What the person has; None for customers, and while nobody is asked for one."""
    factors = centre().accounts.second_factors
    return factors.of(viewer) if factors.rule.concerns(viewer.role) else None


def _change(section: str, change: Callable[[Person], object]) -> tuple[str, int] | BaseResponse:
    """One change to one's own account; a refusal is shown in its section of the page."""
    viewer = signed_in_person()
    try:
        change(viewer)
    except (Invalid, Forbidden, TooMany, NotFound) as error:
        return _account_page(viewer, problem=error, section=section), error.status
    return redirect(url_for("account.overview", done=section, _anchor=section), 303)


@blueprint.post("/account/profile")
def set_profile() -> tuple[str, int] | BaseResponse:
    values = {name: request.form.get(name, "") for name in ("name", "phone", "location")}
    return _change("profile", lambda viewer: centre().accounts.set_profile(viewer, **values))


@blueprint.post("/account/address")
def change_address() -> tuple[str, int] | BaseResponse:
    """Sends a link to the new address, after the password: an open session alone is not enough."""
    email, password = request.form.get("email", ""), request.form.get("password", "")
    accounts, origin, time = centre().accounts, address(), now()

    def ask_address(viewer: Person) -> None:
        accounts.confirm_password(viewer, password, now=time)
        accounts.links.request_address(viewer, email, address=origin, now=time)

    return _change("address", ask_address)


@blueprint.get("/account/licences")
def licences() -> str:
    """Purchases, licences and trials, as the contact roles show them."""
    shown = centre().accounts.contacts.licences(signed_in_person())
    return render_template("customer/licences.html", shown=shown)


@blueprint.post("/account/zone")
def set_zone() -> tuple[str, int] | BaseResponse:
    zone = request.form.get("zone", "").strip()
    return _change("zone", lambda viewer: centre().accounts.set_zone(viewer, zone))


@blueprint.post("/account/password")
def set_password() -> tuple[str, int] | BaseResponse:
    old, new, token = request.form.get("old", ""), request.form.get("new", ""), session.get("token")
    accounts, time = centre().accounts, now()
    return _change(
        "password",
        lambda viewer: accounts.change_password(viewer, old, new, token=token, now=time),
    )


@blueprint.post("/account/sessions")
def end_session() -> tuple[str, int] | BaseResponse:
    """Ends the named session, or without a name all but this one."""
    accounts, session_id = centre().accounts, request.form.get("session", "")
    token = session.get("token")
    if session_id:
        return _change("sessions", lambda viewer: accounts.end_session(viewer, session_id))
    return _change("sessions", lambda viewer: accounts.end_other_sessions(viewer, token))


# --- links by mail: register, reset a password, accept an invitation


@blueprint.get("/account/<any(register, reset):purpose>")
def ask(purpose: str) -> str:
    return render_template("customer/account_request.html", purpose=purpose, sent=False)


@blueprint.post("/account/<any(register, reset):purpose>")
def send_link(purpose: str) -> tuple[str, int] | str:
    """The same answer for every address, so that nobody learns whether it has an account."""
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


@blueprint.get("/account/<any(register, reset, invite, join, address):purpose>/<secret>")
def link(purpose: str, secret: str) -> str:
    return _link_page(purpose, secret)


@blueprint.post("/account/<any(register, reset, invite, join, address):purpose>/<secret>")
def use_link(purpose: str, secret: str) -> tuple[str, int] | BaseResponse:
    """Sets the password. The person then signs in with it: a stolen link alone opens no session.

    Whoever has an account accepts an invitation without a new password.
    """
    password, name = request.form.get("password", ""), request.form.get("name", "")
    links = centre().accounts.links
    if _link(purpose, secret).joins:
        _adopt_tickets(links.join(secret, now=now()))
        return redirect(url_for("account.sign_in", done="join"), 303)
    if purpose == "address":
        _adopt_tickets(links.confirm_address(secret, now=now()))
        return redirect(url_for("account.sign_in", done=purpose), 303)
    try:
        _adopt_tickets(links.use(secret, password, name=name, now=now()))
    except Invalid as error:
        return _link_page(purpose, secret, problem=error), error.status
    return redirect(url_for("account.sign_in", done=purpose), 303)


def _link_page(purpose: str, secret: str, *, problem: KbError | None = None) -> str:
    return render_template(
        "customer/account_link.html",
        purpose=purpose,
        secret=secret,
        link=_link(purpose, secret),
        problem=problem,
    )


def _link(purpose: str, secret: str) -> AccountLink:
    """Raises NotFound for a link that does not exist, has expired or has another purpose."""
    link = centre().accounts.links.get(secret, now=now())
    if link.purpose != purpose:
        raise NotFound(
            "This link is for another purpose. Open it exactly as it appears in the e-mail."
        )
    return link
