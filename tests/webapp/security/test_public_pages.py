"""What caches may keep of public pages, how they are compressed, and forms without a token."""

from __future__ import annotations

import gzip

import brotli
import pytest

from tests.webapp.world import Browser, Portal
from webapp.security.access_policy import PUBLIC_PAGES

PAGES = ("/", "/help/doc/jam", "/docs", "/faq", "/sitemap", "/contact", "/sla", "/schedule")
VOTE = {"document": "doc/jam", "helpful": "yes"}


def test_every_public_page_is_one_that_anybody_may_read(portal: Portal) -> None:
    served = {rule.endpoint for rule in portal.app.url_map.iter_rules()}
    assert set(PUBLIC_PAGES) <= served


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_kept_by_caches_and_sets_no_cookie(portal: Portal, path: str) -> None:
    browser = portal.browser()
    answer = browser.get(path)
    assert answer.headers["Cache-Control"].startswith("public, ")
    assert "Set-Cookie" not in answer.headers
    assert {name.lower() for name in answer.vary} >= {"cookie", "accept-encoding"}

    tag = answer.headers["ETag"]
    again = browser.get(path, headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.get_data()) == (304, b"")
    assert again.headers["ETag"] == tag
    assert again.headers["Cache-Control"] == answer.headers["Cache-Control"]
    assert browser.client.head(path).headers["ETag"] == tag


def test_whoever_has_a_session_but_no_account_gets_the_same_bytes(portal: Portal) -> None:
    guest = portal.browser()
    guest.form_token()
    for path in PAGES:
        mine, anyones = guest.get(path), portal.browser().get(path)
        assert mine.get_data() == anyones.get_data()
        assert mine.headers["ETag"] == anyones.headers["ETag"]


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_a_page_of_somebody_who_is_signed_in_is_kept_by_nobody(portal: Portal, name: str) -> None:
    reader, anyone = portal.browser(name), portal.browser()
    for path in PAGES:
        tag = anyone.get(path).headers["ETag"]
        answer = reader.get(path, headers={"If-None-Match": tag, "Accept-Encoding": "br, gzip"})
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        # It has a form token and echoes the address: compressed, its length would tell (BREACH).
        assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize("path", ["/tickets/new", "/search?q=paper", "/sign-in"])
def test_pages_with_a_token_or_a_query_are_neither_kept_nor_compressed(
    anyone: Browser, path: str
) -> None:
    answer = anyone.get(path, headers={"Accept-Encoding": "br, gzip"})
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/help/doc/jam", "/static/shared/site.css", "/embed.js", "/openapi.json"]
)
def test_what_is_public_is_compressed_for_whoever_asks(anyone: Browser, path: str) -> None:
    plain = anyone.get(path)
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in plain.headers["Vary"]
    tags = {plain.headers["ETag"]}
    for accepted, encoding, unpacked in (
        ("gzip, deflate, br, zstd", "br", brotli.decompress),
        ("gzip, br;q=0", "gzip", gzip.decompress),
    ):
        answer = anyone.get(path, headers={"Accept-Encoding": accepted})
        assert answer.headers["Content-Encoding"] == encoding
        assert unpacked(answer.get_data()) == plain.get_data()
        assert len(answer.get_data()) == int(answer.headers["Content-Length"])
        tags.add(answer.headers["ETag"])
        again = anyone.get(
            path, headers={"Accept-Encoding": accepted, "If-None-Match": answer.headers["ETag"]}
        )
        assert again.status_code == 304
    assert len(tags) == 3


def test_pictures_are_sent_as_they_are(anyone: Browser) -> None:
    icon = anyone.get("/static/shared/favicon.svg", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in icon.headers
    part = anyone.get(
        "/static/shared/site.css", headers={"Range": "bytes=0-9", "Accept-Encoding": "br"}
    )
    assert (part.status_code, len(part.get_data())) == (206, 10)


def test_a_published_change_has_another_tag_and_a_refusal_none(anyone: Browser) -> None:
    first = anyone.get("/help/doc/jam").headers["ETag"]
    assert anyone.get("/help/doc/ink").headers["ETag"] != first
    refused = anyone.get("/help/doc/secret")
    assert refused.headers["Cache-Control"] == "no-store"
    assert "ETag" not in refused.headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://localhost"}, 303),
        ({"Origin": "http://localhost:8080", "Sec-Fetch-Site": "same-origin"}, 303),
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, 303),
        ({"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"}, 400),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "same-site"}, 400),
        ({"Origin": "https://evil.example"}, 400),
        ({"Origin": "null"}, 400),
        ({"Sec-Fetch-Site": "none"}, 400),
        ({}, 400),
    ],
)
def test_a_vote_is_taken_from_our_own_pages(
    portal: Portal, headers: dict[str, str], status: int
) -> None:
    for browser in (portal.browser(), portal.browser("alice")):
        answer = browser.client.post("/feedback", data=VOTE, headers=headers)
        assert answer.status_code == status


def test_a_vote_with_a_token_needs_no_origin(anyone: Browser) -> None:
    assert anyone.post("/feedback", VOTE).status_code == 303
