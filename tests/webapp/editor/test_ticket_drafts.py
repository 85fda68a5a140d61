"""From a solved ticket to a draft."""

from __future__ import annotations

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
