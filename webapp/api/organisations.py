"""Organisations and their contacts, for administrators and their programs. Read only."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify

from kb.errors import Unauthorized
from kb.people.contacts import Organisation
from kb.people.person import Person
from webapp.api.paging import conditional
from webapp.api.v1 import api_blueprint, instant_json
from webapp.context import centre, reader

blueprint = api_blueprint("organisations")


@blueprint.get("/organisations")
def listing() -> Response:
    """All of them by name."""
    organisations = centre().accounts.contacts.organisations(_administrator())
    return conditional(jsonify(organisations=[_shape(each) for each in organisations]))


@blueprint.get("/organisations/<int(max=2147483647):organisation_id>")
def show(organisation_id: int) -> Response:
    """One organisation with its contacts."""
    contacts, viewer = centre().accounts.contacts, _administrator()
    organisation = contacts.organisation(viewer, organisation_id)
    people = [
        {
            "id": contact.id,
            "name": contact.name,
            "email": contact.email,
            "roles": list(contact.roles),
            "phone": contact.phone,
            "location": contact.location,
            "active": contact.active,
        }
        for contact in contacts.all(viewer, organisation_id)
    ]
    return conditional(jsonify({**_shape(organisation), "contacts": people}))


def _administrator() -> Person:
    viewer = reader()
    if viewer is None:
        raise Unauthorized("Your session has ended. Sign in again.")
    return viewer


def _shape(organisation: Organisation) -> dict[str, Any]:
    return {
        "id": organisation.id,
        "name": organisation.name,
        "category": organisation.category,
        "shared_view": organisation.shared_view,
        "licence_addresses": list(organisation.licence_addresses),
        "contract_from": instant_json(organisation.contract_from),
        "contract_until": instant_json(organisation.contract_until),
        "location": organisation.location,
        "phone": organisation.phone,
    }
