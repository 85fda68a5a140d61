"""Public pages: what caches between the portal and its readers may keep, and how it is compressed.

A page of ``PUBLIC_PAGES`` is public while nobody is signed in: its answer depends on the address
alone, sets no cookie and contains no token. Its entity tag is a hash of the page and not the name
of a generation, which would tell that something hidden was published. Other pages may contain
secrets beside text that a stranger chose, so they are not compressed (BREACH, breachattack.com).
"""

from __future__ import annotations

import functools
import gzip
import hashlib

import brotli
from flask import Flask, Response, g, request, session
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header, parse_etags, quote_etag

from kb.search.documents import PUBLIC
from webapp.context import asker, audience
from webapp.security.access_log import logged_route
from webapp.security.access_policy import CACHEABLE, OF_GENERATION, PUBLIC_PAGES

#: In the environment of a request whose answer follows from the generation alone: the rule of its
#: route, the endpoint, and the path as the log has it.
OF_GENERATION_ALONE = "askfirst.of-generation"

#: In the order in which they are chosen.
ENCODINGS = ("br", "gzip")

_COMPRESSED = ("text/", "application/json", "application/feed+json", "image/svg+xml")
_COMPRESSED_ENDINGS = ("+xml", "+json", "/xml", "/javascript")
_SMALLEST = 512  # bytes; less becomes hardly smaller
_BROTLI_QUALITY, _GZIP_LEVEL = 5, 6  # a page in about a millisecond
_REMEMBERED = 64


def register(app: Flask) -> None:
    """Call it after everything else that registers itself: the last is asked first, and logs and
    counters see the status that is decided here.
    """
    app.after_request(_prepare)


def is_public() -> bool:
    """Whether the answer to this request is the same for everybody who is not signed in."""
    return (
        request.method in ("GET", "HEAD")
        and request.endpoint in PUBLIC_PAGES
        and not session.get("token")
        and asker() is None
        and audience() == PUBLIC
        and not session.modified
        and not session.permanent
    )


def _prepare(response: Response) -> Response:
    is_page = is_public()
    if response.status_code != 200 or not (is_page or request.endpoint in CACHEABLE):
        return response
    if is_page:
        g.is_public = True
        # A view may know better; what depends on the session's time zone has to be asked for.
        response.headers.setdefault("Cache-Control", PUBLIC_PAGES[request.endpoint or ""])
        response.vary.add("Cookie")
    if request.endpoint in OF_GENERATION:
        route = (str(request.url_rule), request.endpoint, logged_route())
        request.environ[OF_GENERATION_ALONE] = route
    _compress(response)
    if "ETag" in response.headers or not response.is_streamed:
        _leave_out_what_is_unchanged(response)
    return response


def _compress(response: Response) -> None:
    kind = response.mimetype or ""
    if not kind.startswith(_COMPRESSED) and not kind.endswith(_COMPRESSED_ENDINGS):
        return
    response.vary.add("Accept-Encoding")
    response.direct_passthrough = False
    data = response.get_data()
    if "ETag" not in response.headers:
        response.set_etag(hashlib.blake2b(data, digest_size=12).hexdigest())
    encoding = chosen_encoding(request.headers.get("Accept-Encoding", ""))
    if not encoding or len(data) < _SMALLEST:
        return
    response.set_data(_compressed(data, encoding))
    response.headers["Content-Encoding"] = encoding
    tag, is_weak = response.get_etag()
    # Different bytes need a different strong tag (RFC 9110, 8.8.3.3).
    response.headers["ETag"] = quote_etag(f"{tag}-{encoding}", weak=bool(is_weak))


@functools.lru_cache(_REMEMBERED)
def _compressed(data: bytes, encoding: str) -> bytes:
    if encoding == "br":
        return bytes(brotli.compress(data, quality=_BROTLI_QUALITY))
    return gzip.compress(data, _GZIP_LEVEL, mtime=0)


@functools.lru_cache(256)
def chosen_encoding(accepted: str) -> str:
    """The first of ``ENCODINGS`` that a header Accept-Encoding allows, "" for none.

    >>> chosen_encoding("gzip, deflate, br"), chosen_encoding("br;q=0, *"), chosen_encoding("")
    ('br', 'gzip', '')
    """
    allowed = parse_accept_header(accepted[:200], Accept)
    return next((encoding for encoding in ENCODINGS if allowed[encoding] > 0), "")


def _leave_out_what_is_unchanged(response: Response) -> None:
    """For whoever has it already and says so (RFC 9110, 13.1.2)."""
    if "ETag" not in response.headers:
        response.set_etag(hashlib.blake2b(response.get_data(), digest_size=12).hexdigest())
    tag, _ = response.get_etag()
    sent = request.headers.get("If-None-Match", "")
    if sent and parse_etags(sent).contains_weak(tag or ""):
        response.status_code = 304
        response.set_data(b"")
