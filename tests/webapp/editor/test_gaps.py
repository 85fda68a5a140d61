"""Gaps as editors work with them."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import CliRunner

from kb.gaps.cli import gaps
from kb.gaps.effects import EffectComparison
from kb.gaps.finder import GapFinder
from kb.gaps.gaps import Gap, GapCause
from kb.gaps.repository import GapRepository
from kb.gaps.waiting_proposals import WaitingProposals
from kb.search.query.curation_file import aliases_of, read_curations
from tests.webapp.world import Browser, Portal, data_values, number_of, ticket


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


def proposal_page(portal: Portal, erin: Browser, gap: int) -> str:
    """The path of the page, once the worker has computed the effect."""
    path = erin.post(f"/editor/gaps/{gap}/proposal").headers["Location"]
    assert "data-waits" in erin.page(path)
    assert erin.post(f"/editor/gaps/{gap}/proposal").headers["Location"] == path  # not twice
    compare_next(portal)
    return path


def compare_next(portal: Portal) -> int:
    centre = portal.centre
    comparison = EffectComparison(centre.settings, centre.database, centre.searcher)
    return WaitingProposals(centre.database).compare_next(comparison, portal.clock.now)


@pytest.mark.parametrize("document", ["doc/jam", "faq/password", "forum/noisy"])
def test_aliases_of_any_page_show_their_effect_before_they_are_accepted(
    portal: Portal, document: str
) -> None:
    erin, content = portal.browser("erin"), portal.centre.settings.content
    number = found_gap(portal, document, "leaf caught inside", "crumpled sheet")
    path = proposal_page(portal, erin, number)
    page = erin.page(path)
    assert data_values(page, "proposal") == [document]
    assert data_values(page, "changed") == ["2"]
    assert data_values(page, "broken") == ["0"]
    for text in (page, erin.page("/editor/gaps")):
        assert f">{document}<" not in text  # its title instead
    assert not (content / "curations.toml").exists()

    response = erin.post(path)
    assert data_values(erin.page(response.headers["Location"]), "accepted") == ["curations.toml"]
    curations = read_curations(content / "curations.toml").values
    assert aliases_of(curations) == {document: ("leaf caught inside", "crumpled sheet")}
    assert erin.post(path).status_code == 409
    assert compare_next(portal) == 0


def test_a_golden_query_that_aliases_mend_is_counted_and_a_broken_file_is_not_changed(
    portal: Portal,
) -> None:
    erin, content = portal.browser("erin"), portal.centre.settings.content
    (content / "golden.toml").write_text(
        '[[queries]]\nquery = "clean the still"\nexpect = ["doc/still"]\n\n'
        '[[queries]]\nquery = "zorblax export"\nexpect = ["doc/ink"]\n'
    )
    path = proposal_page(portal, erin, found_gap(portal, "doc/ink", "zorblax export"))
    page = erin.page(path)
    assert (data_values(page, "broken"), data_values(page, "mended")) == (["0"], ["1"])

    (content / "curations.toml").write_text("[[queries]]\n")
    assert erin.post(path).status_code == 409
    assert (content / "curations.toml").read_text() == "[[queries]]\n"


def test_a_problem_of_a_comparison_is_shown_and_ends_the_wait(portal: Portal) -> None:
    erin, content = portal.browser("erin"), portal.centre.settings.content
    (content / "golden.toml").write_text("[[queries", "utf-8")
    page = erin.page(proposal_page(portal, erin, found_gap(portal, "doc/jam", "leaf caught")))
    assert "golden.toml" in page
    assert "data-waits" not in page
    assert data_values(page, "action") == []


def test_a_comparison_whose_worker_dies_each_time_is_given_up(portal: Portal) -> None:
    erin = portal.browser("erin")
    path = erin.post(
        f"/editor/gaps/{found_gap(portal, 'doc/jam', 'leaf caught')}/proposal"
    ).headers["Location"]

    class Dies(EffectComparison):
        def effect(self, *_: object) -> NoReturn:
            raise SystemExit

    centre = portal.centre
    dying = Dies(centre.settings, centre.database, centre.searcher)
    proposals = WaitingProposals(centre.database)
    for _ in range(3):
        with pytest.raises(SystemExit):
            proposals.compare_next(dying, portal.clock.now)
        assert proposals.compare_next(dying, portal.clock.now) == 0  # leased
        portal.clock.now += dt.timedelta(minutes=11)
    assert proposals.compare_next(dying, portal.clock.now) == 1
    assert "data-waits" not in erin.page(path)


def test_only_editors_who_see_the_page_see_and_accept_a_proposal(portal: Portal) -> None:
    number = found_gap(portal, "doc/jam", "leaf caught inside")
    path = proposal_page(portal, portal.browser("erin"), number)
    for name in ("alice", "bob", "charlie"):
        browser = portal.browser(name)
        assert browser.post(f"/editor/gaps/{number}/proposal").status_code == 403
        assert browser.get(path).status_code == 403
        assert browser.post(path).status_code == 403


def test_the_command_prints_and_accepts_what_aliases_change(portal: Portal) -> None:
    settings = portal.centre.settings
    for name in ("alice", "charlie"):
        number = number_of(portal.browser(name).post("/tickets", ticket(title="Leaf caught")))
        bob = portal.browser("bob")
        bob.post(f"/desk/{number}/link", {"document": "faq/password", "key": name})
    arguments = ["--data", str(settings.data)]
    run = CliRunner(env={"KB_CONTENT": str(settings.content)}).invoke
    printed = run(gaps, [*arguments, "--effects"], catch_exceptions=False).output
    assert "nothing -> How do I reset my password?" in printed
    assert "faq/password" not in printed
    result = run(gaps, [*arguments, "--effects", "--json"], catch_exceptions=False)
    (gap,) = json.loads(result.output)
    assert (gap["cause"], gap["document"]) == ("search", "faq/password")
    assert gap["proposal"]["kind"] == "aliases"
    (change,) = gap["proposal"]["effect"]["changed"]
    assert (change["before"], change["after"]) == ([], ["faq/password"])
    assert run(gaps, [*arguments, "--accept", "nothing"]).exit_code
    accepted = run(gaps, [*arguments, "--accept", gap["title"]], catch_exceptions=False)
    assert accepted.exit_code == 0
    assert "leaf caught" in (settings.content / "curations.toml").read_text("utf-8").casefold()
