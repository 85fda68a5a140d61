"""How does a person come in by the sign-in service of their own house?

Two doors: out to the provider, and back. Both are closed (404) until the operator names a provider.
What the provider's answer is worth is checked by ``kb.people.oidc``; whose account it is, by
``kb.people.accounts``.
"""

from __future__ import annotations

from typing import cast

from flask import Blueprint, Flask, current_app, redirect, request, session, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Forbidden, NotFound, TooMany, Unavailable
from kb.people.oidc import Begun, Provider
from kb.settings import Settings
from webapp.context import centre, now, settings
from webapp.customer.account import begin as begin_session
from webapp.customer.account import client, landing, sign_in_page
from webapp.security.guard import safe_next

blueprint = Blueprint("oidc", __name__, url_prefix="/sign-in/with")


def register(app: Flask, settings: Settings) -> None:
    """Raises Misconfigured for a provider that cannot be used."""
    s = settings
    provider = (
        Provider(s.oidc_issuer, s.oidc_client_id, s.oidc_client_secret) if s.oidc_issuer else None
    )
    app.extensions["askfirst.oidc"] = provider
    app.register_blueprint(blueprint)


def _provider() -> Provider:
    found = cast("Provider | None", current_app.extensions["askfirst.oidc"])
    if found is None:
        raise NotFound("This portal knows no other sign-in service.")
    return found


def _back() -> str:
    """From the settings, never from the request: the provider sends codes there."""
    return settings().base_url + url_for("oidc.back")


@blueprint.get("")
def out() -> tuple[str, int] | BaseResponse:
    target, provider = safe_next(request.args.get("next")), _provider()
    try:
        where, begun = provider.begin(_back(), now())
    except Unavailable as error:
        return sign_in_page(target, problem=error), error.status
    session["oidc"] = {**begun.as_dict(), "next": target}
    return redirect(where, 303)


@blueprint.get("/back")
def back() -> tuple[str, int] | BaseResponse:
    provider, kept = _provider(), session.pop("oidc", None) or {}
    target = safe_next(kept.get("next"))
    try:
        address = provider.finish(request.args.to_dict(), Begun.of(kept), _back(), now())
        token = centre().accounts.sign_in_vouched(address, client=client(), now=now())
    except (Forbidden, Unavailable, TooMany) as error:
        return sign_in_page(target, problem=error), error.status
    begin_session(token)
    return redirect(landing(target), 303)
