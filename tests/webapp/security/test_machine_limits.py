"""Portals on several machines count tickets together, and typing each for itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.databases import SERVER, location_of
from tests.webapp.world import Portal, build, guest, settings_of

pytestmark = pytest.mark.skipif(not SERVER, reason="no PostgreSQL: see .ci/services")


@pytest.fixture
def machines(tmp_path: Path) -> tuple[Portal, Portal]:
    """With data folders of their own and one database."""
    address = str(location_of(tmp_path, "postgresql"))
    given = {"database": address, "tickets_per_hour": "3", "suggest_per_minute": "3"}
    first, second = (build(settings_of(tmp_path / name, **given)) for name in ("one", "two"))
    return first, second


def file(portal: Portal, key: str) -> int:
    browser = portal.browser()
    response = browser.post("/tickets", guest(key=key, episode=key))
    assert (response.status_code == 429) is ("Retry-After" in response.headers)
    return response.status_code


def test_another_machine_gives_no_further_tickets(machines: tuple[Portal, Portal]) -> None:
    first, second = machines
    assert [file(first, "a"), file(second, "b"), file(first, "c")] == [303] * 3
    assert [file(first, "d"), file(second, "e")] == [429] * 2


def test_what_costs_only_a_machine_is_counted_on_it(machines: tuple[Portal, Portal]) -> None:
    for portal in machines:
        client = portal.app.test_client()
        codes = [client.get("/api/v1/suggest?q=paper").status_code for _ in range(4)]
        assert codes[:3] == [codes[0]] * 3 != [429] * 3
        assert codes[3] == 429
