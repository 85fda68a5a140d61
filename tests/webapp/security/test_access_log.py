"""The access log joins requests to what happened in them, and holds no secret and no query."""

from __future__ import annotations

import logging

import pytest

from tests.webapp.world import Browser, Portal


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, logger="askfirst.access")
    return caplog


def test_each_request_leaves_one_record_with_the_id_that_its_answer_carries(
    anyone: Browser, records: pytest.LogCaptureFixture
) -> None:
    first, second = anyone.get("/search?q=zephyrion"), anyone.get("/nowhere")
    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]
    assert [record.getMessage() for record in records.records] == ["GET /search", "GET -"]
    assert [record.facts["status"] for record in records.records] == [200, 404]  # type: ignore[attr-defined]


def test_no_query_no_address_and_no_key_is_written(
    anyone: Browser, records: pytest.LogCaptureFixture
) -> None:
    anyone.get("/search?q=zephyrion")
    anyone.get("/account/reset/S3CR3T-KEY")
    anyone.get("/attachments/S3CR3T-KEY/zephyrion.pdf")
    text = " ".join(record.getMessage() for record in records.records)
    assert "zephyrion" not in text
    assert "S3CR3T" not in text
    assert "/account/reset/***" in text


@pytest.mark.parametrize(
    "page", ["/mail/confirm", "/mail/solved", "/mail/stop", "/copies", "/subscriptions"]
)
def test_no_link_of_an_e_mail_is_written(
    anyone: Browser, records: pytest.LogCaptureFixture, page: str
) -> None:
    anyone.get(f"{page}/s3cr3t")
    assert [record.getMessage() for record in records.records] == [f"GET {page}/***"]


def test_a_signed_in_person_is_named_by_id(
    alice: Browser, records: pytest.LogCaptureFixture
) -> None:
    alice.get("/tickets")
    assert records.records[-1].facts["person"] > 0  # type: ignore[attr-defined]


def test_an_id_is_taken_over_from_a_trusted_proxy_only(portal: Portal, anyone: Browser) -> None:
    forged = anyone.get("/", headers={"X-Request-ID": "forged-id-0001"})
    assert forged.headers["X-Request-ID"] != "forged-id-0001"


@pytest.mark.parametrize("path", ["/static/x%1b%5B31mFAKE%0d", "/%1b%5B31m", "/help/%0d%0a"])
@pytest.mark.parametrize("method", ["OPTIONS", "GET", "PROPFIND"])
def test_control_characters_in_an_address_are_no_failure_of_ours(
    portal: Portal, method: str, path: str
) -> None:
    response = portal.app.test_client().open(path, method=method)
    assert response.status_code < 500
