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
