"""The route with which an assistant proposes a ticket."""

from __future__ import annotations

from flask import Response, jsonify, make_response

from webapp.api.v1 import api_blueprint, choices_named, json_body
from webapp.assistants.proposals import proposed_link
from webapp.context import centre, now
from webapp.customer.ticket_form import consulted_articles, read_json_form

blueprint = api_blueprint("proposal_api")


@blueprint.post("/proposals")
def propose() -> Response:
    """Checks a ticket and answers with the link that lets the person file it. Files nothing."""
    form = read_json_form(json_body())
    with choices_named(form):
        centre().desk.filing.check(form, (), consulted_articles(form["consulted"]), now=now())
    address, expires = proposed_link(form)
    stamp = expires.isoformat(timespec="seconds").replace("+00:00", "Z")
    response = make_response(jsonify(filed=False, url=address, expires=stamp), 201)
    response.headers["Location"] = address
    return response
