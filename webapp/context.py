"""What does every view need to know: the centre, the time, and who is asking?

Small accessors over Flask's application and request; no rules. The clock is a value of the
application, so that a test can say what time it is.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo, available_timezones

from flask import current_app, g, request, session

from kb.errors import Unavailable
from kb.search.documents import PUBLIC

if TYPE_CHECKING:
    from kb.centre import HelpCentre
    from kb.people.person import Person
    from kb.settings import Settings

EXTENSION = "askfirst"
Clock = Callable[[], dt.datetime]


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def centre() -> HelpCentre:
    """The same one for the whole of a request, whatever changes meanwhile."""
    if "centre" not in g:
        g.centre = current_app.extensions[EXTENSION]
    return cast("HelpCentre", g.centre)


def renew() -> None:
    """Before a request: what editors of the policies have changed since the last one."""
    known = cast("HelpCentre", current_app.extensions[EXTENSION])
    fresh = known.renewed(now())
    if fresh is not known:
        current_app.extensions[EXTENSION] = fresh


def settings() -> Settings:
    return cast("Settings", current_app.config["KB"])


def now() -> dt.datetime:
    """The application's clock, read once a request, so that one page tells one time."""
    if "now" not in g:
        g.now = cast("Clock", current_app.config["CLOCK"])()
    return cast("dt.datetime", g.now)


def person() -> Person | None:
    """Who is signed in; looked up once a request."""
    if "person" not in g:
        token = session.get("token")
        g.person = centre().accounts.person(token, now=now()) if token else None
    return cast("Person | None", g.person)


def asker() -> Person | None:
    """As ``person``, but nobody while the ticket store cannot be read: pages, search and
    suggestions go on without.
    """
    try:
        return None if "unreadable" in g else person()
    except Unavailable:
        g.unreadable = True
        return None


def audience() -> str:
    """Which documents the asker may see. A request from another site carries no cookie and is the
    public's.
    """
    someone = asker()
    return someone.audience if someone else PUBLIC


def language() -> str:
    """The language to read in: ``language`` in the address, else the browser's first; "" for none
    in particular.
    """
    asked = request.args.get("language", "") or next(
        (tag for tag, _ in request.accept_languages), ""
    )
    return (
        asked if len(asked) <= 35 and asked.replace("-", "").isalnum() else ""
    )  # BCP 47: 35 are enough for any tag


def visitor() -> str:
    """A random name for this browser session, for votes: it says nothing about the person."""
    someone = person()
    if someone:
        return f"person:{someone.id}"
    if "visitor" not in session:
        session["visitor"] = secrets.token_urlsafe(12)
    return f"visitor:{session['visitor']}"


def zone() -> ZoneInfo:
    """The zone to show times in: the person's, else what the browser said in ``zone``, else UTC."""
    someone = asker()
    return zone_named(
        someone.zone if someone else request.values.get("zone", "") or session.get("zone", "")
    )


def zone_named(name: str) -> ZoneInfo:
    return ZoneInfo(name if name in available_timezones() else "UTC")
