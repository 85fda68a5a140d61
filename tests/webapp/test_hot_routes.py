"""The hot routes answer as Flask does, byte by byte, or leave the answer to it."""

from __future__ import annotations

import logging
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
from flask import Flask, request, request_started
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from tests.webapp.world import Browser, Portal, build, document, publish, settings_of

#: To the hot routes unknown, and to Flask nothing.
UNKNOWN = {"X-Unknown": "1"}
EMBEDDING = "https://www.example.com"


@contextmanager
def flask_requests(portal: Portal) -> Iterator[list[str]]:
    """The paths of requests that reach Flask."""
    paths: list[str] = []

    def note(_app: Flask, **_more: object) -> None:
        paths.append(request.path)

    with request_started.connected_to(note, portal.app):
        yield paths


def said(response: TestResponse) -> tuple[object, ...]:
    """All of a response but what differs between any two."""
    headers = [
        (name, "..." if name in ("X-Request-ID", "Date", "RateLimit") else value)
        for name, value in response.headers
    ]
    return response.status, headers, response.get_data()


def both(browser: Browser, path: str, **headers: str) -> tuple[TestResponse, TestResponse]:
    """The answer before Flask and its own; the first of a kind is Flask's in any case."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    browser.get(path, headers=named)
    return browser.get(path, headers=named), browser.get(path, headers=named | UNKNOWN)


ASKED = "/api/v1/suggest?q=paper+ja"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (ASKED, {}),
        (ASKED, {"Accept_Language": "de-CH, en;q=0.5"}),
        (ASKED, {"Origin": EMBEDDING}),
        (ASKED, {"Origin": "https://evil.example"}),
        (ASKED, {"Cookie": "theirs=1; other=2"}),
        (ASKED, {"X_Request_ID": "of-a-stranger"}),
        (ASKED, {"If_None_Match": '"another"'}),
        (f"{ASKED}&limit=2&language=de", {}),
        (f"{ASKED}&q=ink", {}),
        (f"{ASKED}&settled=0", {"Origin": EMBEDDING}),
        (f"{ASKED}&settled=1", {}),
        (f"{ASKED}&product=press&version=2.0&visit=abc123", {"Origin": EMBEDDING}),
        (f"{ASKED}&product=Nothing&version=%ff&visit=", {}),
        ("/api/v1/suggest", {}),
        ("/api/v1/suggest?q=", {}),
        ("/api/v1/suggest?q=%ff%00jam&language=%ff", {}),
        ("/api/v1/suggest?q=%3Cscript%3E%22", {}),
        ("/help/doc/jam", {}),
        ("/help/doc/jam", {"Accept_Encoding": "gzip, br", "Accept": "text/html,*/*;q=0.8"}),
        ("/help/doc/jam", {"Accept_Encoding": "gzip", "Cookie": "theirs=1", "If_None_Match": "x"}),
        ("/help/doc/jam.md", {"Accept": "*/*"}),
        ("/help/doc/jam", {"Host": "127.0.0.1:8000"}),
        ("/docs", {"Accept_Language": "de"}),
        ("/docs/", {}),
        ("/faq", {}),
        ("/sitemap", {}),
        ("/sitemap.xml", {}),
        ("/feed.atom", {"Accept_Encoding": "br"}),
        ("/llms.txt", {}),
        ("/healthz", {}),
        ("/embed.js", {"Origin": EMBEDDING}),
        ("/embed.js", {"Accept_Encoding": "gzip, br"}),
        ("/embed-companion.js", {"Accept_Encoding": "br;q=1.0, *;q=0"}),
        ("/static/shared/site.css", {}),
        ("/static/shared/site.css?v=123456789abc", {"Accept_Encoding": "gzip"}),
    ],
)
def test_an_answer_is_the_same_before_flask(
    folder: Path, path: str, headers: dict[str, str]
) -> None:
    portal = build(settings_of(folder, embed_origins=EMBEDDING))
    with flask_requests(portal) as reached:
        hot, flask = both(portal.browser(), path, **headers)
    assert hot.status_code == 200
    assert said(hot) == said(flask)
    assert len(reached) == 2  # the one that taught it, and the one with the unknown header


@pytest.mark.parametrize(
    "path", [ASKED, "/static/shared/site.css", "/help/doc/jam", "/docs", "/embed.js"]
)
def test_what_is_known_already_is_not_sent_again(portal: Portal, path: str) -> None:
    browser = portal.browser()
    tag = browser.get(path).headers["ETag"]
    for tags in (tag, f'"other", {tag}', f"W/{tag}"):
        hot, flask = both(browser, path, If_None_Match=tags)
        assert hot.status_code == 304
        assert said(hot) == said(flask)
        assert not hot.get_data()


def test_below_a_path_the_addresses_are_those_of_the_portal(folder: Path) -> None:
    portal = build(settings_of(folder, base_url="http://localhost/support"))
    hot, flask = both(portal.browser(), f"/support{ASKED}")
    assert said(hot) == said(flask)
    assert b'"url":"/support/help/doc/jam' in hot.get_data()
    assert portal.browser().get(ASKED).status_code == 404


def test_a_guest_with_a_session_is_answered_before_flask(portal: Portal) -> None:
    guest = portal.browser()
    guest.form_token()  # begins a session
    with flask_requests(portal) as reached:
        hot, flask = both(guest, ASKED)
    assert said(hot) == said(flask)
    assert len(reached) == 2


def test_people_who_are_signed_in_see_what_they_may(portal: Portal, bob: Browser) -> None:
    path = "/api/v1/suggest?q=zephyrion"
    hidden, _ = both(portal.browser(), path)
    seen, flask = both(bob, path)
    assert b"doc/secret" in seen.get_data()
    assert said(seen) == said(flask)
    assert b"doc/secret" not in hidden.get_data()
    bob.post("/sign-out")
    assert b"doc/secret" not in both(bob, path)[0].get_data()


def test_a_page_is_kept_until_something_else_is_published(folder: Path) -> None:
    portal = build(settings_of(folder))
    browser = portal.browser()
    hot, _ = both(browser, "/help/doc/jam")
    assert b"Pull the jammed paper" in hot.get_data()
    publish(folder / "data", (document("jam", "Clear a jam", ("", "", "Call us.")),))
    # A process looks for another generation ten times a second; a kept page takes a tenth of a ms.
    patience = time.monotonic() + 60
    while b"Call us." not in browser.get("/help/doc/jam").get_data():
        assert time.monotonic() < patience
    hot, flask = both(browser, "/help/doc/jam", If_None_Match=hot.headers["ETag"])
    assert said(hot) == said(flask)
    assert b"Call us." in hot.get_data()


def test_a_kept_page_is_for_visitors_only(portal: Portal, bob: Browser) -> None:
    visitor, guest = portal.browser(), portal.browser()
    guest.form_token()
    for path in ("/help/doc/jam", "/docs", "/feed.json"):
        shown, _ = both(visitor, path)
        assert said(both(guest, path)[0]) == said(shown)
        if path != "/feed.json":
            own, flask = both(bob, path)
            assert own.headers["Cache-Control"] == flask.headers["Cache-Control"] == "no-store"
            assert b"Sign out" in own.get_data()
    both(bob, "/help/doc/secret")
    assert visitor.get("/help/doc/secret").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("HEAD", ASKED, {}, 200),
        ("OPTIONS", ASKED, {}, 200),
        ("DELETE", ASKED, {}, 405),
        ("GET", f"{ASKED}&limit=0", {}, 422),
        ("GET", f"{ASKED}&preview=1", {}, 200),
        ("GET", ASKED, {"Authorization": "Bearer abc"}, 401),
        ("GET", ASKED, {"Host": "evil.example"}, 400),
        ("GET", "/static/shared/site.css", {"Range": "bytes=0-9"}, 206),
        ("GET", "/static/shared/none.css", {}, 404),
        ("GET", "/static/../wsgi.py", {}, 404),
        ("HEAD", "/help/doc/jam", {}, 200),
        ("GET", "/help/doc/jam?voted=yes", {}, 200),
        ("GET", "/help/doc/jam", {"Accept": "Text/Markdown"}, 200),
        ("GET", "/help/doc/paper-jam", {}, 301),
        ("GET", "/help/doc/secret", {}, 404),
        ("GET", "/search?q=paper", {}, 200),
        ("GET", "/", {}, 200),
        ("GET", "/tickets/solved", {}, 200),
    ],
)
def test_what_is_not_understood_is_left_to_flask(
    portal: Portal, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    client = portal.app.test_client()
    both(Browser(client), ASKED)
    with flask_requests(portal) as reached:
        response = client.open(path, method=method, headers=headers, buffered=True)
        again = client.open(path, method=method, headers=headers | UNKNOWN, buffered=True)
    assert response.status_code == status
    assert said(response) == said(again)
    assert len(reached) == 2


def test_refusals_are_the_same_and_both_ways_count_together(folder: Path) -> None:
    portal = build(settings_of(folder, suggest_per_minute="6"))
    browser = portal.browser()
    answers = [browser.get(ASKED, headers=UNKNOWN if n % 2 else {}) for n in range(8)]
    assert [answer.status_code for answer in answers] == [200] * 6 + [429] * 2
    with flask_requests(portal) as reached:
        hot, flask = browser.get(ASKED), browser.get(ASKED, headers=UNKNOWN)
    assert len(reached) == 1
    for refused in (hot, flask):  # between them a second may have passed
        refused.headers["Retry-After"] = "..."
        refused.set_data(re.sub(rb"in \d+ seconds?", b"in ...", refused.get_data()))
    assert said(hot) == said(flask)
    assert hot.json
    assert hot.json["instance"] == "/api/v1/suggest"


def test_without_an_index_the_refusal_is_counted_once(folder: Path) -> None:
    portal = build(settings_of(folder, suggest_per_minute="4"))
    browser = portal.browser()
    browser.get(ASKED)
    shutil.rmtree(folder / "data" / "index")
    bare = build(settings_of(folder, suggest_per_minute="4")).browser()
    assert [bare.get(ASKED).status_code for _ in range(4)] == [503] * 3 + [429]


def test_both_ways_leave_the_same_record(portal: Portal, caplog: pytest.LogCaptureFixture) -> None:
    browser = portal.browser()
    with caplog.at_level(logging.INFO, "askfirst.access"):
        for path in (ASKED, "/static/shared/site.css", "/healthz", "/help/doc/jam", "/docs/"):
            caplog.clear()
            hot, flask = both(browser, path)
            records = [
                (record.getMessage(), record.facts["status"], record.facts["address"])  # type: ignore[attr-defined]
                for record in caplog.records
            ]
            assert len(records) == 3
            assert len(set(records)) == 1
            assert hot.headers["X-Request-ID"] != flask.headers["X-Request-ID"]


def test_a_trusted_proxy_names_the_request_and_the_address(folder: Path) -> None:
    portal = build(settings_of(folder, trusted_proxies="1", suggest_per_minute="2"))
    browser = portal.browser()
    headers = {"X-Forwarded-For": "203.0.113.7", "X-Request-ID": "the-proxys-own"}
    answers = [browser.get(ASKED, headers=headers) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[1].headers["X-Request-ID"] == "the-proxys-own"
    assert browser.get(ASKED, headers={"X-Forwarded-For": "203.0.113.8"}).status_code == 200


ARGUMENTS = st.lists(
    st.tuples(
        st.sampled_from(["q", "limit", "language", "explain"]),
        st.sampled_from(["", "paper ja", "jam", "3", "21", "de", "x" * 300, "ü", '"', "a&b"]),
    ),
    max_size=4,
)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            *("Accept", "Accept-Encoding", "Accept-Language", "Cookie", "If-None-Match"),
            *("Origin", "Range", "X-Real-IP"),
        ]
    ),
    st.sampled_from(
        [
            *("", "de", "*", EMBEDDING, '"x"', "askfirst=broken.cookie", "text/html", "ü"),
            *("text/markdown;q=0.5", "text/*", "br, gzip", "*;q=0"),
        ]
    ),
    max_size=3,
)


@pytest.fixture(scope="module")
def asked(template: Path) -> Browser:
    portal = build(settings_of(template, embed_origins=EMBEDDING, suggest_per_minute="100000"))
    return portal.browser()


@given(arguments=ARGUMENTS, headers=HEADERS)
@example(arguments=[("q", "paper ja"), ("q", "jam")], headers={"Accept-Language": "de"})
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_sent_the_answer_is_the_same(
    asked: Browser, arguments: list[tuple[str, str]], headers: dict[str, str]
) -> None:
    for path in (f"/api/v1/suggest?{urlencode(arguments)}", "/help/doc/jam"):
        ask_both(asked, path, headers)


def ask_both(asked: Browser, path: str, headers: dict[str, str]) -> None:
    sent = {name: value.encode() for name, value in headers.items()}
    asked.get(path, headers=sent)
    assert said(asked.get(path, headers=sent)) == said(asked.get(path, headers=sent | UNKNOWN))
