"""From a solved ticket to a draft, and from a gap of search to a curation."""

from __future__ import annotations

from kb.analytics.query_log import QueryLog
from kb.gaps.gaps import Gap, GapCause
from kb.gaps.repository import GapRepository
from kb.search.query.curation_file import read_curations
from tests.webapp.world import Browser, Portal, data_values, number_of, ticket


def test_two_clicks_lead_from_a_solved_ticket_to_a_draft(
    portal: Portal, alice: Browser, bob: Browser
) -> None:
    form = ticket(description="Alice here, alice@example.com: it eats paper since Monday.")
    number = number_of(alice.post("/tickets", form))
    assert f"/desk/{number}/article" not in bob.page(f"/desk/{number}")
    bob.post(f"/desk/{number}/replies", {"body": "Clean the roller.", "key": "r"})
    bob.post(f"/desk/{number}/solve", {"key": "s"})
    assert f"/desk/{number}/article" in bob.page(f"/desk/{number}")

    page = bob.page(f"/desk/{number}/article")
    assert {"address", "name"} <= set(data_values(page, "fact"))
    draft = page[page.index("<textarea") : page.index("</textarea>")]
    assert "alice@example.com" not in draft
    assert "Clean the roller." in draft
    assert "it eats paper" in draft

    sent = {"title": "The press eats paper", "text": "# The press eats paper\r\n"}
    response = bob.post(f"/desk/{number}/article", sent)
    (name,) = data_values(bob.page(response.headers["Location"]), "drafted")
    saved = portal.centre.settings.content / "drafts" / name
    assert saved.read_text("utf-8") == "# The press eats paper\n"
    again = bob.post(f"/desk/{number}/article", {**sent, "text": "typed words"})
    assert again.status_code == 409
    assert "typed words" in again.get_data(as_text=True)
    assert bob.post(f"/desk/{number}/article", {**sent, "text": " "}).status_code == 422
    assert bob.get("/desk/KB-9999/article").status_code == 404
    assert alice.get(f"/desk/{number}/article").status_code == 403


def test_a_curation_is_accepted_after_its_effect_was_shown(portal: Portal) -> None:
    content, now = portal.centre.settings.content, portal.clock.now
    (content / "golden.toml").write_text(
        '[[queries]]\nquery = "clean the still"\nexpect = ["doc/still"]\n\n'
        '[[queries]]\nquery = "zorblax export"\nexpect = ["doc/ink"]\n'
    )
    gap = Gap("zorblax export", 5, 2, GapCause.SEARCH, "doc/ink", ("export zorblax",))
    GapRepository(portal.centre.database).replace([gap], now)
    asked = [("zorblax export", "public")] * 3 + [("clean the still", "public")] * 3
    QueryLog(portal.centre.database).count(asked, now=now)
    erin = portal.browser("erin")
    [(number, _)] = GapRepository(portal.centre.database).stored()
    assert f"/editor/gaps/{number}/proposal" in erin.page("/editor/gaps")

    page = erin.page(f"/editor/gaps/{number}/proposal")
    assert (data_values(page, "broken"), data_values(page, "mended")) == (["0"], ["1"])
    assert data_values(page, "changed") == ["2"]  # the queries of the log and of the gap
    assert not (content / "curations.toml").exists()
    assert erin.post(f"/editor/gaps/{number}/proposal").status_code == 303
    rules = read_curations(content / "curations.toml").values["queries"]
    assert rules[0]["pin"] == ["doc/ink"]
    assert erin.post(f"/editor/gaps/{number}/proposal").status_code == 409
    (content / "curations.toml").write_text("[[queries]]\n")
    assert erin.post(f"/editor/gaps/{number}/proposal").status_code == 409
    assert (content / "curations.toml").read_text() == "[[queries]]\n"
