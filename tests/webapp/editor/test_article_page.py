"""An article's page for editors."""

from __future__ import annotations

import datetime as dt

from kb.insights.publications import note_publications
from tests.webapp.world import Browser, Portal, data_values, ticket


def test_an_editor_sees_how_an_article_fares(portal: Portal, alice: Browser, bob: Browser) -> None:
    alice.post("/tickets", ticket(title="The paper jam again"))
    bob.post("/desk/flags", {"document": "doc/jam", "kind": "wrong", "sentence": "Not on 2.1."})
    erin = portal.browser("erin")
    page = erin.page("/editor/articles/doc/jam")
    assert data_values(page, "flag") == ["wrong"]
    assert data_values(page, "change") == ["unknown"]
    assert data_values(page, "divided-by") == ["changed"]
    assert data_values(page, "versions-gone") == []
    assert data_values(page, "verify") == []
    assert "/editor/articles/doc/jam" in erin.page("/editor/review")
    assert alice.get("/editor/articles/doc/jam").status_code == 403
    assert erin.get("/editor/articles/doc/nowhere").status_code == 404
    portal.clock.now = portal.clock.now.replace(year=2028)
    later = portal.browser("erin").page("/editor/articles/doc/jam")
    assert data_values(later, "versions-gone") == ["2.0"]
    assert data_values(later, "verify") == [""]


def test_before_and_after_are_divided_by_the_publication(portal: Portal, alice: Browser) -> None:
    alice.post("/tickets", ticket(title="The paper jam again"))
    published = portal.clock.now - dt.timedelta(days=3)
    note_publications(portal.centre.database, {"doc/jam": published, "doc/ink": portal.clock.now})
    erin = portal.browser("erin")
    page = erin.page("/editor/articles/doc/jam")
    assert data_values(page, "divided-by") == ["published"]
    assert "in 3 days" in page
    today = erin.page("/editor/articles/doc/ink")
    assert (data_values(today, "divided-by"), data_values(today, "change")) == (["published"], [""])
