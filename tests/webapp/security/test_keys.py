"""API keys at every address of the API: what opens with which scope, and what none shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from kb.programs.scopes import SCOPES, Scope
from tests.webapp.factors import set_up_app
from tests.webapp.security.test_access_matrix import SEEN_BY, World
from tests.webapp.security.test_guard import path_of
from tests.webapp.world import MONDAY, Browser, Portal, guest, ticket
from webapp.security.access_policy import OPENED_BY, POLICY

#: Scopes that a key of a person may have.
PERSONAL = [scope.value for scope, row in SCOPES.items() if not row.audience]


def key_of(portal: Portal, name: str, *scopes: str) -> str:
    person = portal.centre.accounts.by_email(f"{name}@example.com") if name else None
    return portal.centre.api_keys.create("Test", scopes, person, now=MONDAY).secret


def program(portal: Portal, key: str) -> Browser:
    browser = portal.browser()
    browser.client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
    return browser


def code(response: TestResponse) -> str:
    assert response.mimetype == "application/problem+json"
    return str((response.json or {})["code"])


def test_every_address_of_the_api_says_which_scope_opens_it(portal: Portal) -> None:
    routes = {
        (rule.endpoint, method)
        for rule in portal.app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in (rule.methods or set()) - {"OPTIONS"}
    }
    # Mail providers sign what they post; no key opens that.
    assert routes - {("mail_hook.take", "POST")} == set(OPENED_BY)
    assert routes <= set(POLICY)


@pytest.mark.parametrize("key", ["askfirst_nothing", "x", "", "askfirst_\u00e9", "a b c"])
def test_an_unknown_key_is_refused(portal: Portal, key: str) -> None:
    response = program(portal, key).get("/api/v1/suggest?q=paper")
    assert (response.status_code, code(response)) == (401, "unauthorized")
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_an_ended_key_is_refused_from_the_next_request_on(portal: Portal) -> None:
    keys, alice = portal.centre.api_keys, program(portal, key_of(portal, "alice", *PERSONAL))
    assert alice.get("/api/v1/search?q=paper").status_code == 200
    keys.revoke(keys.all()[0].id, now=MONDAY)
    assert alice.get("/api/v1/search?q=paper").status_code == 401


def test_a_missing_scope_is_named(portal: Portal) -> None:
    for rule in portal.app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            scopes = OPENED_BY.get((rule.endpoint, method), ())
            if not scopes:
                continue
            others = [scope for scope in PERSONAL if scope not in scopes]
            bob = program(portal, key_of(portal, "bob", *others))
            path = path_of(portal, rule)
            response = bob.client.open(path, method=method, json={} if method == "POST" else None)
            assert (response.status_code, code(response)) == (403, "insufficient-scope"), path
            assert all(scope in (response.json or {})["detail"] for scope in scopes), path
            assert f'scope="{" ".join(scopes)}"' in response.headers["WWW-Authenticate"]


def test_a_key_opens_no_page_and_a_cookie_beside_it_counts_for_nothing(portal: Portal) -> None:
    bob = portal.browser("bob")
    with_key = {"Authorization": f"Bearer {key_of(portal, '', 'content:read')}"}
    assert "Zephyrion" in bob.get("/api/v1/search?q=zephyrion").get_data(as_text=True)
    hidden = bob.get("/api/v1/search?q=zephyrion", headers=with_key)
    assert "Zephyrion" not in hidden.get_data(as_text=True)
    assert portal.browser().get("/desk", headers=with_key).status_code == 303
    assert portal.browser().get("/tickets", headers=with_key).status_code == 303


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Negotiate x"])
def test_what_a_proxy_adds_to_pages_means_nothing(portal: Portal, header: str) -> None:
    sent = {"Authorization": header}
    assert portal.browser("alice").get("/tickets", headers=sent).status_code == 200


def test_a_key_of_a_person_needs_no_second_step(portal: Portal) -> None:
    set_up_app(portal, portal.browser("bob"), "bob")
    bob = program(portal, key_of(portal, "bob", *PERSONAL))
    assert bob.get("/api/v1/articles/doc/secret").status_code == 200


def test_a_key_files_as_its_person_or_for_guests(portal: Portal) -> None:
    alice = program(portal, key_of(portal, "alice", "tickets:write"))
    filed = alice.client.post("/api/v1/tickets", json=ticket())
    assert filed.status_code == 201
    assert (filed.json or {})["number"] in portal.browser("alice").page("/tickets")

    crm = program(portal, key_of(portal, "", "tickets:file"))
    assert crm.client.post("/api/v1/tickets", json=ticket(key="2")).status_code == 422
    filed = crm.client.post("/api/v1/tickets", json=guest(key="3"))
    assert filed.status_code == 201
    assert "?key=" in (filed.json or {})["url"]


def test_the_limit_of_a_key_is_its_own(portal: Portal) -> None:
    first, second = (program(portal, key_of(portal, "", "content:read")) for _ in range(2))
    path = "/api/v1/promise?severity=question"
    while first.get(path).status_code == 200:
        pass
    assert first.get(path).status_code == 429
    assert second.get(path).status_code == 200
    assert portal.browser().get(path).status_code == 200


def test_a_key_shows_what_its_person_sees_and_no_more(folder: Path) -> None:
    world = World(folder)
    for name in ("alice", "charlie", "bob", "erin", "ada"):
        browser = program(world.portal, key_of(world.portal, name, *PERSONAL))
        by_key, by_session = (_shown(world, each) for each in (browser, world.browsers[name]))
        assert by_key == by_session, name
        assert all(name in SEEN_BY[word] for word in by_key), name


def test_a_key_without_a_person_shows_what_its_scopes_say(folder: Path) -> None:
    world = World(folder)
    for scopes, expected in (
        (["content:read", "feedback:write", "tickets:file"], set()),
        (["content:read", "content:customers"], {"canary-of-the-problem"}),
        (
            ["content:read", "content:staff"],
            {"canary-of-the-article", "canary-of-the-title", "canary-of-the-problem"},
        ),
        (
            ["desk:read"],
            {
                "canary-of-the-ticket",
                "canary-of-the-file",
                "canary-of-the-note",
                "canary-of-the-guest",
            },
        ),
    ):
        browser = program(world.portal, key_of(world.portal, "", *scopes))
        assert _shown(world, browser) == expected, scopes


def _shown(world: World, browser: Browser) -> set[str]:
    """The canaries that any reading address of the API shows."""
    shown: set[str] = set()
    for rule in world.readings():
        if (rule.endpoint, "GET") not in OPENED_BY:
            continue
        for number in (world.number, world.guests_number):
            path = world.path_of(rule, number)
            for address in (path, f"{path}?q=canary&limit=9"):
                body = browser.get(address).get_data(as_text=True)
                shown |= {word for word in SEEN_BY if word in body}
    return shown


def test_the_scope_of_reading_tickets_needs_a_person() -> None:
    assert SCOPES[Scope.TICKETS_READ].stands_in is None
