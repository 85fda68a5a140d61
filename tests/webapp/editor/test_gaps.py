"""Gaps as editors work with them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from kb.gaps.cli import gaps
from kb.gaps.finder import GapFinder
from kb.gaps.gaps import Gap, GapCause
from kb.gaps.repository import GapRepository
from tests.webapp.world import DOCUMENTS, Browser, Portal, data_values, number_of, publish, ticket


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


def test_what_one_person_searched_and_filed_is_nobody_elses_business(
    portal: Portal, alice: Browser
) -> None:
    alice.page("/search?q=zorblax+of+Alice")
    for key in ("one", "two"):
        alice.post("/tickets", ticket(title="Zorblax of Alice", key=key))
    GapFinder(portal.centre.database, portal.centre.searcher).find(portal.clock.now)
    assert data_values(portal.browser("erin").page("/editor/gaps"), "gap") == []


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


def found_gap(portal: Portal, document: str, *titles: str) -> int:
    """The number of a gap that a page could close."""
    gap = Gap(titles[0], 5, 3, GapCause.SEARCH, document, titles[1:])
    repository = GapRepository(portal.centre.database)
    repository.replace([gap], portal.clock.now)
    ((number, _),) = repository.stored()
    return number


def publish_with_files(portal: Portal) -> Path:
    """The content folder, in which the page about jams has a Markdown file."""
    settings = portal.centre.settings
    path = settings.content / "docs/jam.md"
    path.parent.mkdir()
    path.write_text("---\ntitle: Clear a paper jam\n---\n\nOpen the cover.\n", "utf-8")
    first, *others = DOCUMENTS
    publish(settings.data, (replace(first, source="docs/jam.md"), *others))
    portal.centre.searcher._checked_at = float("-inf")  # it looks once a second
    return settings.content


def test_aliases_show_their_effect_before_they_are_in_the_page(portal: Portal) -> None:
    erin, content = portal.browser("erin"), publish_with_files(portal)
    number = found_gap(portal, "doc/jam", "leaf caught inside", "crumpled sheet")
    before = (content / "docs/jam.md").read_text("utf-8")
    page = erin.page(f"/editor/gaps/{number}/proposal")
    assert data_values(page, "proposal") == ["docs/jam.md"]
    assert data_values(page, "changed") == ["2"]
    assert data_values(page, "broken") == ["0"]
    for text in (page, erin.page("/editor/gaps")):
        assert "Clear a paper jam" in text
        assert ">doc/jam<" not in text
    assert (content / "docs/jam.md").read_text("utf-8") == before

    response = erin.post(f"/editor/gaps/{number}/proposal")
    assert data_values(erin.page(response.headers["Location"]), "accepted") == ["docs/jam.md"]
    after = (content / "docs/jam.md").read_text("utf-8")
    assert '"leaf caught inside"' in after
    assert erin.post(f"/editor/gaps/{number}/proposal").status_code == 409


def test_a_page_without_a_file_of_its_own_is_pinned(portal: Portal) -> None:
    erin, content = portal.browser("erin"), portal.centre.settings.content
    number = found_gap(portal, "doc/jam", "leaf caught inside")
    page = erin.page(f"/editor/gaps/{number}/proposal")
    assert data_values(page, "proposal") == ["curations.toml"]
    assert data_values(page, "changed") == ["1"]
    erin.post(f"/editor/gaps/{number}/proposal")
    assert 'pin = ["doc/jam"]' in (content / "curations.toml").read_text("utf-8")


def test_only_editors_who_see_the_page_see_and_accept_a_proposal(portal: Portal) -> None:
    number = found_gap(portal, "doc/jam", "leaf caught inside")
    for name in ("alice", "bob", "charlie"):
        browser = portal.browser(name)
        assert browser.get(f"/editor/gaps/{number}/proposal").status_code == 403
        assert browser.post(f"/editor/gaps/{number}/proposal").status_code == 403


def test_the_command_prints_and_accepts_what_aliases_change(portal: Portal) -> None:
    settings, content = portal.centre.settings, publish_with_files(portal)
    for name in ("alice", "charlie"):
        number = number_of(portal.browser(name).post("/tickets", ticket(title="Leaf caught")))
        bob = portal.browser("bob")
        bob.post(f"/desk/{number}/link", {"document": "doc/jam", "key": name})
    arguments = ["--data", str(settings.data)]
    environment = {"KB_CONTENT": str(content)}
    run = CliRunner(env=environment).invoke
    result = run(gaps, [*arguments, "--effects", "--json"], catch_exceptions=False)
    (gap,) = json.loads(result.output)
    assert (gap["cause"], gap["document"]) == ("search", "doc/jam")
    assert gap["proposal"]["kind"] == "aliases"
    (change,) = gap["proposal"]["effect"]["changed"]
    assert (change["before"], change["after"]) == ([], ["doc/jam"])
    assert run(gaps, [*arguments, "--accept", "nothing"]).exit_code
    accepted = run(gaps, [*arguments, "--accept", gap["title"]], catch_exceptions=False)
    assert accepted.exit_code == 0
    assert "leaf caught" in (content / "docs/jam.md").read_text("utf-8").casefold()
