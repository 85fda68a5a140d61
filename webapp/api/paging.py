"""Lists of the API, page by page: cursors, and the shape of a page.

A cursor is opaque to its reader. It says where the next page begins and of what: one that belongs
to another list, or to an earlier generation of the index, is refused and never answered with
documents from elsewhere.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from flask import Response, jsonify, request

from kb.errors import Invalid, StaleCursor

DEFAULT_PAGE, LARGEST_PAGE = 25, 100
_LONGEST = 200  # characters of a cursor
_LARGEST_NUMBER = 2**53  # what every JSON reader keeps exactly


def page_size() -> int:
    """How many entries the request asks for. Raises Invalid."""
    text = request.args.get("limit", str(DEFAULT_PAGE))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:5]) <= LARGEST_PAGE:
        raise Invalid(f"limit must be a whole number from 1 to {LARGEST_PAGE}.", field="limit")
    return int(text)


def cursor_after(of: str, *, generation: str = "") -> int:
    """After how many entries, or after which number, the page begins; 0 for the first page.

    ``of`` names the list. Raises Invalid for what is no cursor of it, and StaleCursor for one of
    another generation.
    """
    text = request.args.get("cursor", "")
    if not text:
        return 0
    match _decoded(text):
        case [str(owner), str(origin), int(after)] if owner == of and 0 <= after < _LARGEST_NUMBER:
            if origin != generation:
                raise StaleCursor(
                    "This cursor belongs to an earlier generation of the index. Start again "
                    "without a cursor.",
                    field="cursor",
                )
            return after
    raise Invalid(
        "This cursor does not belong to this list. Use a cursor from a page of this list.",
        field="cursor",
    )


def next_cursor(of: str, after: int, *, generation: str = "") -> str:
    packed = json.dumps([of, generation, after], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def _decoded(text: str) -> Any:
    if len(text) > _LONGEST or not text.isascii():
        return None
    try:
        return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None


def page_of(name: str, entries: Sequence[Any], following: str | None, **more: Any) -> Response:
    """A page: its entries under ``name``, and the cursor of the next one, null on the last."""
    return conditional(jsonify({name: entries, "next": following, **more}))


def conditional(response: Response) -> Response:
    """Adds an entity tag; the status is 304 if the client has the same (RFC 9110, 13.1)."""
    response.add_etag()
    response.make_conditional(request)
    return response
