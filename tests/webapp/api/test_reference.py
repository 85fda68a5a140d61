"""The reference of the API as a page: every address, and no script of others."""

from __future__ import annotations

import re

from tests.webapp.world import Browser, data_values


def test_every_address_of_the_api_is_on_the_page(anyone: Browser) -> None:
    page = anyone.page("/developers/api")
    told = anyone.get("/openapi.json").json
    assert told
    assert data_values(page, "operation") == [
        f"{method.upper()} {path}"
        for tag in told["tags"]
        for path, methods in told["paths"].items()
        for method, operation in methods.items()
        if operation["tags"] == [tag["name"]]
    ]
    names = {
        operation["operationId"]
        for methods in told["paths"].values()
        for operation in methods.values()
    }
    assert {target for target in re.findall(r'href="#(\w+)"', page)} >= names


def test_an_address_has_its_parameters_and_fields(anyone: Browser) -> None:
    page = anyone.page("/developers/api")
    assert "Idempotency-Key" in page
    assert "list of ListedTicket" in page
    assert "429" in page


def test_the_description_names_the_keys_of_the_site(anyone: Browser) -> None:
    told = anyone.get("/openapi.json").json or {}
    site = anyone.get("/api/v1/site").json or {}
    fields = told["components"]["schemas"]["NewTicket"]["properties"]
    for field, noun in (("severity", "severities"), ("type", "types")):
        assert fields[field]["enum"] == [each["key"] for each in site[noun]]
    assert "x-site" not in anyone.page("/openapi.json")
