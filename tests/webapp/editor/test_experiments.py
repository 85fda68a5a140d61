"""An experiment as its editor and its visitors meet it."""

from __future__ import annotations

import pytest

from tests.webapp.world import Browser, Portal, data_values

ADDRESS = "/api/v1/suggest?q=paper+jam"


@pytest.fixture
def erin(portal: Portal) -> Browser:
    folder = portal.centre.settings.content / "experiments"
    folder.mkdir()
    (folder / "pins.toml").write_text(
        '[[queries]]\nquery = "paper jam"\npin = ["doc/still", "doc/secret"]\n'
    )
    (folder / "wrong.toml").write_text("[[queries]]\n")
    return portal.browser("erin")


def start(erin: Browser, name: str = "pins.toml") -> int:
    return erin.post("/editor/experiment/start", {"file": name}).status_code


def ids(browser: Browser, address: str = ADDRESS) -> list[str]:
    return [hit["id"] for hit in browser.get(address).get_json()["suggestions"]]


def test_an_editor_starts_shows_and_ends_it(portal: Portal, erin: Browser) -> None:
    assert start(erin, "../curations.toml") == 422
    assert start(erin, "wrong.toml") == 422
    assert start(erin) == 303
    assert start(erin) == 409
    assert data_values(erin.page("/editor/experiment"), "experiment") == ["running"]
    assert erin.post("/editor/experiment/end").status_code == 303
    assert data_values(erin.page("/editor/experiment"), "experiment") == ["ended"]
    assert erin.post("/editor/experiment/end").status_code == 404
    assert portal.browser("bob").get("/editor/experiment").status_code == 403


def test_visitors_see_both_rankings_and_nothing_that_is_not_theirs(
    portal: Portal, erin: Browser, anyone: Browser, bob: Browser
) -> None:
    before = ids(anyone)
    assert "doc/still" not in before
    start(erin)
    portal.clock.now = portal.clock.now.replace(second=5)
    assert {"doc/jam", "doc/still"} <= set(ids(anyone))
    assert "zephyrion" not in anyone.get(ADDRESS).get_data(as_text=True)
    assert "doc/secret" in ids(bob)
    assert "doc/secret" not in ids(anyone)

    # Before Flask and by Flask, the same bytes.
    flask = anyone.get(ADDRESS, headers={"X-Unknown": "1"})
    hot = anyone.get(ADDRESS)
    assert (flask.data, flask.headers["ETag"]) == (hot.data, hot.headers["ETag"])

    erin.post("/editor/experiment/end")
    portal.clock.now = portal.clock.now.replace(second=10)
    assert ids(anyone) == before


def test_what_a_visitor_opens_counts(portal: Portal, erin: Browser, anyone: Browser) -> None:
    start(erin)
    portal.clock.now = portal.clock.now.replace(second=5)
    for kind, payload in (
        ("form_open", {}),
        ("query", {"q": "paper jam"}),
        ("shown", {"ids": ids(anyone)}),
        ("open", {"id": "doc/still"}),
    ):
        event = {"episode": "e1", "kind": kind, "payload": payload, "form": "ticket"}
        agent = {"User-Agent": "Mozilla/5.0 Firefox/140.0"}
        response = anyone.client.post("/api/v1/episodes", json=event, headers=agent)
        assert response.status_code in (200, 204), response.get_data(as_text=True)
    page = erin.page("/editor/experiment")
    assert data_values(page, "people") == ["1"]
    assert data_values(page, "verdict") == ["not known yet"]


def test_results_of_a_search_are_mixed_and_what_is_opened_counts_for_its_ranking(
    portal: Portal, erin: Browser, anyone: Browser, alice: Browser, bob: Browser
) -> None:
    def opened(browser: Browser, **form: str) -> int:
        sent = {"q": "paper jam", "id": "doc/still", **form}
        own = {"Sec-Fetch-Site": "same-origin"}
        return browser.client.post("/search/opened", data=sent, headers=own).status_code

    assert data_values(anyone.page("/search?q=paper+jam"), "mixed") == []
    assert opened(anyone) == 204  # nothing runs
    start(erin)
    portal.clock.now = portal.clock.now.replace(second=5)
    page = anyone.page("/search?q=paper+jam")
    assert data_values(page, "mixed") == ["paper jam"]
    assert "/help/doc/still" in page
    assert "zephyrion" not in page
    assert "data-mixed" not in anyone.page("/search?q=paper+jam&kind=doc")
    for browser in (anyone, anyone, alice, bob):  # agents do not count
        assert opened(browser) == 204
    assert opened(anyone, id="doc/unknown") == opened(anyone, id="doc/secret") == 204
    assert opened(anyone, q="") == opened(anyone, q="x" * 9_999) == 204
    result = portal.centre.experiments.end(now=portal.clock.now).result
    assert result
    assert (result.people, result.share) == (2, 1.0)
    strange = {"Sec-Fetch-Site": "cross-site"}
    assert anyone.client.post("/search/opened", headers=strange).status_code in (400, 403)
