"""What the site promises, for forms that others write."""

from __future__ import annotations

from pathlib import Path

from tests.webapp.world import build, settings_of

FIELDS = """
[fields.cost-centre]
title = "Cost centre"
kind = "text"

[fields.account-manager]
title = "Account manager"
kind = "text"
shown_to = ["agents"]
"""


def test_a_field_for_agents_is_named_to_agents_only(folder: Path) -> None:
    policies = folder / "content" / "policies.toml"
    policies.write_text(policies.read_text("utf-8") + FIELDS, "utf-8")
    portal = build(settings_of(folder))

    def keys(name: str) -> list[str]:
        answer = portal.browser(name).get("/api/v1/site").get_json()
        return [field["key"] for field in answer["fields"]]

    assert keys("") == keys("alice") == ["cost-centre"]
    assert keys("bob") == ["cost-centre", "account-manager"]
