"""Tickets that an assistant proposes: a link to the ticket form, filled in.

Nothing is filed before the person opens the link, sees the whole ticket and presses the button, as
with any form. The link itself holds the proposal, signed: the portal stores nothing about people
who do not consent.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping

from flask import Blueprint, current_app, url_for
from itsdangerous import BadSignature, URLSafeSerializer

from kb.errors import Invalid, NotFound
from webapp.context import centre, now, settings
from webapp.customer.ticket_form import blank_form
from webapp.customer.tickets import form_page

blueprint = Blueprint("proposals", __name__)

#: How long a link can be opened.
VALID = dt.timedelta(hours=1)
#: Fields that an assistant may fill in, beside those of the site that are no secrets. Not who gets
#: copies, and no coupon: these are the person's to decide.
PROPOSED = (
    *("title", "type", "severity", "severity_detail", "severity_explanation", "topic"),
    *("description", "product", "module", "version"),
    *("name", "email", "zone", "episode", "consulted"),
)
#: Characters; proxies and browsers take addresses of eight thousand.
_LONGEST = 6000
_SALT = "ticket-proposal"


def proposed_link(form: Mapping[str, str]) -> tuple[str, dt.datetime]:
    """The whole address of the form with the proposed values, and when it expires.

    Raises Invalid for one that is too long.
    """
    own = centre().policy.fields
    names = [*PROPOSED, *(name for name in own if own[name].on_form and not own[name].is_secret)]
    expires = now() + VALID
    values = {name: form[name] for name in names if form.get(name)}
    secret = str(_signer().dumps({"form": values, "until": int(expires.timestamp())}))
    if len(secret) > _LONGEST:
        raise Invalid(
            "The ticket is too long for a link. Shorten the description; the person can add files "
            "and more text in the form.",
            field="description",
        )
    return settings().origin + url_for("proposals.show", secret=secret), expires


@blueprint.get("/tickets/proposed/<secret>")
def show(secret: str) -> str:
    """The ticket form with the proposed values. The same link leads to one ticket at most."""
    form = blank_form({})
    form |= {name: value for name, value in _proposed(secret).items() if name in form}
    form["key"] = f"proposal-{hashlib.blake2b(secret.encode(), digest_size=12).hexdigest()}"
    return form_page(form, is_proposed=True)


def _proposed(secret: str) -> Mapping[str, str]:
    """Raises NotFound for a link that has expired or was changed."""
    try:
        data = _signer().loads(secret) if len(secret) <= _LONGEST else {}
    except BadSignature:
        data = {}
    if not data or data["until"] < now().timestamp():
        raise NotFound(
            "This link has expired or is damaged, and nothing was filed. Ask the assistant for a "
            "new one, or file the ticket yourself."
        )
    form: Mapping[str, str] = data["form"]
    return form


def _signer() -> URLSafeSerializer:
    """The newest key signs; links that an earlier one signed stay valid."""
    keys = [*current_app.config["SECRET_KEY_FALLBACKS"], current_app.secret_key]
    return URLSafeSerializer(keys, salt=_SALT)
