"""The access matrix, headers on every route, sessions, limits and hosts."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from kb.errors import Misconfigured
from kb.operations.signing_key import kept_key
from tests.webapp.factors import give_password, set_up_app
from tests.webapp.world import (
    Browser,
    Portal,
    build,
    number_of,
    settings_of,
    ticket,
)
from webapp.security.access_policy import POLICY, RATES, SHARED, UPLOADS, Access
from webapp.security.guard import CSP

ARGUMENTS = {
    "document_id": "doc/jam",
    "place": "faq",
    "path": "nowhere",
    "name": "x.png",
    "number": "KB-1001",
    "ref": "none",
    "filename": "shared/site.css",
    "form_name": "copies",
    "mail_id": 7,
    "view": 7,
    "purpose": "reset",
    "contact": 7,
    "invitation": 7,
    "state": "deactivate",
    "secret": "none",
    "token": "none",
    "way": "app",
    "passkey": 7,
    "member": 700,
    "person_id": 700,
    "organisation_id": 700,
    "action": "deactivate",
    "release_id": 700,
    "field": "password",
    "problem_id": 7,
    "table": "tickets",
    "episode": "none",
    "gap_id": 7,
    "proposal_id": 7,
    "flag_id": 7,
    "key_id": 7,
    "endpoint_id": 7,
    "run_id": 7,
    "form": "atom",
    "part": 1,
}
#: Where a route takes fewer values than its namesakes.
OF_ENDPOINT = {
    "webhooks.change": {"action": "test"},
    "ticket_actions.confirm": {"form_name": "merge"},
}


def doors(portal: Portal) -> list[tuple[Rule, str]]:
    """Every route and method of the URL map."""
    return [
        (rule, method)
        for rule in portal.app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def path_of(portal: Portal, rule: Rule) -> str:
    arguments = ARGUMENTS | OF_ENDPOINT.get(rule.endpoint, {})
    built = portal.app.url_map.bind("localhost").build(
        rule.endpoint,
        {name: arguments[name] for name in rule.arguments} | dict(rule.defaults or {}),
    )
    return str(built)


def test_every_route_and_method_has_a_declared_policy(portal: Portal) -> None:
    served = {(rule.endpoint, method) for rule, method in doors(portal)}
    served |= {(endpoint, "HEAD") for endpoint, method in served if method == "GET"}
    assert served == set(POLICY)
    assert set(RATES) <= served
    assert {endpoint for endpoint, _ in served} >= UPLOADS | SHARED


def test_an_undeclared_route_is_nobodys(portal: Portal) -> None:
    portal.app.add_url_rule("/backdoor", "backdoor", lambda: "open")
    assert portal.browser("bob").get("/backdoor").status_code == 403


def sent(browser: Browser, method: str, path: str, password: str) -> TestResponse:
    """A request as the pages send it, with what lets somebody in who may be there."""
    if method == "GET":
        return browser.get(path)
    if method == "POST":
        return browser.post(path, {"password": password})
    return browser.client.open(path, method=method, headers={"X-CSRFToken": browser.form_token()})


@pytest.mark.parametrize("name", ["", "alice", "charlie", "bob", "erin", "ada"])
def test_the_access_matrix(portal: Portal, name: str) -> None:
    number_of(portal.browser("alice").post("/tickets", ticket()))
    browser = portal.browser(name)
    for rule, method in doors(portal):
        access, path = POLICY[rule.endpoint, method], path_of(portal, rule)
        own_tests = ("account.", "api.", "ticket_actions.show_secret")
        if rule.endpoint.startswith(own_tests) and method == "POST":
            continue  # told apart in their own tests
        response = sent(browser, method, path, f"{name}-demo")
        if access is Access.SECOND_STEP:  # nobody waits for one
            assert response.status_code == (303 if method == "GET" else 403), path
            continue
        inside = {
            Access.SIGNED_IN: bool(name),
            Access.ENROLMENT: name in ("bob", "erin", "ada"),
            Access.STAFF: name in ("bob", "ada"),
            Access.EDITOR: name in ("erin", "ada"),
            Access.ADMIN: name == "ada",
        }
        allowed = inside.get(access, True)
        if access is Access.HOLDER:
            assert response.status_code in _of_a_ticket(name, method), (path, method)
        elif allowed:
            assert response.status_code not in (401, 403), (path, method, response.status_code)
            assert "/sign-in" not in response.headers.get("Location", ""), path
        elif not name and path.startswith("/api/"):
            assert response.status_code == 401, (path, method)
        elif not name and method == "GET":
            assert response.headers["Location"].startswith("/sign-in?next="), path
        else:
            assert response.status_code == 403, (path, method)


def shown(browser: Browser, path: str) -> tuple[int, str]:
    """What a page says, without random values of its forms."""
    response = browser.get(path)
    text = response.get_data().decode(errors="replace")
    text = re.sub(r'value="[\w.-]{12,}"', "", text)
    return response.status_code, text


@pytest.mark.parametrize("rule", ["optional", "staff"])
def test_a_session_without_its_second_step_opens_the_step_and_nothing_else(
    folder: Path, rule: str
) -> None:
    """``optional``: Bob has a second factor. ``staff``: he has none yet, but needs one."""
    portal = build(settings_of(folder, second_factor=rule))
    number = number_of(portal.browser("alice").post("/tickets", ticket()))
    if rule == "optional":
        set_up_app(portal, portal.browser("bob"), "bob")
    half, anyone = give_password(portal, "bob"), portal.browser()
    own = {"optional": Access.SECOND_STEP, "staff": Access.ENROLMENT}[rule]
    step = {"optional": "/sign-in/second-step", "staff": "/account/second-factor"}[rule]

    for rule_of_route, method in doors(portal):
        access = POLICY[rule_of_route.endpoint, method]
        path = path_of(portal, rule_of_route).replace("KB-1001", number)
        if access is Access.ANYONE and method == "GET":
            # As a stranger, who learns nothing from being half signed in.
            assert shown(half, path) == shown(anyone, path)
            continue
        if access is Access.ANYONE:
            continue
        response = sent(half, method, path, "bob-demo")
        if access is own:
            assert response.status_code in (200, 303, 404, 422) or "second_step" in (
                rule_of_route.endpoint
            ), path
        elif access is Access.HOLDER:
            assert response.status_code in _of_a_ticket("", method), path
        elif path.startswith("/api/"):
            assert response.status_code == 401, path
        elif method == "GET":
            assert (response.status_code, response.headers["Location"]) == (303, step), path
        else:
            assert response.status_code == 403, path

    assert half.get("/help/doc/secret").status_code == 404
    suggestion = half.get("/api/v1/suggest?q=runbook+zephyrion").get_data(as_text=True)
    assert "Zephyrion" not in suggestion


def _of_a_ticket(name: str, method: str) -> set[int]:
    """What somebody may be answered about Alice's ticket and a file that does not exist."""
    if not name:
        return {303, 404} if method == "GET" else {403}
    if name in ("charlie", "erin"):
        return {404}
    # Alice and Bob come in: a page, a redirect, or a sentence about an empty form or one without
    # the version of a protocol; Bob may not comment as a customer.
    return {200, 303, 403, 404, 409, 412, 422}


def test_every_answer_carries_every_header(portal: Portal) -> None:
    number_of(portal.browser("alice").post("/tickets", ticket()))
    for name in ("", "alice", "bob"):
        browser = portal.browser(name)
        for rule, method in doors(portal):
            if rule.endpoint.startswith("account."):
                continue
            path = path_of(portal, rule)
            response = browser.get(path) if method == "GET" else browser.client.post(path, data={})
            check_headers(path, response.headers)
    for path in ("/nope", "/help/none", "/search?page=x", "/static/none.css"):
        check_headers(path, portal.browser().get(path).headers)
    check_headers("TRACE", portal.browser().client.open("/", method="TRACE").headers)


def check_headers(path: str, headers: object) -> None:
    found = dict(headers)  # type: ignore[call-overload]  # werkzeug's headers are pairs
    policy = found["Content-Security-Policy"]
    assert policy == CSP or "sandbox" in policy, path
    assert "unsafe-eval" not in policy
    assert "frame-ancestors 'none'" in CSP
    assert found["X-Content-Type-Options"] == "nosniff", path
    assert found["Referrer-Policy"] == "same-origin", path
    assert found["Cross-Origin-Opener-Policy"] == "same-origin", path
    assert "camera=()" in found["Permissions-Policy"], path
    assert found["Cache-Control"], path


def test_no_page_has_inline_script_or_style(portal: Portal, alice: Browser, bob: Browser) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    paths = (
        "/",
        "/search?q=paper",
        "/help/doc/jam",
        "/docs",
        "/tickets/new",
        "/sign-in",
        "/nope",
        "/tickets/solved",
    )
    pages = [
        alice.get(path).get_data(as_text=True)
        for path in (*paths, "/tickets", f"/tickets/{number}")
    ]
    pages += [
        bob.page("/desk"),
        bob.page(f"/desk/{number}"),
        portal.browser("erin").page("/editor?q=paper"),
    ]
    for page in pages:
        # A data block is none: browsers run nothing of that type.
        page = page.replace('<script type="application/ld+json">', "")
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|javascript:", page)


def test_personal_pages_and_errors_are_kept_by_nobody(alice: Browser, anyone: Browser) -> None:
    for response in (
        alice.get("/tickets"),
        alice.get("/"),
        anyone.get("/nope"),
        anyone.get("/static/none.css"),
    ):
        assert response.headers["Cache-Control"] == "no-store"


def test_static_files_are_kept_for_a_year_under_their_hash_only(anyone: Browser) -> None:
    found = re.search(r'href="(/static/shared/site\.css\?v=\w+)"', anyone.page("/"))
    assert found
    assert "immutable" in anyone.get(found[1]).headers["Cache-Control"]
    assert anyone.get("/static/shared/site.css").headers["Cache-Control"] == "no-cache"
    assert anyone.get("/static/shared/site.css?v=0").headers["Cache-Control"] == "no-cache"


def test_the_session_cookie_is_hidden_from_scripts_and_other_sites(
    folder: Path, anyone: Browser
) -> None:
    cookie = anyone.get("/tickets/new").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    secure = build(settings_of(folder, secure_cookies="yes")).browser().get("/tickets/new").headers
    assert secure["Set-Cookie"].startswith("__Host-")
    assert "Secure" in secure["Set-Cookie"]
    assert "Path=/" in secure["Set-Cookie"]
    assert "Domain" not in secure["Set-Cookie"]
    assert secure["Strict-Transport-Security"].startswith("max-age=31536000")


def test_a_form_without_its_token_changes_nothing(portal: Portal, alice: Browser) -> None:
    number = number_of(alice.post("/tickets", ticket()))
    for rule, method in doors(portal):
        by_mail_programs = ("copies.", "subscriptions.", "mail_links.stop")
        if method == "POST" and not rule.endpoint.startswith(by_mail_programs):
            response = alice.client.post(
                path_of(portal, rule).replace("KB-1001", number), data={"body": "x"}
            )
            # What is no form at all needs no token: JSON, or a key, which no form can send.
            refused = (403, 415) if rule.rule.startswith("/api/") else (400, 403)
            assert response.status_code in refused, rule.rule


def test_a_token_of_another_session_is_refused(alice: Browser, charlie: Browser) -> None:
    stolen = charlie.form_token()
    assert alice.client.post("/sign-out", data={"csrf_token": stolen}).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {},  # a browser that tells nobody where it comes from
        {"Origin": "https://localhost:8443", "Referer": "https://localhost:8443/sign-in"},
        {"Origin": "null"},
    ],
)
def test_over_https_the_token_alone_lets_people_sign_in_and_file(
    folder: Path, headers: dict[str, str]
) -> None:
    client = build(settings_of(folder, base_url="https://localhost")).browser().client
    about = {"base_url": "https://localhost", "headers": headers}
    page = client.get("/sign-in", base_url="https://localhost").get_data(as_text=True)
    token = re.findall(r'name="csrf_token" value="([^"]+)"', page)[0]
    data = {"csrf_token": token, "email": "alice@example.com", "password": "alice-demo"}
    assert client.post("/sign-in", data=data, **about).status_code == 303
    page = client.get("/tickets/new", base_url="https://localhost").get_data(as_text=True)
    token = re.findall(r'name="csrf_token" value="([^"]+)"', page)[0]
    assert client.post("/tickets", data=ticket(csrf_token=token), **about).status_code == 303
    assert client.post("/tickets", data=ticket(key="2"), **about).status_code == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://localhost:8443", "Sec-Fetch-Site": "same-origin"}, 204),
        ({"Origin": "http://localhost:8443", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({}, 204),
    ],
)
def test_json_comes_from_our_own_pages_whatever_port_a_proxy_has(
    anyone: Browser, headers: dict[str, str], status: int
) -> None:
    vote = {"document": "doc/jam", "helpful": True}
    response = anyone.client.post("/api/v1/feedback", json=vote, headers=headers)
    assert response.status_code == status


def test_a_new_key_signs_nobody_out_while_the_old_one_is_a_fallback(folder: Path) -> None:
    old, new = "o" * 40, "n" * 40
    alice = build(settings_of(folder, secret_key=old)).browser("alice")
    token, cookie = alice.form_token(), alice.client.get_cookie("askfirst")
    assert cookie

    rotated = build(settings_of(folder, secret_key=new, secret_key_fallbacks=old)).browser()
    rotated.client.set_cookie("askfirst", cookie.value)
    assert rotated.get("/tickets").status_code == 200
    assert (
        rotated.client.post("/tickets", data={"csrf_token": token, **ticket()}).status_code == 303
    )

    forgotten = build(settings_of(folder, secret_key=new)).browser()
    forgotten.client.set_cookie("askfirst", cookie.value)
    assert forgotten.get("/tickets").status_code == 303


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example:80"]
)
def test_only_known_hosts_are_answered(anyone: Browser, host: str) -> None:
    response = anyone.get("/", headers={"Host": host})
    assert response.status_code == 400
    assert "evil" not in response.get_data(as_text=True)


def test_a_forwarded_host_is_never_believed(anyone: Browser) -> None:
    page = anyone.get("/", headers={"X-Forwarded-Host": "evil.example"}).get_data(as_text=True)
    assert "evil.example" not in page


def test_suggestions_are_limited_by_address_whatever_a_header_says(folder: Path) -> None:
    browser = build(settings_of(folder, suggest_per_minute="3")).browser()
    statuses = [
        browser.get("/api/v1/suggest?q=ink", headers={"X-Forwarded-For": f"10.0.0.{n}"}).status_code
        for n in range(5)
    ]
    assert statuses == [200, 200, 200, 429, 429]
    limited = browser.get("/api/v1/suggest?q=ink")
    assert 1 <= int(limited.headers["Retry-After"]) <= 60
    assert limited.mimetype == "application/problem+json"


def test_behind_a_proxy_its_word_for_the_address_counts_and_an_ipv6_network_is_one(
    folder: Path,
) -> None:
    browser = build(settings_of(folder, suggest_per_minute="2", trusted_proxies="1")).browser()

    def ask(address: str) -> int:
        return browser.get(
            "/api/v1/suggest?q=ink", headers={"X-Forwarded-For": f"6.6.6.6, {address}"}
        ).status_code

    assert [ask("192.0.2.1"), ask("192.0.2.1"), ask("192.0.2.1"), ask("192.0.2.2")] == [
        200,
        200,
        429,
        200,
    ]
    assert [ask("2001:db8::1"), ask("2001:db8::2"), ask("2001:db8::3"), ask("2001:db8:1::1")] == [
        200,
        200,
        429,
        200,
    ]


def test_tickets_are_limited_by_person_and_what_was_typed_comes_back(folder: Path) -> None:
    portal = build(settings_of(folder, tickets_per_hour="1"))
    alice, charlie = portal.browser("alice"), portal.browser("charlie")
    number_of(alice.post("/tickets", ticket()))
    refused = alice.post("/tickets", ticket(key="k2", title="My second ticket"))
    assert refused.status_code == 429
    assert "My second ticket" in refused.get_data(as_text=True)
    assert number_of(charlie.post("/tickets", ticket()))


def test_only_listed_origins_read_suggestions_and_never_with_cookies(folder: Path) -> None:
    browser = build(
        settings_of(folder, embed_origins="https://shop.example https://www.example")
    ).browser()
    for path in ("/api/v1/suggest?q=ink", "/api/v1/search?q=ink", "/api/v1/search?page=x"):
        allowed = browser.get(path, headers={"Origin": "https://shop.example"}).headers
        assert allowed["Access-Control-Allow-Origin"] == "https://shop.example"
        assert "Origin" in allowed["Vary"]
        assert "Access-Control-Allow-Credentials" not in allowed
        for origin in (
            "https://evil.example",
            "null",
            "https://shop.example.evil",
            "http://shop.example",
            "*",
        ):
            assert (
                "Access-Control-Allow-Origin"
                not in browser.get(path, headers={"Origin": origin}).headers
            )
    for path in ("/api/v1/promise?severity=question", "/", "/tickets/new", "/healthz"):
        headers = browser.get(path, headers={"Origin": "https://shop.example"}).headers
        assert "Access-Control-Allow-Origin" not in headers


def test_a_body_that_is_too_large_is_refused(anyone: Browser) -> None:
    token = anyone.form_token()
    assert (
        anyone.client.post("/feedback", data={"csrf_token": token, "x": "x" * 600_000}).status_code
        == 413
    )
    many = {f"k{n}": "v" for n in range(200)}
    refused = anyone.client.post(
        "/tickets", data={"csrf_token": token, **many}, content_type="multipart/form-data"
    )
    assert refused.status_code == 413
    deep = "[" * 100_000
    answer = anyone.client.post("/api/v1/episodes", data=deep, content_type="application/json")
    assert answer.status_code == 422


def test_the_signing_key_is_made_once_and_only_the_owner_reads_it(tmp_path: Path) -> None:
    first = kept_key(tmp_path / "data")
    assert kept_key(tmp_path / "data") == first
    assert len(first) >= 32
    assert stat.S_IMODE((tmp_path / "data" / "secret.key").stat().st_mode) == 0o600
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Misconfigured, match="KB_SECRET_KEY"):
        kept_key(tmp_path / "file")
