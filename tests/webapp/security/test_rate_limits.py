"""Limits hold for the portal as a whole, and a burst costs a second and not a minute."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.errors import TooMany
from tests.webapp.world import Portal, build, settings_of
from webapp.security.rate_limits import RateLimits


def answered(portal: Portal, requests: int) -> int:
    statuses = [
        portal.app.test_client().get("/api/v1/suggest?q=paper").status_code for _ in range(requests)
    ]
    return statuses.count(200)


def test_server_processes_share_a_limit_and_one_connection_gets_all_of_it(folder: Path) -> None:
    settings = settings_of(folder, workers="2", suggest_per_minute="9")
    first, second = build(settings), build(settings)
    assert answered(first, 7) == 7  # more than half of the limit
    assert answered(second, 7) == 2


def test_a_burst_of_one_second_leaves_the_rest_of_the_minute(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1_000_000.0]
    monkeypatch.setattr("webapp.security.shared_windows.time.time", lambda: now[0])
    rates = RateLimits(portal.centre.settings)

    def admitted(requests: int) -> int:
        waits = []
        for _ in range(requests):
            try:
                rates.count("suggest")
            except TooMany as error:
                waits.append(error.retry_after)
        assert set(waits) <= {1}
        return requests - len(waits)

    with portal.app.test_request_context("/api/v1/suggest"):
        assert admitted(700) == 40
        now[0] += 1
        assert admitted(30) == 30


def test_an_office_behind_one_address_does_not_use_up_the_limit_of_one_person(
    folder: Path,
) -> None:
    origin = "https://www.example.com"
    settings = settings_of(
        folder, suggest_per_minute="5", embed_per_minute="12", embed_origins=origin
    )
    client = build(settings).app.test_client()

    def asked(visit: str, origin: str = origin) -> int:
        path = f"/api/v1/suggest?q=paper&visit={visit}"
        statuses = [client.get(path, headers={"Origin": origin}).status_code for _ in range(6)]
        return statuses.count(200)

    assert [asked("visitor1"), asked("visitor2")] == [5, 5]
    assert asked("visitor3") == 2  # all together
    assert asked("visitor4", "https://evil.example") == 5
    assert asked("visitor5", "https://evil.example") == 0  # that name counts for nothing


def test_the_api_tells_what_is_left(folder: Path) -> None:
    portal = build(settings_of(folder, suggest_per_minute="5"))
    for headers in ({}, {"X-Unknown": "1"}):  # the hot routes, and Flask
        left = []
        browser = portal.browser()
        browser.client.environ_base["REMOTE_ADDR"] = f"192.0.2.{1 + len(headers)}"
        for _ in range(6):
            response = browser.get("/api/v1/suggest?q=paper", headers=headers)
            assert response.headers["RateLimit-Policy"] == '"suggest";q=5;w=60'
            left.append(response.headers["RateLimit"])
        assert left == [f'"suggest";r={number}' for number in (4, 3, 2, 1, 0, 0)]
        assert response.status_code == 429
        assert int(response.headers["Retry-After"]) > 0
    assert "RateLimit" not in portal.browser().get("/search?q=paper").headers
