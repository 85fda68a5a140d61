"""The page behind the link of a subscription: confirm it, or stop its e-mails.

Opening it changes nothing, since mail servers open links to scan them. Mail programs send the form
by themselves when somebody chooses "unsubscribe" (RFC 8058), without a cookie or a form token: the
secret in the address is what allows it.
"""

from __future__ import annotations

from flask import Blueprint, render_template, request

from kb.subscriptions.subscriptions import SubscriptionChoice
from webapp.context import centre, now

blueprint = Blueprint("subscriptions", __name__, url_prefix="/subscriptions")


@blueprint.get("/<token>")
def show(token: str) -> str:
    return render_template(
        "status/subscription.html",
        subscription=centre().subscriptions.get(token),
        token=token,
        chosen=False,
    )


@blueprint.post("/<token>")
def choose(token: str) -> str:
    one_click = request.form.get("List-Unsubscribe") == "One-Click"
    choice = SubscriptionChoice.LEFT.value if one_click else request.form.get("choice", "")
    subscription = centre().subscriptions.choose(token, choice, now=now())
    return render_template(
        "status/subscription.html", subscription=subscription, token=token, chosen=True
    )
