"""Failures are one sentence, on a page or as RFC 9457, and never a traceback."""

from __future__ import annotations

import json
import logging

import pytest

from kb.errors import (
    Conflict,
    Forbidden,
    Invalid,
    KbError,
    NotFound,
    TooLarge,
    TooMany,
    Unavailable,
)
from tests.webapp.world import Browser, Portal, data_values
from webapp.security.access_policy import POLICY, Access

KINDS = [Invalid, NotFound, Forbidden, Conflict, TooLarge, TooMany, Unavailable]


@pytest.fixture
def broken(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> Portal:
    """A portal with two routes that raise what ``Portal.app.config["RAISES"]`` holds."""
    more = {("broken", "GET"): Access.ANYONE, ("api_broken", "GET"): Access.ANYONE}
    monkeypatch.setattr("webapp.security.guard.POLICY", {**POLICY, **more})

    def fail() -> str:
        raise portal.app.config["RAISES"]

    portal.app.add_url_rule("/broken", "broken", fail)
    portal.app.add_url_rule("/api/v1/broken", "api_broken", fail)
    return portal


def problem_code(text: str) -> str:
    """The code in a problem document, or on a problem page."""
    if text.startswith("{"):
        return str(json.loads(text)["code"])
    (code,) = data_values(text, "problem")
    return code


@pytest.mark.parametrize("kind", KINDS)
def test_an_expected_failure_tells_its_sentence_and_status(
    broken: Portal, kind: type[KbError]
) -> None:
    broken.app.config["RAISES"] = (
        kind("The drawer <b>7</b> is stuck; pull it.", field="drawer", retry_after=7)
        if kind is not Invalid
        else Invalid("The drawer <b>7</b> is stuck; pull it.", field="drawer")
    )
    browser = broken.browser("bob")  # of a failure of ours only staff are told the cause
    page, answer = browser.get("/broken"), browser.get("/api/v1/broken")
    assert page.status_code == answer.status_code == kind.status
    assert "The drawer &lt;b&gt;7&lt;/b&gt; is stuck; pull it." in page.get_data(as_text=True)
    problem = json.loads(answer.data)
    assert answer.mimetype == "application/problem+json"
    assert problem["status"] == kind.status
    assert problem["code"] == kind.code
    assert problem["detail"] == "The drawer <b>7</b> is stuck; pull it."
    assert problem["fields"]["drawer"]
    assert problem["type"] == f"urn:askfirst:problem:{kind.code}"
    assert problem["instance"] == "/api/v1/broken"
    if kind is not Invalid:
        assert page.headers["Retry-After"] == answer.headers["Retry-After"] == "7"


def test_a_failure_of_ours_is_told_to_visitors_in_a_plain_sentence_and_logged_in_full(
    broken: Portal, caplog: pytest.LogCaptureFixture
) -> None:
    broken.app.config["RAISES"] = Unavailable(
        "/srv/tickets.db is no database; run `kb repair`.", field="drawer"
    )
    with caplog.at_level(logging.ERROR, logger="askfirst.portal"):
        for name in ("", "alice"):
            for path in ("/broken", "/api/v1/broken"):
                response = broken.browser(name).get(path)
                text = response.get_data(as_text=True)
                assert response.status_code == 503
                assert problem_code(text) == "unavailable"
                assert "/srv" not in text
                assert "kb repair" not in text
    assert "/srv/tickets.db is no database" in caplog.text


def test_a_bug_is_logged_and_told_in_one_sentence(
    broken: Portal, caplog: pytest.LogCaptureFixture
) -> None:
    broken.app.config["RAISES"] = RuntimeError("password=hunter2")
    for path in ("/broken", "/api/v1/broken"):
        with caplog.at_level(logging.ERROR, logger="askfirst.portal"):
            response = broken.browser().get(path)
        text = response.get_data(as_text=True)
        assert response.status_code == 500
        assert "hunter2" not in text
        assert "Traceback" not in text
        assert problem_code(text) == "internal"
    assert sum("unexpected failure" in record.message for record in caplog.records) == 2


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/nope", "GET", 404),
        ("/", "DELETE", 405),
        ("/api/v1/nope", "GET", 404),
        ("/api/v1/tickets", "DELETE", 405),
    ],
)
def test_what_is_not_there_is_told_in_the_same_shape(
    anyone: Browser, path: str, method: str, status: int
) -> None:
    response = anyone.client.open(path, method=method)
    assert response.status_code == status
    if path.startswith("/api/"):
        assert response.mimetype == "application/problem+json"
        assert json.loads(response.data)["status"] == status
    else:
        assert 'role="alert"' in response.get_data(as_text=True)
    assert status != 405 or response.headers["Allow"]


def test_a_page_asked_for_as_json_fails_as_json(anyone: Browser) -> None:
    response = anyone.get("/help/doc/none", headers={"Accept": "application/json"})
    assert response.mimetype == "application/problem+json"
