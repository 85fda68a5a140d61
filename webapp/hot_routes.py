"""Hot routes: what is asked most often, answered before Flask and by the same rules.

Of a suggestion that was given before, Flask's own work was nine tenths of the cost. Its views
remain and answer all that is not understood here, to the last header: other methods, people who are
signed in, further arguments, headers that are not listed below. The headers of an answer are those
of Flask's last answer of the same kind, so that no rule about them stands here; files and other
answers that are the same for everybody are repeated for a moment as a whole, and pages that
follow from the published generation until there is another one. Tests compare both ways byte by
byte.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple, cast
from urllib.parse import parse_qsl

from flask import Flask
from werkzeug.exceptions import SecurityError
from werkzeug.sansio.utils import get_host

from kb.errors import Invalid, KbError, TooMany
from kb.search.documents import PUBLIC
from kb.settings import Settings
from webapp.api.v1 import (
    DEFAULT_LIMIT,
    Suggested,
    is_settled,
    is_unchanged,
    parsed_limit,
    standpoint,
    suggested,
)
from webapp.context import EXTENSION, LANGUAGE_HEADER, reader_language
from webapp.problems import problem_body, retry_header
from webapp.security.access_log import begin_request, log_request
from webapp.security.public_pages import OF_GENERATION_ALONE, chosen_encoding
from webapp.security.rate_limits import COUNTED, RateLimits, counted_address, left_header
from webapp.security.sessions import SessionCookies
from webapp.sub_path import OUTSIDE

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from kb.centre import HelpCentre

SUGGEST = "/api/v1/suggest"
#: Address -> endpoint of what is the same for everybody; ``/static/`` holds such files.
_SAME_FOR_ALL = {
    "/healthz": "health.healthz",
    "/embed.js": "well_known.embed",
    "/embed-companion.js": "well_known.embed_companion",
    "/embed-pack.js": "well_known.embed_pack_reader",
}
_STATIC, _STATIC_RULE = "/static/", "/static/<path:filename>"

_REPEATED_FOR = 1.0  # seconds; an edited file is seen then
_MOST_REPEATED = 256
_LARGEST_REPEATED = 256 * 1024  # bytes of a body

_KEPT_FOR = 600.0  # seconds: a page may have been made in a hurry, without what is like it
_MOST_KEPT = 16 * 1024 * 1024  # bytes of pages, in each server process

_LEARNED = (200, 304, 429)
_ARGUMENTS = frozenset({"q", "limit", "language", "product", "version", "visit", "settled"})
_LONGEST_QUERY = 4000

#: The headers of requests that mean nothing to these routes, or what is done here.
_HEADERS = """
Accept Accept-Encoding Accept-Language Cache-Control Connection Cookie DNT Forwarded Host
If-None-Match Keep-Alive Origin Priority Referer Save-Data TE Traceparent Tracestate
Upgrade-Insecure-Requests User-Agent Via X-Amzn-Trace-ID X-Forwarded-For X-Forwarded-Host
X-Forwarded-Port X-Forwarded-Proto X-Forwarded-Server X-Real-IP X-Request-ID X-Requested-With
"""
#: What an environment usually holds beside headers.
_VARIABLES = """
GATEWAY_INTERFACE PATH_INFO QUERY_STRING REMOTE_ADDR REMOTE_PORT REQUEST_METHOD SCRIPT_NAME
SERVER_NAME SERVER_PORT SERVER_PROTOCOL SERVER_SOFTWARE wsgi.errors wsgi.file_wrapper wsgi.input
wsgi.input_terminated wsgi.multiprocess wsgi.multithread wsgi.run_once wsgi.url_scheme wsgi.version
"""
_EXPECTED = frozenset(
    [f"HTTP_{name}" for name in _HEADERS.upper().replace("-", "_").split()] + _VARIABLES.split()
)
_UNDERSTOOD_FAMILIES = ("HTTP_SEC_", "HTTP_CF_")  # what browsers and Cloudflare say about a request

_Headers = list[tuple[str, str]]
Observe = Callable[[str, str, tuple[str, int], float, bytes], None]


class _Kind(NamedTuple):
    """Flask's answer of one kind: what stands in each of them, with the places of the rest."""

    status: str
    headers: _Headers


class _Arguments(NamedTuple):
    text: str
    limit: int
    language: str
    product: str
    version: str
    visit: str
    settled: bool


class _Repeated(NamedTuple):
    """A whole answer of Flask that is given again until ``until``."""

    kind: _Kind
    body: bytes
    until: float


class _Page(NamedTuple):
    """An answer of Flask that follows from the generation; ``route`` as public_pages names it."""

    kind: _Kind
    tag: str
    route: tuple[str, str, str]
    body: bytes
    until: float


class HotRoutes:
    """The wrapper. ``observe`` is told of each answer that is given here."""

    def __init__(self, app: Flask, inner: WSGIApplication, settings: Settings) -> None:
        self._app = app
        self._inner = inner
        self._settings = settings
        self._kinds: dict[tuple[int, str], _Kind] = {}
        self._repeated: dict[tuple[str, ...], _Repeated] = {}
        self._pages: dict[tuple[str, ...], _Page] = {}
        self._pages_of = ""  # the generation
        self._pages_size = 0
        self._is_trusted = functools.lru_cache(64)(self._trusts)
        self.observe: Observe | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        is_suggestion = path == SUGGEST
        is_same = path in _SAME_FOR_ALL or path.startswith(_STATIC)
        if not self._understands(environ):
            return self._inner(environ, start_response)
        answer = self._suggest if is_suggestion else self._repeat if is_same else self._page
        return answer(environ, start_response)

    def _understands(self, environ: WSGIEnvironment) -> bool:
        return (
            environ["REQUEST_METHOD"] == "GET"
            and environ.get("CONTENT_LENGTH", "") in ("", "0")
            and OUTSIDE not in environ
            and not any(map(_is_strange, environ.keys() - _EXPECTED))
            and self._is_trusted(environ["wsgi.url_scheme"], environ.get("HTTP_HOST", ""))
        )

    def _trusts(self, scheme: str, host: str) -> bool:
        try:
            return bool(get_host(scheme, host, None, self._app.config["TRUSTED_HOSTS"]))
        except SecurityError:
            return False

    # --- suggestions

    def _suggest(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        sessions = cast("SessionCookies", self._app.session_interface)
        if not sessions.is_visitor(environ.get("HTTP_COOKIE", "")):
            return self._inner(environ, start_response)
        arguments = _arguments(environ.get("QUERY_STRING", ""))
        if arguments is None:
            return self._inner(environ, start_response)

        began = time.monotonic()
        language = reader_language(
            arguments.language, environ.get("HTTP_ACCEPT_LANGUAGE", "")[:LANGUAGE_HEADER]
        )
        rates = cast("RateLimits", self._app.extensions["askfirst.rates"])
        try:
            left = rates.suggestion(
                counted_address(environ.get("REMOTE_ADDR") or "unknown"),
                self._origin(environ),
                arguments.visit,
            )
        except TooMany as error:
            return self._refuse(environ, start_response, error, began)
        environ[COUNTED] = left  # if Flask has to answer after all

        centre = cast("HelpCentre", self._app.extensions[EXTENSION])
        try:
            answer = suggested(
                centre,
                arguments.text,
                audience=PUBLIC,
                limit=arguments.limit,
                standpoint=standpoint(centre, language, arguments.product, arguments.version),
                now=self._app.config["CLOCK"](),
                settled=arguments.settled,
            )
        except KbError:
            return self._inner(environ, start_response)
        return self._give(environ, start_response, answer, left, began)

    def _give(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        answer: Suggested,
        left: int,
        began: float,
    ) -> Iterable[bytes]:
        body = answer.body
        own = {"ETag": answer.tag, "RateLimit": left_header("suggest", left)}
        status = 200
        if is_unchanged(environ.get("HTTP_IF_NONE_MATCH", ""), answer.tag):
            status, body = 304, b""
        else:
            own["Content-Length"] = str(len(body))
        kind = self._kinds.get((status, self._origin(environ)))
        if kind is None:
            return self._learn(environ, start_response)
        self._answer(environ, start_response, kind, own, began, (SUGGEST, "api.suggest"), body)
        return [body]

    def _refuse(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        error: TooMany,
        began: float,
    ) -> Iterable[bytes]:
        kind = self._kinds.get((error.status, self._origin(environ)))
        if kind is None:
            return self._learn(environ, start_response)
        instance = environ.get("SCRIPT_NAME", "") + SUGGEST
        body = problem_body(
            error.status, error.sentence, code=error.code, instance=instance
        ).encode()
        own = {**retry_header(error), "Content-Length": str(len(body))}
        self._answer(environ, start_response, kind, own, began, (SUGGEST, "api.suggest"), body)
        return [body]

    def _origin(self, environ: WSGIEnvironment) -> str:
        origin: str = environ.get("HTTP_ORIGIN", "")
        return origin if origin in self._settings.embed_origins else ""

    def _learn(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Lets Flask answer, to know the headers of such an answer."""

        def start(status: str, headers: _Headers, *more: object) -> Callable[[bytes], object]:
            number = int(status.split()[0])
            if number in _LEARNED and all(name != "Set-Cookie" for name, _ in headers):
                self._kinds[number, self._origin(environ)] = _Kind(status, list(headers))
            return start_response(status, headers, *more)  # type: ignore[arg-type]

        return self._inner(environ, start)

    # --- what is the same for everybody

    def _repeat(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        began = time.monotonic()
        path = environ["PATH_INFO"]
        key = (path, *(environ.get(name, "") for name in _DIFFERENT_BY))
        repeated = self._repeated.get(key)
        if repeated is None or repeated.until < began:
            return self._record(environ, start_response, key)
        endpoint = _SAME_FOR_ALL.get(path)
        route = (path, endpoint) if endpoint else (_STATIC_RULE, "static")
        self._answer(environ, start_response, repeated.kind, None, began, route, b"")
        return [repeated.body]

    def _record(
        self, environ: WSGIEnvironment, start_response: StartResponse, key: tuple[str, ...]
    ) -> Iterable[bytes]:
        """Lets Flask answer, and keeps the answer if it is small and the same for everybody."""
        kinds: list[_Kind] = []

        def start(status: str, headers: _Headers, *more: object) -> Callable[[bytes], object]:
            kinds.append(_Kind(status, list(headers)))
            return start_response(status, headers, *more)  # type: ignore[arg-type]

        environ.pop("wsgi.file_wrapper", None)  # what it returns need not be readable here
        parts = self._inner(environ, start)
        kind, headers = kinds[0], dict(kinds[0].headers)
        size = headers.get("Content-Length", "0")
        is_small = size.isdigit() and int(size) <= _LARGEST_REPEATED
        is_same = "Set-Cookie" not in headers and "Cookie" not in headers.get("Vary", "")
        if not is_small or not is_same or kind.status[:3] not in ("200", "304"):
            return parts

        try:
            body = b"".join(parts)
        finally:
            if hasattr(parts, "close"):
                parts.close()
        if len(self._repeated) >= _MOST_REPEATED:
            self._repeated.clear()
        self._repeated[key] = _Repeated(kind, body, time.monotonic() + _REPEATED_FOR)
        return [body]

    # --- pages that follow from the generation

    def _page(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        generation = self._generation(environ)
        if not generation:
            return self._inner(environ, start_response)
        began = time.monotonic()
        if generation != self._pages_of:
            self._forget_pages(generation)
        sent = environ.get("HTTP_IF_NONE_MATCH", "")
        # All addresses in pages follow from the settings, so that the host makes no difference.
        encoding = chosen_encoding(environ.get("HTTP_ACCEPT_ENCODING", ""))
        key = (environ["PATH_INFO"], encoding)
        page = self._pages.get((*key, "200"))
        if page is not None and sent and is_unchanged(sent, page.tag):
            page = self._pages.get((*key, "304"))
        if page is None or page.until < began:
            return self._keep(environ, start_response, key, generation)
        rule, endpoint, path = page.route
        self._answer(
            environ, start_response, page.kind, None, began, (rule, endpoint), b"", logged=path
        )
        return [page.body]

    def _generation(self, environ: WSGIEnvironment) -> str:
        """That of which a page may be kept for whoever asks; "" for a page of another kind."""
        sessions = cast("SessionCookies", self._app.session_interface)
        if (
            environ.get("QUERY_STRING")
            or "markdown" in environ.get("HTTP_ACCEPT", "").lower()
            or not sessions.is_visitor(environ.get("HTTP_COOKIE", ""))
        ):
            return ""
        try:
            return cast("HelpCentre", self._app.extensions[EXTENSION]).searcher.generation
        except KbError:
            return ""

    def _keep(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        key: tuple[str, ...],
        generation: str,
    ) -> Iterable[bytes]:
        """Lets Flask answer, and keeps the answer if it is the same for every visitor."""
        kinds: list[_Kind] = []

        def start(status: str, headers: _Headers, *more: object) -> Callable[[bytes], object]:
            kinds.append(_Kind(status, list(headers)))
            return start_response(status, headers, *more)  # type: ignore[arg-type]

        parts = self._inner(environ, start)
        route = environ.get(OF_GENERATION_ALONE)
        # Another generation may have made the page meanwhile.
        if route is None or not generation == self._generation(environ) == self._pages_of:
            return parts
        try:
            body = b"".join(parts)
        finally:
            if hasattr(parts, "close"):
                parts.close()
        kind, headers = kinds[0], dict(kinds[0].headers)
        if "Set-Cookie" not in headers:
            if self._pages_size > _MOST_KEPT:
                self._forget_pages(generation)
            self._pages_size += len(body)
            until = time.monotonic() + _KEPT_FOR
            page = _Page(kind, headers.get("ETag", ""), route, body, until)
            self._pages[*key, kind.status[:3]] = page
        return [body]

    def _forget_pages(self, generation: str) -> None:
        self._pages, self._pages_of, self._pages_size = {}, generation, 0

    # --- both

    def _answer(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        kind: _Kind,
        own: dict[str, str] | None,
        began: float,
        route: tuple[str, str],
        body: bytes,
        logged: str = "",
    ) -> None:
        """Sends the head of an answer, in which ``own`` headers have other values than before, and
        leaves the same traces as Flask's.
        """
        is_behind_proxy = self._settings.trusted_proxies > 0
        request_id = begin_request(environ.get("HTTP_X_REQUEST_ID", "") if is_behind_proxy else "")
        own = {**(own or {}), "X-Request-ID": request_id}
        headers = [(name, own.get(name, value)) for name, value in kind.headers]
        start_response(kind.status, headers)
        rule, endpoint = route
        status, seconds = int(kind.status[:3]), time.monotonic() - began
        address = counted_address(environ.get("REMOTE_ADDR") or "unknown")
        log_request("GET", logged or environ["PATH_INFO"], status, seconds, address)
        if self.observe is not None:
            self.observe("GET", rule, (endpoint, status), seconds, body)


#: Parts of a request by which answers may differ that are the same for everybody.
_DIFFERENT_BY = (
    "QUERY_STRING",
    "HTTP_HOST",
    "HTTP_ORIGIN",
    "HTTP_ACCEPT_ENCODING",
    "HTTP_IF_NONE_MATCH",
)


def _is_strange(name: str) -> bool:
    return name.startswith("HTTP_") and not name.startswith(_UNDERSTOOD_FAMILIES)


@functools.lru_cache(1024)
def _arguments(query: str) -> _Arguments | None:
    """What is asked; None for what Flask is to judge."""
    if len(query) > _LONGEST_QUERY or not query.isascii():
        return None
    values: dict[str, str] = {}
    # As Werkzeug reads them.
    for name, value in parse_qsl(query, keep_blank_values=True, errors="werkzeug.url_quote"):
        if name not in _ARGUMENTS:
            return None
        values.setdefault(name, value)
    try:
        limit = parsed_limit(values.get("limit", DEFAULT_LIMIT))
        settled = is_settled(values.get("settled", "0"))
    except Invalid:
        return None
    return _Arguments(
        values.get("q", ""),
        limit,
        values.get("language", ""),
        values.get("product", ""),
        values.get("version", ""),
        values.get("visit", ""),
        settled,
    )


def register(app: Flask, settings: Settings) -> HotRoutes:
    """Put the hot routes before Flask, and behind whatever wraps the application later."""
    routes = HotRoutes(app, app.wsgi_app, settings)
    # Flask's documented way to wrap an application.
    app.wsgi_app = routes  # type: ignore[method-assign]
    return routes
