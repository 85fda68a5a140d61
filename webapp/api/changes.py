"""Changes of tickets since a cursor: for programs that keep a copy, or wait for something."""

from __future__ import annotations

from flask import Response, jsonify, request, url_for

from kb.errors import Invalid, KbError, Unauthorized
from kb.tickets.reports.changes import changes_after, is_change, last_change
from webapp.api.paging import page_size
from webapp.api.v1 import api_blueprint, instant_json
from webapp.context import centre, reader

blueprint = api_blueprint("changes")

START = "start"
_LONGEST = 15  # digits


@blueprint.get("/changes")
def since() -> Response:
    """What has happened since a cursor. Without one, nothing, and the cursor of now; with
    ``start``, everything.
    """
    viewer = reader()
    if viewer is None:
        raise Unauthorized("Your session has ended. Sign in again.")
    database, limit, cursor = centre().database, page_size(), request.args.get("since", "")
    after = _after(cursor) if cursor else last_change(database)
    changes = changes_after(database, viewer, after, limit)
    if cursor and not changes and after and not is_change(database, after):
        # As after a restore: changes would be skipped silently until there are as many again.
        raise Invalid(
            f"since is later than the last change. Read everything again, with since={START}.",
            field="since",
        )
    return jsonify(
        changes=[
            {
                "id": change.id,
                "type": f"ticket.{change.verb}",
                "at": instant_json(change.at),
                "number": change.number,
                "by_agent": change.by_agent,
                "public": change.public,
                "url": url_for("ticket_api.show", number=change.number),
            }
            for change in changes
        ],
        next=str(changes[-1].id if changes else after),
        more=len(changes) == limit,
        generation=_generation(),
    )


def _after(cursor: str) -> int:
    if cursor == START:
        return 0
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > _LONGEST:
        raise Invalid(
            f"since must be `next` of an earlier response, or {START}, not {cursor[:20]!r}.",
            field="since",
        )
    return int(cursor)


def _generation() -> str | None:
    """The generation that answers: with another one, read articles again."""
    try:
        return centre().searcher.generation
    except KbError:
        return None
