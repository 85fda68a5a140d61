"""Gaps as editors work with them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from kb.gaps.cli import gaps
from kb.gaps.finder import GapFinder
from tests.webapp.world import Browser, Portal, data_values, ticket


@pytest.fixture
def erin(portal: Portal, alice: Browser, charlie: Browser) -> Browser:
    for name, browser in (("alice", alice), ("charlie", charlie)):
        for i, title in enumerate(("Zorblax export fails", f"zorblax export fails for {name}")):
            browser.post("/tickets", ticket(title=title, key=f"{name}{i}"))
    GapFinder(portal.centre.database, portal.centre.searcher).find(portal.clock.now)
    return portal.browser("erin")


def test_editors_see_what_is_missing_in_words_that_several_people_used(erin: Browser) -> None:
    page = erin.page("/editor/gaps")
    assert data_values(page, "gap") == ["writing"]
    assert "zorblax export fails" in page.casefold()
    assert "alice" not in page
    assert "charlie" not in page


def test_a_draft_is_two_clicks_away_and_is_never_overwritten(portal: Portal, erin: Browser) -> None:
    with portal.centre.database.read() as connection:
        from kb.gaps.tables import GAPS

        number = connection.execute(GAPS.select()).one().id
    response = erin.post(f"/editor/gaps/{number}/draft")
    name = data_values(erin.page(response.headers["Location"]), "drafted")[0]
    draft = portal.centre.settings.content / "drafts" / name
    assert "## Resolution" in draft.read_text("utf-8")
    assert erin.post(f"/editor/gaps/{number}/draft").status_code == 409
    assert erin.post("/editor/gaps/999999/draft").status_code == 404


def test_customers_and_agents_do_not_edit(alice: Browser, bob: Browser) -> None:
    assert alice.get("/editor/gaps").status_code == 403
    assert bob.get("/editor/gaps").status_code == 403


def test_the_command_prints_the_same(portal: Portal, erin: Browser, folder: Path) -> None:
    del erin, folder
    result = CliRunner().invoke(
        gaps, ["--data", str(portal.centre.settings.data), "--json"], catch_exceptions=False
    )
    (gap,) = json.loads(result.output)
    assert gap.keys() == {
        "title", "queries", "tickets", "price", "cause", "document", "aliases"
    }  # fmt: skip
    assert (gap["tickets"], gap["price"], gap["cause"]) == (4, 60, "writing")
