"""An article's page for editors."""

from __future__ import annotations

from tests.webapp.world import Browser, Portal, data_values, ticket


def test_an_editor_sees_how_an_article_fares(portal: Portal, alice: Browser, bob: Browser) -> None:
    alice.post("/tickets", ticket(title="The paper jam again"))
    bob.post("/desk/flags", {"document": "doc/jam", "kind": "wrong", "sentence": "Not on 2.1."})
    erin = portal.browser("erin")
    page = erin.page("/editor/articles/doc/jam")
    assert data_values(page, "flag") == ["wrong"]
    assert data_values(page, "change") == ["unknown"]
    assert data_values(page, "versions-gone") == []
    assert data_values(page, "verify") == []
    assert "/editor/articles/doc/jam" in erin.page("/editor/review")
    assert alice.get("/editor/articles/doc/jam").status_code == 403
    assert erin.get("/editor/articles/doc/nowhere").status_code == 404
    portal.clock.now = portal.clock.now.replace(year=2028)
    later = portal.browser("erin").page("/editor/articles/doc/jam")
    assert data_values(later, "versions-gone") == ["2.0"]
    assert data_values(later, "verify") == [""]
