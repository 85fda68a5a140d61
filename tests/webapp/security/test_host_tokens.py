"""Pages of another website that says whom it has signed in: what they show, and never an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jwt
import pytest
from sqlalchemy import select

from kb.analytics.tables import EPISODES
from tests.webapp.world import DOCUMENTS, Browser, Portal, build, document, publish, settings_of

SITE, SECRET = "https://www.example.com", "s" * 40
ONLY_CUSTOMERS = document(
    "vip", "Paper for customers", ("v", "Vip", "Canaryvip."), audience="customers"
)
NO_TOKENS = ("", "x", "a.b.c", "askfirst_x", "\u00e9.b.c", "x" * 9000)


@pytest.fixture
def portal(folder: Path) -> Portal:
    settings = settings_of(folder, embed_origins=SITE, embed_keys=f"new:HS256:{SECRET}")
    publish(settings.data, (*DOCUMENTS, ONLY_CUSTOMERS))
    return build(settings)


def signed(portal: Portal, **more: Any) -> str:
    now = int(portal.clock.now.timestamp())
    claims = {"aud": "http://localhost", "iss": SITE, "iat": now, "exp": now + 600}
    claims |= {"audience": "customers", "organisation": "Acme", "person": "alice@example.com"}
    return jwt.encode(claims | more, SECRET, algorithm="HS256", headers={"kid": "new"})


def page(portal: Portal, token: str, address: str = "192.0.2.1", origin: str = SITE) -> Browser:
    browser = portal.browser()
    browser.client.environ_base |= {
        "HTTP_AUTHORIZATION": f"Bearer {token}",
        "HTTP_ORIGIN": origin,
        "REMOTE_ADDR": address,
    }
    return browser


def sees(browser: Browser) -> bool:
    shown = []
    for path in ("suggest?q=paper+for+customers", "search?q=canaryvip", "articles/doc/vip"):
        response = browser.get(f"/api/v1/{path}")
        assert response.status_code in (200, 404), path
        shown.append('"doc/vip"' in response.get_data(as_text=True))
    assert len(set(shown)) == 1
    return shown[0]


def test_a_signed_in_customer_sees_what_the_token_says(portal: Portal) -> None:
    assert sees(page(portal, signed(portal)))
    assert not sees(page(portal, signed(portal, audience="public")))


def test_whatever_else_is_sent_is_the_public(portal: Portal) -> None:
    portal.centre.api_keys.create("x", ["content:read", "content:staff"], now=portal.clock.now)
    key = portal.centre.api_keys.create("x", ["content:staff"], now=portal.clock.now).secret
    for token in (*NO_TOKENS, key, signed(portal, aud="https://other.example")):
        assert not sees(page(portal, token)), token
    assert not sees(page(portal, signed(portal), origin="https://evil.example"))


def test_a_copied_token_is_the_public(portal: Portal) -> None:
    token = signed(portal)
    for address in ("192.0.2.1", "2001:db8::1", "192.0.2.1", "2001:db8::2"):
        assert sees(page(portal, token, address)), address
    assert not sees(page(portal, token, "198.51.100.7"))
    assert sees(page(portal, token, "192.0.2.1"))


def test_a_token_opens_no_ticket(portal: Portal) -> None:
    browser = page(portal, signed(portal))
    for path in ("/api/v1/tickets", "/api/v1/tickets/KB-1001", "/api/v1/changes", "/api/v1/queue"):
        assert browser.get(path).status_code == 401, path
    assert browser.get("/api/v1/tickets/alike?q=paper").json == {"tickets": []}


def test_a_browser_may_send_the_token(portal: Portal) -> None:
    preflight = portal.browser().client.options(
        "/api/v1/suggest",
        headers={"Origin": SITE, "Access-Control-Request-Headers": "authorization"},
    )
    assert preflight.status_code == 200
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    assert preflight.headers["Access-Control-Allow-Origin"] == SITE
    assert "Access-Control-Allow-Credentials" not in preflight.headers


def test_a_visit_counts_for_the_person_of_the_token(portal: Portal) -> None:
    event = {"episode": "e1", "kind": "form_open", "form": "contact"}
    assert page(portal, signed(portal)).client.post("/api/v1/episodes", json=event).status_code
    alice = portal.centre.accounts.by_email("alice@example.com")
    assert alice
    with portal.centre.database.read() as connection:
        row = connection.execute(select(EPISODES).where(EPISODES.c.id == "e1")).one()
    assert (row.person_id, row.organisation_id) == (alice.id, alice.organisation_id)
    assert row.portal == "www.example.com"


def test_one_office_has_a_limit_for_each_person(folder: Path) -> None:
    settings = settings_of(
        folder,
        embed_origins=SITE,
        embed_keys=f"new:HS256:{SECRET}",
        suggest_per_minute="3",
    )
    portal = build(settings)
    alice, other = (
        page(portal, signed(portal, person=f"{name}@example.com")) for name in ("alice", "other")
    )
    path = "/api/v1/suggest?q=paper"
    while alice.get(path).status_code == 200:
        pass
    assert alice.get(path).status_code == 429
    assert other.get(path).status_code == 200
