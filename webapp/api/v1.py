"""The JSON API under /api/v1, as /openapi.json describes it; errors are RFC 9457 documents.

The portal's own forms use it to be quick, and work without it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import zlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import Blueprint, Response, jsonify, request
from werkzeug.http import parse_etags

from kb.errors import Forbidden, Invalid, UnknownFormat
from kb.problems.matching import matching_problems
from kb.problems.problem import KnownProblem
from kb.search.documents import visible_to
from kb.search.results import results_json
from kb.search.standpoint import Standpoint
from kb.site.published import site_json
from kb.tickets.actions.filing import Promise
from kb.tickets.drafts import available
from webapp.context import (
    api_key,
    asked,
    asker,
    audience,
    centre,
    now,
    person,
    settings,
    visitor,
    zone,
)
from webapp.customer.help_centre import search_results
from webapp.customer.ticket_form import encodable
from webapp.customer.visits import ASSISTANT_FORM, count_opened, visit_facts
from webapp.formatting import coupon_note, day, moment, zone_name
from webapp.query_counter import count_query
from webapp.security.access_policy import UPLOADS
from webapp.security.guard import own_site
from webapp.status.problems import open_problems

if TYPE_CHECKING:
    from kb.centre import HelpCentre

DEFAULT_LIMIT = "5"


def api_blueprint(noun: str) -> Blueprint:
    """The routes of one noun of the API, with the checks that all of them have."""
    routes = Blueprint(noun, __name__, url_prefix="/api/v1")
    routes.before_request(check_origin)
    return routes


def check_origin() -> None:
    """Refuses changes by pages of other sites.

    These routes carry no form token. A foreign form cannot send JSON, and a foreign script sends
    its origin. Files are sent as a form would, with a key, which no form of a browser sends.
    """
    if request.method != "POST":
        return
    if not own_site() and not _from_embed():
        raise Forbidden(
            "Pages of other sites can only use suggest and search. Send this from your own server."
        )
    has_files = request.endpoint in UPLOADS and api_key() is not None
    if not request.is_json and not (has_files and request.mimetype == "multipart/form-data"):
        sent = f"not {request.mimetype}" if request.mimetype else "and set Content-Type"
        raise UnknownFormat(f"Send a JSON object as application/json, {sent[:100]}.")


def _from_embed() -> bool:
    """Whether a page with the embedded suggestion box tells of its visit; it sends no cookie."""
    is_listed = request.headers.get("Origin", "") in settings().embed_origins
    return request.endpoint == "api.episode" and is_listed


blueprint = api_blueprint("api")


def json_body() -> dict[str, Any]:
    """The body of the request. Raises Invalid for anything but an object."""
    try:
        body = request.get_json(silent=True)
    except RecursionError:  # brackets nested too deep
        body = None
    if not isinstance(body, dict):
        raise Invalid("The body is not a JSON object.")
    return body


@contextlib.contextmanager
def choices_named(form: Mapping[str, str]) -> Iterator[None]:
    """Adds the possible keys to the sentence about a missing choice.

    People see the choices on the form; a program does not.
    """
    try:
        yield
    except Invalid as error:
        policy, products = centre().policy, centre().catalogue.products
        choices = {
            "type": available(policy.types),
            "topic": available(policy.topics),
            "severity": available(policy.severities),
            "product": available(product.key for product in products),
        }
        fields = {
            name: f"{sentence} {choices[name]}" if name in choices and not form[name] else sentence
            for name, sentence in error.fields.items()
        }
        raise Invalid(error.sentence, fields=fields) from None


class Suggested(NamedTuple):
    """The body of an answer to ``suggest``, and its entity tag (RFC 9110, 8.8.3)."""

    body: bytes
    tag: str


def suggested(
    centre: HelpCentre,
    text: str,
    *,
    audience: str,
    limit: int,
    standpoint: Standpoint,
    now: dt.datetime,
    settled: bool = False,
) -> Suggested:
    """Suggestions and known problems for a text. Raises Unavailable."""
    answer = centre.searcher.suggest(
        text,
        audience=audience,
        limit=limit,
        standpoint=standpoint,
        trial=centre.experiments.trial(now),
        settled=settled,
    )
    problems = matching_problems(text, centre.problems.open(visible_to(audience), now=now))
    shapes = json.dumps(
        [_problem_json(problem) for problem in problems],
        ensure_ascii=False,
        separators=(",", ":"),  # as the rest, for _below_path
    ).encode()
    # The answer is encoded once for many people, without them.
    body = answer.body.rstrip()[:-1] + b',"problems":' + shapes + b"}"
    tag = f'"{answer.digest}-{zlib.crc32(shapes):08x}"'
    return Suggested(_below_path(body, centre.settings.base_path), tag)


@blueprint.get("/suggest")
def suggest() -> Response:
    """Whoever has the answer already, and says so, is told that it is still the same."""
    answer = _suggested(request.args.get("q", ""))
    if is_unchanged(request.headers.get("If-None-Match", ""), answer.tag):
        response = Response(status=304)
    else:
        response = Response(answer.body, mimetype="application/json")
    response.headers["ETag"] = answer.tag
    return response


def is_unchanged(tags: str, tag: str) -> bool:
    """Whether ``tag`` is among those of a header If-None-Match (RFC 9110, 13.1.2)."""
    return bool(tags) and (tags == tag or parse_etags(tags).contains_weak(tag.strip('"')))


@blueprint.post("/suggest")
def suggest_for_text() -> Response:
    """As ``suggest``, for a text that is too long for an address: a description, a pasted log."""
    text = json_body().get("q", "")
    if not isinstance(text, str):
        raise Invalid("q must be a string.", field="q")
    return Response(_suggested(text).body, mimetype="application/json")


def _suggested(text: str) -> Suggested:
    here, arguments = asked(), request.args
    product, version = arguments.get("product", ""), arguments.get("version", "")
    return suggested(
        here.centre,
        text,
        audience=here.audience,
        limit=parsed_limit(arguments.get("limit", DEFAULT_LIMIT)),
        standpoint=standpoint(here.centre, here.language, product, version),
        now=here.time,
        settled=is_settled(arguments.get("settled", "0")),
    )


def is_settled(value: str) -> bool:
    """Whether the writer of a text has paused or finished. Raises Invalid."""
    if value not in ("0", "1"):
        raise Invalid("settled must be 0 or 1.", field="settled")
    return value == "1"


def standpoint(centre: HelpCentre, language: str, product: str, version: str) -> Standpoint:
    """What a form says of its reader. Documents name a product by its key or its title."""
    if not product:
        return Standpoint(language, (), version)
    known = centre.catalogue.product(product)
    names = (known.key, known.title) if known else (product,)
    return Standpoint(language, names, version)


def _problem_json(problem: KnownProblem) -> dict[str, Any]:
    return {
        "id": problem.id,
        "title": problem.title,
        "status": problem.status,
        "symptoms": problem.symptoms,
        "workaround": problem.workaround,
        "product": problem.product or None,
        "versions": problem.versions or None,
        "updated": instant_json(problem.updated),
        "url": problem.path,
    }


@blueprint.get("/problems")
def problems() -> Response:
    """The unresolved known problems, the newest update first."""
    response = jsonify(problems=[_problem_json(problem) for problem in open_problems()])
    response.set_data(_below_path(response.get_data(), settings().base_path))
    return response


def _below_path(body: bytes, base_path: str) -> bytes:
    """The encoded answer with all of its addresses as browsers need them.

    Suggestions are encoded once, for many people. No text in them matches: its quotes are escaped.
    """
    path = base_path.encode()
    return body.replace(b'"url":"/', b'"url":"' + path + b"/") if path else body


def parsed_limit(text: str) -> int:
    """How many suggestions are asked for. Raises Invalid."""
    if not text.isascii() or not text.isdigit() or len(text) > 2 or not 1 <= int(text) <= 20:
        raise Invalid(
            f"limit must be a whole number from 1 to 20, not {text[:20]!r}.", field="limit"
        )
    return int(text)


@blueprint.get("/search")
def search() -> Response:
    response = jsonify(results_json(search_results(request.args.get("q", ""))))
    response.set_data(_below_path(response.get_data(), settings().base_path))
    return response


@blueprint.get("/site")
def site() -> Response:
    """What the ticket form asks for and what the site promises: for forms that others write."""
    help_centre, today, viewer = centre(), now().astimezone(zone()).date(), asker()
    staff = viewer is not None and viewer.is_staff
    return jsonify(
        site_json(help_centre.site, help_centre.policy, help_centre.catalogue, today, staff=staff)
    )


@blueprint.get("/promise")
def promise() -> Response:
    """The level and due time of a ticket filed now, by the code that files it."""
    facts = {
        name: request.args.get(name, "")[:200]
        for name in ("severity", "topic", "product", "version", "coupon")
    }
    policy = centre().policy
    if not facts["severity"]:
        # A form shows people the titles; a program needs the keys.
        raise Invalid(f"Choose a severity. {available(policy.severities)}", field="severity")
    answer = centre().desk.filing.promise(
        type=request.args.get("type", "question")[:200], customer=person(), now=now(), **facts
    )
    return jsonify(promise_json(answer))


def promise_json(answer: Promise) -> dict[str, Any]:
    due_text = (
        f"{moment(answer.due, zone(), now())} {zone_name(answer.due, zone())}" if answer.due else ""
    )
    until = f": first response by {due_text}" if due_text else ""
    return {
        "level": answer.level_title,
        "why": answer.why,
        "due": instant_json(answer.due),
        "due_text": due_text,
        "text": f"{answer.level_title} support level{until}",
        "support_ends": answer.support_ends.isoformat() if answer.support_ends else None,
        "support_text": _support(answer.support_ends),
        "coupons_left": answer.coupons_left,
        "coupon_text": coupon_note(answer.coupons_left),
        "ledger": [dict(line) for line in answer.ledger],
    }


def instant_json(at: dt.datetime | None) -> str | None:
    """An instant in UTC, as the API writes it."""
    return at.astimezone(dt.UTC).isoformat().replace("+00:00", "Z") if at else None


def _support(ends: dt.date | None) -> str:
    if ends is None:
        return ""
    over = ends < now().astimezone(zone()).date()
    return (
        f"Support for this version ended on {day(ends)}."
        if over
        else f"This version is supported until {day(ends)}."
    )


@blueprint.post("/episodes")
def episode() -> tuple[Response | str, int]:
    """One event of an episode. The first one, ``form_open``, is answered with the arm: pages of
    the holdout ask for suggestions and do not show them.
    """
    body = json_body()
    payload, name, kind = body.get("payload", {}), body.get("episode"), body.get("kind")
    if not isinstance(payload, dict) or not isinstance(name, str) or not isinstance(kind, str):
        raise Invalid("An event is {episode, kind, payload}: two strings and an object.")
    form, product = body.get("form", "api"), payload.get("product", "")
    if not isinstance(form, str) or not isinstance(product, str):
        raise Invalid("form and product must be strings.", field="form")

    visit = visit_facts(form, product)
    centre().deflection.record(name, kind, payload, visit, now=now())
    count_opened(name, kind, payload, visit)
    if kind == "query" and form != ASSISTANT_FORM and isinstance(payload.get("q"), str):
        count_query(payload["q"], episode=name, is_empty=payload.get("found") == 0)
    if kind == "form_open":
        return jsonify(arm=centre().deflection.arm(name, visit.person_id).value), 200
    return "", 204


@blueprint.post("/feedback")
def feedback() -> tuple[str, int]:
    """A vote on a document: ``{"document": id, "helpful": true}``, and a ``reason`` if wanted."""
    body = json_body()
    name, helpful, reason = body.get("document"), body.get("helpful"), body.get("reason", "")
    if not isinstance(reason, str) or not encodable(reason):
        raise Invalid("reason must be a string.", field="reason")
    if not isinstance(name, str) or not encodable(name) or not isinstance(helpful, bool):
        raise Invalid("A vote is {document, helpful}: a document ID, and true or false.")
    document = centre().searcher.article(name, audience=audience())
    centre().deflection.helpful(document.id, helpful, visitor(), now=now(), reason=reason)
    return "", 204
