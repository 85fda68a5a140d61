"""Visits to a form: their random id, where they come from, and what the experiment hides.

The id stands in the session, so that all tabs of a browser belong to one visit. Other websites keep
their own.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Mapping
from urllib.parse import urlsplit

from flask import request, session

from kb.analytics.deflection import Visit
from kb.analytics.episode import Arm
from kb.errors import KbError, NotFound
from kb.people.person import OPERATOR, Person, Role
from kb.search.interleaving import Team, Trial
from kb.search.standpoint import Standpoint
from webapp.context import asker, audience, centre, host_identity, language, now, settings
from webapp.problems import LOG
from webapp.security.guard import edits

#: A visit ends after so long without an event.
IDLE = dt.timedelta(minutes=30)
#: What the form and the embedded box show.
SHOWN_SUGGESTIONS = 5
#: The ticket form of the portal itself.
OWN_FORM = "ticket"
#: The page of results, of which only experiments count anything.
SEARCH_FORM = "search"
MAX_COUNTED_QUERY = 500  # characters
#: AI assistants, which are not visitors: what they ask is counted separately.
ASSISTANT_FORM = "assistant"
_FORM_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
#: Programs that open pages by themselves; those that run no scripts leave no visits anyway.
_BOTS = re.compile(r"bot\b|crawl|spider|slurp|HeadlessChrome|Lighthouse|Pingdom|Uptime", re.I)


def current_visit() -> str:
    """The id of this browser's visit; a new one if the last event is half an hour old."""
    seconds = int(now().timestamp())
    match session.get("visit"):
        case [str(visit), int(seen)] if 0 <= seconds - seen <= IDLE.total_seconds():
            pass
        case _:
            visit = secrets.token_urlsafe(12)
    session["visit"] = [visit, seconds]
    return visit


def end_visit() -> None:
    """After a ticket: whatever follows is another visit."""
    session.pop("visit", None)


def arm_of_visit(episode: str) -> Arm:
    viewer = asker()
    return centre().deflection.arm(episode, viewer.id if viewer else None)


def visit_facts(form: str, product: str = "") -> Visit:
    """Where the request comes from. ``form`` and ``product`` are what it says itself."""
    viewer = asker() or _person_of_host()
    origin = request.headers.get("Origin", "")
    own = urlsplit(settings().base_url).hostname or ""
    is_embedded = origin in settings().embed_origins
    products = {known.key for known in centre().catalogue.products}
    is_bot = bool(_BOTS.search(request.user_agent.string))
    return Visit(
        portal=(urlsplit(origin).hostname or own) if is_embedded else own,
        form=form if _FORM_NAME.fullmatch(form) else "other",
        product=product if product in products else "",
        person_id=viewer.id if viewer else None,
        organisation_id=viewer.organisation_id if viewer else _organisation_of_host(),
        apart=is_bot
        or form == ASSISTANT_FORM
        or (viewer is not None and (viewer.is_staff or edits(viewer))),
    )


def _person_of_host() -> Person | None:
    """The customer whom another website has signed in: visits are counted by person."""
    host = host_identity()
    if host is None or not host.email:
        return None
    account = centre().accounts.by_email(host.email)
    return account if account and account.role is Role.CUSTOMER else None


def _organisation_of_host() -> int | None:
    host = host_identity()
    if host is None or not host.organisation:
        return None
    try:
        return centre().accounts.contacts.named(OPERATOR, host.organisation).id
    except NotFound:
        return None


def count_opened(episode: str, kind: str, payload: Mapping[str, object], visit: Visit) -> None:
    """Counts what was opened for the ranking that picked it, while an experiment runs.

    The form and the embedded box ask again when somebody pauses, and that list is the one that
    people read.
    """

    def teams_of(text: str, trial: Trial) -> Mapping[str, Team]:
        return centre().searcher.suggestion_teams(
            text,
            trial,
            audience=audience(),
            limit=SHOWN_SUGGESTIONS,
            standpoint=Standpoint(language()),
            settled=True,
        )

    centre().experiments.count(episode, kind, payload, visit, teams_of, now=now())


def count_opened_result(query: str, document_id: str) -> None:
    """The same for the results of a search. Agents and bots do not count."""
    visit = visit_facts(SEARCH_FORM)
    if visit.apart or not 0 < len(query) <= MAX_COUNTED_QUERY:
        return

    def teams_of(text: str, trial: Trial) -> Mapping[str, Team]:
        return centre().searcher.result_teams(text, trial, audience=audience(), language=language())

    who = f"person:{visit.person_id}" if visit.person_id else f"visit:{current_visit()}"
    centre().experiments.count_result(who, query, document_id, teams_of, now=now())


def record_event(
    episode: str, kind: str, payload: Mapping[str, object], *, product: str = ""
) -> None:
    """One event of the portal's own form. A failure to count it never affects the customer."""
    try:
        visit = visit_facts(OWN_FORM, product)
        centre().deflection.record(episode, kind, payload, visit, now=now())
        count_opened(episode, kind, payload, visit)
    except KbError as error:
        LOG.info("episode not counted: %s", error.sentence)
