"""Promises that change while the portal serves: new ones hold from the next request on, broken ones
never.
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest

from tests.webapp.world import Browser, Portal, data_values, number_of, ticket

SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def file(portal: Portal, folder: Path) -> Path:
    return folder / "content" / "policies.toml"


def change(portal: Portal, file: Path, old: str, new: str) -> None:
    """Edits the policy file, and lets the portal look at it twice."""
    text, at = file.read_text("utf-8"), file.stat().st_mtime_ns + 1_000_000
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")
    os.utime(file, ns=(at, at))
    for _ in range(2):
        portal.clock.now += SECOND
        portal.browser().page("/sign-in")


def due(alice: Browser, key: str) -> str:
    number = number_of(alice.post("/tickets", ticket(key=key)))
    return alice.page(f"/tickets/{number}")


def test_a_changed_promise_holds_from_the_next_request_on(
    portal: Portal, file: Path, alice: Browser
) -> None:
    assert "24 Nov" in due(alice, "before-the-change")
    change(portal, file, 'first_response = "8h"', 'first_response = "2h"')
    page = due(alice, "after-the-change")
    assert "23 Nov" in page
    assert "24 Nov" not in page


def test_a_broken_change_is_shown_on_the_board_and_holds_nowhere(
    portal: Portal, file: Path, alice: Browser, bob: Browser
) -> None:
    assert data_values(bob.page("/desk/board"), "policy-problem") == []
    change(portal, file, 'first_response = "8h"', 'first_response = "8x"')
    board = bob.page("/desk/board")
    assert data_values(board, "policy-problem") == [""]
    assert "8x" in board
    assert "24 Nov" in due(alice, "while-it-is-broken")
    change(portal, file, 'first_response = "8x"', 'first_response = "8h"')
    assert data_values(bob.page("/desk/board"), "policy-problem") == []


def test_the_policy_that_was_taken_is_noted_for_those_who_start_later(
    portal: Portal, file: Path
) -> None:
    change(portal, file, 'first_response = "8h"', 'first_response = "2h"')
    with portal.centre.database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM policies").scalar_one() == 2
