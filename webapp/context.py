"""What every view needs of the request: the centre, the time, the person, the audience, the zone.

Accessors over Flask's application and request objects, without rules. The clock is a value of the
application, so that a test can set the time.
"""

from __future__ import annotations

import datetime as dt
import functools
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, cast
from zoneinfo import ZoneInfo

from flask import current_app, g, request, session
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from kb.errors import Unavailable
from kb.programs.scopes import audience_of_scopes
from kb.search.documents import PUBLIC
from kb.timezones import time_zone_or_utc

if TYPE_CHECKING:
    from kb.centre import HelpCentre
    from kb.people.person import Person
    from kb.people.second_factor.steps import SignIn
    from kb.programs.api_keys import ApiKey
    from kb.programs.host_tokens import HostIdentity
    from kb.settings import Settings

EXTENSION = "askfirst"
LANGUAGE_HEADER = 200  # characters of it that are read
Clock = Callable[[], dt.datetime]


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def centre() -> HelpCentre:
    """The help centre, the same one throughout a request."""
    if "centre" not in g:
        g.centre = current_app.extensions[EXTENSION]
    return cast("HelpCentre", g.centre)


def renew() -> None:
    """Before a request: picks up policies that were edited since the last one."""
    current = cast("HelpCentre", current_app.extensions[EXTENSION])
    renewed = current.renewed(now())
    if renewed is not current:
        current_app.extensions[EXTENSION] = renewed


def settings() -> Settings:
    return cast("Settings", current_app.config["KB"])


def now() -> dt.datetime:
    """The application's clock, read once per request, so that a page shows one time."""
    if "now" not in g:
        g.now = cast("Clock", current_app.config["CLOCK"])()
    return cast("dt.datetime", g.now)


def person() -> Person | None:
    """The person who is signed in, looked up once per request.

    None while a second step of signing in is missing: such a session opens nothing.
    """
    if "person" not in g and (key := api_key()) is not None:
        g.sign_in, g.person = None, key.person
    if "person" not in g:
        token = session.get("token")
        g.sign_in = centre().accounts.session(token, now=now()) if token else None
        g.person = g.sign_in.person if g.sign_in and not g.sign_in.missing else None
    return cast("Person | None", g.person)


class Current(NamedTuple):
    """The help centre, the person and the time of a request, for functions that need all three."""

    centre: HelpCentre
    person: Person | None
    time: dt.datetime


def current() -> Current:
    return Current(centre(), person(), now())


def api_key() -> ApiKey | None:
    """The key that the request was sent with, as ``webapp.security.bearer`` has read it."""
    return cast("ApiKey | None", g.get("api_key"))


def host_identity() -> HostIdentity | None:
    """Whom the website that sends this request has signed in, as its token says."""
    return cast("HostIdentity | None", g.get("host_identity"))


def reader() -> Person | None:
    """As ``person``, also of a key without a person: then whoever its scope lets it stand in for,
    who has no account and can only read.
    """
    return cast("Person | None", g.get("stand_in")) or person()


def half_sign_in() -> SignIn | None:
    """A session that needs a second step, which is all that it is good for."""
    if person() is not None:
        return None
    return cast("SignIn | None", g.get("sign_in"))


def asker() -> Person | None:
    """As ``person``, but None while the database cannot be read.

    Articles, search and suggestions work without it.
    """
    try:
        return None if "unreadable" in g else person()
    except Unavailable:
        g.unreadable = True
        return None


def audience() -> str:
    """Which documents the asker may see.

    A request from another site carries no cookie, so its audience is the public, or what a token
    of that site says.
    """
    key = api_key()
    if key is not None and key.person is None:
        return audience_of_scopes(key.scopes)
    viewer, host = asker(), host_identity()
    if viewer is None and host is not None:
        return host.audience
    return viewer.audience if viewer else PUBLIC


class Asked(NamedTuple):
    """What a search or a suggestion depends on besides its text."""

    centre: HelpCentre
    audience: str
    language: str
    time: dt.datetime


def asked() -> Asked:
    return Asked(centre(), audience(), language(), now())


def asker_name() -> str:
    """The key or the person of the request, as limits count them; empty for an unknown visitor."""
    key = api_key()
    if key is not None:
        return f"key:{key.id}"
    viewer = asker()
    return f"person:{viewer.id}" if viewer else ""


def language() -> str:
    """The reader's language: ``language`` in the address, else the browser's first, else ""."""
    accepted = request.headers.get("Accept-Language", "")[:LANGUAGE_HEADER]
    return reader_language(request.args.get("language", ""), accepted)


@functools.lru_cache(512)
def reader_language(chosen: str, accepted: str) -> str:
    """``chosen``, else the first language of a header Accept-Language, if it looks like one."""
    languages = parse_accept_header(accepted, LanguageAccept)
    tag = chosen or next((tag for tag, _ in languages), "")

    # BCP 47 (RFC 5646, 4.4.1): 35 characters hold any tag.
    return tag if len(tag) <= 35 and tag.replace("-", "").isalnum() else ""


def visitor() -> str:
    """Who votes: the person, or a random name for this browser session."""
    voter, key = person(), api_key()
    if key is not None and voter is None:
        return f"key:{key.id}"
    if voter:
        return f"person:{voter.id}"
    if "visitor" not in session:
        session["visitor"] = secrets.token_urlsafe(12)
    return f"visitor:{session['visitor']}"


def zone() -> ZoneInfo:
    """The zone to show times in: the person's, else what the browser sent in ``zone``, else UTC."""
    viewer = asker()
    sent = request.values.get("zone", "") or session.get("zone", "")
    return ZoneInfo(time_zone_or_utc(viewer.zone if viewer else sent))
