"""SLA performance: what is breached, what is due next, and attainment."""

from __future__ import annotations

import datetime as dt

from tests.webapp.world import (
    Browser,
    Portal,
    data_values,
    number_of,
    part_of,
    ticket,
)


def test_the_board_shows_what_is_late_what_comes_next_and_the_record(
    portal: Portal, alice: Browser, bob: Browser
) -> None:
    empty = bob.page("/desk/board")
    assert data_values(empty, "ticket") == []
    assert data_values(empty, "total") == []
    kept, missed, late, coming = (
        number_of(alice.post("/tickets", ticket(key=key, title=f"Title {key}")))
        for key in ("a", "b", "c", "d")
    )
    bob.post(f"/desk/{kept}/replies", {"body": "In time.", "key": "1"})
    portal.clock.now += dt.timedelta(days=2)
    bob.post(f"/desk/{missed}/replies", {"body": "Too late.", "key": "2"})
    bob.post(f"/desk/{coming}/replies", {"body": "Late too.", "key": "3"})
    portal.clock.now += dt.timedelta(hours=1)
    alice.post(f"/tickets/{coming}/comments", {"body": "And now?", "key": "4"})
    page = bob.page("/desk/board")
    assert late in data_values(part_of(page, "list", "breached"), "ticket")
    assert coming in data_values(part_of(page, "list", "next"), "ticket")
    assert coming not in data_values(part_of(page, "list", "breached"), "ticket")
    assert kept not in page
    # Three were missed, one of which is still open.
    assert (data_values(page, "met"), data_values(page, "total")) == (["1"], ["4"])
    assert alice.get("/desk/board").status_code == 403
