"""The page of webhook endpoints: add, test, choose, pause, replay and remove."""

from __future__ import annotations

import pytest

from kb.operations.audit import Action, AuditLog
from tests.webapp.world import Portal, data_values

URL = "https://www.example.com/hooks"


def test_an_endpoint_is_added_and_lives_on_its_page(portal: Portal) -> None:
    ada = portal.browser("ada")
    made = ada.post("/programs/webhooks", {"url": URL, "event": ["ticket.opened"]})
    assert made.status_code == 201
    secret = made.get_data(as_text=True).split("data-secret>")[1].split("<")[0]
    assert secret.startswith("whsec_")
    assert secret not in ada.page("/programs/webhooks")

    [number] = data_values(ada.page("/programs/webhooks"), "endpoint")
    page = f"/programs/webhooks/{number}"
    for action, more in (
        ("test", {}),
        ("events", {"event": ["ticket.solved", "feedback.given"]}),
        ("pause", {}),
        ("resume", {}),
    ):
        answer = ada.post(f"{page}/{action}", more)
        assert answer.status_code == 303
        assert data_values(ada.page(answer.headers["Location"]), "done") == [action]
    [endpoint] = portal.centre.webhooks.all()
    assert endpoint.events == ("ticket.solved", "feedback.given")
    shown = ada.page(page)
    assert data_values(shown, "state") == ["pending"]
    [delivery] = data_values(shown, "delivery")
    assert ada.post(f"{page}/replay", {"delivery": delivery}).status_code == 404  # it waits
    assert ada.post(f"{page}/replay", {"delivery": "x"}).status_code == 404

    assert ada.post(f"{page}/remove").status_code == 303
    assert ada.get(page).status_code == 404
    entries = AuditLog(portal.centre.database).page(limit=5)
    assert [entry.action for entry in entries] == [
        Action.WEBHOOK_REMOVED,
        Action.WEBHOOK_CHANGED,
        Action.WEBHOOK_CHANGED,
        Action.WEBHOOK_CHANGED,
        Action.WEBHOOK_ADDED,
    ]
    assert {entry.target for entry in entries} == {f"webhook:{number}"}


@pytest.mark.parametrize(
    "form", [{"url": "http://www.example.com"}, {"url": ""}, {"url": URL, "event": "none"}]
)
def test_a_refused_form_keeps_what_was_typed(portal: Portal, form: dict[str, str]) -> None:
    refused = portal.browser("ada").post("/programs/webhooks", form)
    assert refused.status_code == 422
    assert 'role="alert"' in refused.get_data(as_text=True)
    assert form["url"] in refused.get_data(as_text=True)
