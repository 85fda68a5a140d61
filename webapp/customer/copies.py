"""The page behind the link of a copy: receive the mails about a ticket, or stop them.

Opening it changes nothing, since mail servers open links to scan them. Mail programs send the form
by themselves when somebody chooses "unsubscribe" (RFC 8058), without a cookie or a form token: the
secret in the address is what allows it.
"""

from __future__ import annotations

from flask import Blueprint, render_template, request

from kb.tickets.copies import CopyChoice
from webapp.context import centre, now

blueprint = Blueprint("copies", __name__, url_prefix="/copies")


@blueprint.get("/<token>")
def show(token: str) -> str:
    return render_template(
        "customer/copy.html", copy=centre().desk.copies.get(token), token=token, chosen=False
    )


@blueprint.post("/<token>")
def choose(token: str) -> str:
    one_click = request.form.get("List-Unsubscribe") == "One-Click"
    choice = CopyChoice.LEFT.value if one_click else request.form.get("choice", "")
    copy = centre().desk.copies.choose(token, choice, now=now())
    return render_template("customer/copy.html", copy=copy, token=token, chosen=True)
