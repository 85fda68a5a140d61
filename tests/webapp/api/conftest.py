"""The contract of the API holds before Flask (``webapp.hot_routes``) and in its views."""

from __future__ import annotations

import pytest

from tests.webapp.world import Browser, Portal


@pytest.fixture(params=["hot routes", "Flask"])
def anyone(portal: Portal, request: pytest.FixtureRequest) -> Browser:
    """A visitor; with a header that the hot routes do not know, whose requests all reach Flask."""
    browser = portal.browser()
    if request.param == "Flask":
        browser.client.environ_base["HTTP_X_UNKNOWN"] = "1"
    return browser
