"""Admission: who is answered while a server process has more requests than it can work on.

A WSGI wrapper in front of the application. Filing, people who are signed in, health checks, and
pieces of large files have slots of their own, so that a flood of searches delays nobody's ticket.
A few requests wait for a slot; when they are too many, or would have to wait for too long, the next
one is refused at once with 503 and ``Retry-After``, before any work is done for it. Static files
need no slot: a page without its style sheet is no answer.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, cast

from flask import Flask

from kb.operations.logs import in_request
from webapp.security.sessions import SessionCookies

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LOG = logging.getLogger("askfirst.admission")

ORDINARY_SLOTS = 4  # requests at work; more would only share the one processor of the process
URGENT_SLOTS = 4  # further ones for what is urgent
#: Requests that wait for a slot; the next is refused at once. A burst of one office fits.
ORDINARY_WAITING, URGENT_WAITING = 24, 8
#: Seconds that a request waits. A ticket is worth waiting for.
ORDINARY_PATIENCE, URGENT_PATIENCE = 1.0, 5.0
#: Pieces of large files at once. They wait for slow networks and do little work, and programs that
#: send them try again.
PIECE_SLOTS = 8

_RECENT = 0.1  # how much the last request counts in the average

_URGENT_PATHS = ("/healthz", "/readyz", "/sign-in")
_FILING_PATHS = ("/tickets", "/api/v1/tickets")
_LOG_INTERVAL = 10.0  # seconds
_SENTENCE = "The portal is very busy just now. Try again in a moment."
_PAGE = f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Very busy</title>
<h1>Very busy</h1><p>{_SENTENCE}</p></html>
"""
_PROBLEM = {
    "type": "about:blank",
    "title": "Service unavailable",
    "status": 503,
    "code": "overloaded",
    "detail": _SENTENCE,
}


class Slots:
    """So many requests at work and so many more that wait, each for a limited time.

    Who would have to wait for longer, by the time that requests took lately, is refused at once:
    it is better to be told now than in a second.
    """

    def __init__(self, slots: int, waiting: int, patience: float) -> None:
        self._slots = slots
        self._most_waiting = waiting
        self._patience = patience
        self._free = threading.Semaphore(slots)
        self._lock = threading.Lock()
        self._waiting = 0
        self._seconds = 0.0  # that a request takes, as a moving average

    def take(self) -> bool:
        """Whether a slot was got; ``give_back`` it then."""
        if self._free.acquire(blocking=False):
            return True
        with self._lock:
            delay = (self._waiting + 1) * self._seconds / self._slots
            if self._waiting >= self._most_waiting or delay > self._patience:
                return False
            self._waiting += 1
        try:
            return self._free.acquire(timeout=self._patience)
        finally:
            with self._lock:
                self._waiting -= 1

    def give_back(self, seconds: float) -> None:
        """Free a slot in which a request took so long."""
        with self._lock:
            self._seconds += _RECENT * (seconds - self._seconds)
        self._free.release()


class Admission:
    """The wrapper. ``on_refusal`` is called for each request that is sent away."""

    def __init__(self, sessions: SessionCookies, inner: WSGIApplication) -> None:
        self._sessions = sessions
        self._inner = inner
        self._ordinary = Slots(ORDINARY_SLOTS, ORDINARY_WAITING, ORDINARY_PATIENCE)
        self._urgent = Slots(URGENT_SLOTS, URGENT_WAITING, URGENT_PATIENCE)
        self._pieces = Slots(PIECE_SLOTS, 0, 0.0)
        self._told_at = 0.0
        self._refused = 0
        self.on_refusal: Callable[[], None] | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").startswith("/static/"):
            return self._inner(environ, start_response)

        if environ.get("REQUEST_METHOD") == "PATCH":
            slots = self._pieces
        else:
            slots = self._urgent if self._is_urgent(environ) else self._ordinary
        if not slots.take():
            return self._refuse(environ, start_response)
        begun = time.monotonic()
        try:
            return self._inner(environ, start_response)
        finally:
            slots.give_back(time.monotonic() - begun)

    def _is_urgent(self, environ: WSGIEnvironment) -> bool:
        path, method = environ.get("PATH_INFO", ""), environ.get("REQUEST_METHOD", "")
        if path in _URGENT_PATHS or (method == "POST" and path.startswith(_FILING_PATHS)):
            return True
        return not self._sessions.is_visitor(environ.get("HTTP_COOKIE", ""))

    def _refuse(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self._refused += 1
        if self.on_refusal is not None:
            self.on_refusal()
        if time.monotonic() - self._told_at > _LOG_INTERVAL:
            self._told_at = time.monotonic()
            with in_request(""):  # the thread's last one was another
                LOG.warning("overloaded: %d requests refused since the start", self._refused)
        is_api = environ.get("PATH_INFO", "").startswith("/api/")
        body = json.dumps(_PROBLEM) if is_api else _PAGE
        media = "application/problem+json" if is_api else "text/html; charset=utf-8"
        headers = [
            ("Content-Type", media),
            ("Content-Length", str(len(body))),
            ("Retry-After", "1"),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
        ]
        start_response("503 Service Unavailable", headers)
        return [body.encode("ascii")]


def register(app: Flask) -> Admission:
    """Put admission in front of everything else."""
    sessions = cast("SessionCookies", app.session_interface)
    admission = Admission(sessions, app.wsgi_app)
    # Flask's documented way to wrap an application.
    app.wsgi_app = admission  # type: ignore[method-assign]
    return admission
