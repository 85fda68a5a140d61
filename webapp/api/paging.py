"""Lists of the API, page by page: cursors, and the shape of a page.

A cursor is opaque to its reader. It holds the entry after which the next page begins, and the list
that it belongs to; a cursor of another list is refused. Changes in the meantime, such as another
generation of the index, neither repeat nor skip other entries.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from flask import Response, jsonify, request

from kb.errors import Invalid

DEFAULT_PAGE, LARGEST_PAGE = 25, 100
_LONGEST = 4_000  # characters of a cursor
LARGEST_NUMBER = 2**53  # what every JSON reader keeps exactly


def page_size() -> int:
    """How many entries the request asks for. Raises Invalid."""
    text = request.args.get("limit", str(DEFAULT_PAGE))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:5]) <= LARGEST_PAGE:
        raise Invalid(f"limit must be a whole number from 1 to {LARGEST_PAGE}.", field="limit")
    return int(text)


def cursor_after(of: str) -> int:
    """The number after which the page begins; 0 for the first page. Raises as ``cursor_values``."""
    (after,) = cursor_values(of, int) or (0,)
    if not 0 <= after < LARGEST_NUMBER:
        raise not_of_this_list()
    return int(after)


def cursor_values(of: str, *kinds: type) -> tuple[Any, ...]:
    """What the cursor of the request holds, of these types; nothing for the first page.

    ``of`` names the list. Raises Invalid for anything but a cursor of that list.
    """
    text = request.args.get("cursor", "")
    if not text:
        return ()
    match _decoded(text):
        case [str(owner), *values] if owner == of and tuple(map(type, values)) == kinds:
            return tuple(values)
    raise not_of_this_list()


def cursor_of(of: str, *values: str | float | bool) -> str:
    """A cursor that ``cursor_values`` reads."""
    packed = json.dumps([of, *values], separators=(",", ":"), ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def not_of_this_list() -> Invalid:
    return Invalid(
        "This cursor does not belong to this list. Use a cursor from a page of this list.",
        field="cursor",
    )


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
