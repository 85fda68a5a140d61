"""Signing in with an OpenID Connect provider.

Two addresses: out to the provider, and back. Both answer 404 until the operator configures a
provider. ``kb.people.oidc`` verifies the provider's answer, ``kb.people.accounts`` finds the
account.
"""

from __future__ import annotations

from typing import cast

from flask import Blueprint, Flask, current_app, redirect, request, session, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Forbidden, NotFound, TooMany, Unavailable
from kb.people.oidc import OidcProvider, PendingSignIn
from kb.settings import Settings
from webapp.context import centre, now, settings
from webapp.customer.account import begin_session, client, landing_page, sign_in_page
from webapp.security.guard import safe_next

blueprint = Blueprint("oidc", __name__, url_prefix="/sign-in/with")


def register(app: Flask, settings: Settings) -> None:
    """Raises Misconfigured for a provider that cannot be used."""
    provider = None
    if settings.oidc_issuer:
        provider = OidcProvider(
            settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret
        )
    app.extensions["askfirst.oidc"] = provider
    app.register_blueprint(blueprint)


def _provider() -> OidcProvider:
    provider = cast("OidcProvider | None", current_app.extensions["askfirst.oidc"])
    if provider is None:
        raise NotFound("This portal has no other sign-in service.")
    return provider


def _return_address() -> str:
    """From the settings, never from the request: the provider sends codes there."""
    return settings().origin + url_for("oidc.back")


@blueprint.get("")
def out() -> tuple[str, int] | BaseResponse:
    target, provider = safe_next(request.args.get("next")), _provider()
    try:
        authorisation_url, begun = provider.begin(_return_address(), now())
    except Unavailable as error:
        return sign_in_page(target, problem=error), error.status
    session["oidc"] = {**begun.as_dict(), "next": target}
    return redirect(authorisation_url, 303)


@blueprint.get("/back")
def back() -> tuple[str, int] | BaseResponse:
    provider, state = _provider(), session.pop("oidc", None) or {}
    target = safe_next(state.get("next"))
    try:
        address = provider.finish(
            request.args.to_dict(), PendingSignIn.from_dict(state), _return_address(), now()
        )
        token = centre().accounts.sign_in_vouched(address, client=client(), now=now())
    except (Forbidden, Unavailable, TooMany) as error:
        return sign_in_page(target, problem=error), error.status
    begin_session(token)
    return redirect(landing_page(target), 303)
