"""The site itself: its colours and logo, what it promises, and how to reach its people.

What a page shows comes from the site's folder, read by ``kb.site`` and ``kb.sla``.
"""

from __future__ import annotations

from flask import Blueprint, Response, abort, render_template, request, send_file

from kb.site.published import published_calendars, published_levels
from kb.site.site_file import Site
from webapp.assets import YEAR
from webapp.context import centre, now, zone

blueprint = Blueprint("site", __name__)

#: The colours that follow from the accent colour: a darker one to hover, and two pale grounds.
_LIGHT_COLOURS = """\
:root {{
  --accent: {accent};
  --accent-strong: color-mix(in oklab, {accent} 82%, black);
  --accent-soft: color-mix(in oklab, {accent} 12%, white);
  --glow: color-mix(in oklab, {accent} 20%, white);
}}
"""
_DARK_COLOURS = """\
@media (prefers-color-scheme: dark) {{
  :root {{
    --accent: {accent};
    --accent-strong: color-mix(in oklab, {accent} 80%, white);
    --on-accent: color-mix(in oklab, {accent} 22%, black);
    --accent-soft: color-mix(in oklab, {accent} 18%, #0f1416);
    --glow: color-mix(in oklab, {accent} 24%, #0f1416);
  }}
}}
"""
#: A dark page needs a light accent; of a site that names none, this one is made.
_LIGHTENED = "color-mix(in oklab, {accent} 45%, white)"


def style_sheet(site: Site) -> str:
    """The site's colours as CSS; empty for a site that keeps the built-in ones."""
    if not site.has_colours:
        return ""
    light = _LIGHT_COLOURS.format(accent=site.accent) if site.accent else ""
    dark = site.accent_dark or _LIGHTENED.format(accent=site.accent)
    return light + _DARK_COLOURS.format(accent=dark)


@blueprint.get("/site/colours.css")
def colours() -> Response:
    response = Response(style_sheet(centre().site), mimetype="text/css")
    return _kept(response)


@blueprint.get("/site/logo")
def logo() -> Response:
    path = centre().site.logo
    if path is None:
        abort(404)
    response = _kept(send_file(path.resolve()))
    # An SVG that is opened by itself is a document: it may load and run nothing.
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    )
    return response


def _kept(response: Response) -> Response:
    """A year under the address that carries the version, else asked for each time."""
    versioned = request.args.get("v") == centre().site.version
    lifetime = f"public, max-age={YEAR}, immutable" if versioned else "no-cache"
    response.headers["Cache-Control"] = lifetime
    return response


@blueprint.get("/sla")
def sla() -> str:
    """Every level with its times, who gets which, and what support covers."""
    policy = centre().policy
    return render_template("customer/sla.html", policy=policy, levels=published_levels(policy))


@blueprint.get("/schedule")
def schedule() -> str:
    """Opening hours, and the holidays and breaks that lie ahead."""
    calendars = published_calendars(centre().policy, now().astimezone(zone()).date())
    return render_template("customer/schedule.html", calendars=calendars)


@blueprint.get("/versions")
def versions() -> str:
    """Until when each version of each product is supported."""
    return render_template("customer/versions.html", products=centre().catalogue.products)


@blueprint.get("/contact")
def contact() -> str:
    """How to reach a person, also while this portal does not work."""
    return render_template("customer/contact.html")
