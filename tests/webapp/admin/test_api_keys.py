"""The page of API keys: a key is shown once, used, and revoked."""

from __future__ import annotations

import pytest

from kb.operations.audit import Action, AuditLog
from tests.webapp.world import Portal, data_values


@pytest.fixture
def form() -> dict[str, object]:
    return {
        "name": "CRM",
        "person": "alice@example.com",
        "scope": ["tickets:read", "content:read"],
        "days": "30",
    }


def test_a_key_is_made_shown_once_and_revoked(portal: Portal, form: dict[str, object]) -> None:
    ada = portal.browser("ada")
    made = ada.post("/programs/keys", form)
    assert made.status_code == 201
    page = made.get_data(as_text=True)
    secret = page.split("data-key>")[1].split("<")[0]
    assert secret not in ada.page("/programs/keys")

    header = {"Authorization": f"Bearer {secret}"}
    program = portal.browser()
    assert program.get("/api/v1/articles", headers=header).status_code == 200
    [number] = data_values(ada.page("/programs/keys"), "api-key")
    assert ada.post(f"/programs/keys/{number}/revoke").status_code == 303
    assert program.get("/api/v1/articles", headers=header).status_code == 401
    assert data_values(ada.page("/programs/keys"), "over") == [""]
    assert ada.post(f"/programs/keys/{number}/revoke").status_code == 404

    entries = AuditLog(portal.centre.database).page(limit=2)
    assert [entry.action for entry in entries] == [Action.API_KEY_REVOKED, Action.API_KEY_ADDED]
    assert {entry.target for entry in entries} == {f"api-key:{number}"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"scope": []},
        {"scope": "everything"},
        {"person": "nobody@example.com"},
        {"person": ""},
        {"days": "0"},
        {"days": "x"},
        {"days": "1000"},
    ],
)
def test_a_refused_form_keeps_what_was_typed(
    portal: Portal, form: dict[str, object], wrong: dict[str, object]
) -> None:
    refused = portal.browser("ada").post("/programs/keys", {**form, **wrong})
    assert refused.status_code == 422
    assert 'role="alert"' in refused.get_data(as_text=True)
    assert portal.centre.api_keys.all() == ()
