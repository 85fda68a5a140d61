"""A process with more to do than it can: filing and people first, the rest is refused quickly."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from werkzeug.test import TestResponse

from tests.webapp.world import Portal
from webapp.security.admission import ORDINARY_SLOTS, URGENT_SLOTS, Slots


@pytest.fixture
def flooded(portal: Portal) -> Iterator[Portal]:
    """A portal whose ordinary slots are all at work, until the test ends."""
    begun, done = threading.Semaphore(0), threading.Event()

    def slow() -> str:
        begun.release()
        done.wait()
        return "done"

    portal.app.view_functions["help_centre.search"] = slow
    threads = [
        threading.Thread(target=lambda: portal.app.test_client().get("/search?q=paper"))
        for _ in range(ORDINARY_SLOTS)
    ]
    for thread in threads:
        thread.start()
        assert begun.acquire(timeout=60)
    yield portal
    done.set()
    for thread in threads:
        thread.join()


def get(portal: Portal, path: str) -> TestResponse:
    return portal.app.test_client().get(path)


@pytest.mark.parametrize("path", ["/", "/search?q=paper", "/api/v1/suggest?q=paper"])
def test_what_can_wait_is_refused_and_told_when_to_come_back(flooded: Portal, path: str) -> None:
    response = get(flooded, path)
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    if path.startswith("/api/"):
        assert response.mimetype == "application/problem+json"
        assert response.json is not None
        assert response.json["code"] == "overloaded"


def test_health_checks_and_filing_are_answered(flooded: Portal) -> None:
    assert get(flooded, "/healthz").status_code == 200
    response = flooded.app.test_client().post("/tickets", data={})
    assert response.status_code == 400  # its form token is missing: it came in


def test_people_who_are_signed_in_are_answered_and_a_forged_session_is_not(
    portal: Portal, request: pytest.FixtureRequest
) -> None:
    alice = portal.browser("alice")
    request.getfixturevalue("flooded")
    assert alice.get("/tickets").status_code == 200
    stranger = portal.app.test_client()
    stranger.set_cookie("askfirst", "eyJ0b2tlbiI6IngifQ.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb")
    assert stranger.get("/").status_code == 503


def test_everybody_is_answered_again_afterwards(portal: Portal) -> None:
    for _ in range(2 * (ORDINARY_SLOTS + URGENT_SLOTS)):
        assert get(portal, "/").status_code == 200
        assert get(portal, "/healthz").status_code == 200


def test_who_would_wait_for_too_long_is_refused_at_once() -> None:
    slots = Slots(1, 24, patience=3600)
    assert slots.take()
    for _ in range(100):
        slots.give_back(seconds=10_000)
        assert slots.take()
    assert not slots.take()  # an hour of patience would not be enough
    for _ in range(100):
        slots.give_back(seconds=0.001)
        assert slots.take()
    waiting = threading.Thread(target=slots.take)
    waiting.start()
    slots.give_back(seconds=0.001)
    waiting.join(timeout=60)
    assert not waiting.is_alive()
