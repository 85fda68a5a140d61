"""A portal below a path of its host: no address in it leads out of that path."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest

from kb.notifications.mail_templates import mail_sender
from tests.webapp.factors import STEP, App
from tests.webapp.world import (
    DOCUMENTS,
    Browser,
    Portal,
    build,
    data_values,
    document,
    guest,
    number_of,
    publish,
    settings_of,
    ticket,
)  # fmt: skip
from webapp.sub_path import portal_links

#: Also the first part of every article's own address.
PATH = "/help"
ADDRESS = f"http://localhost{PATH}"
PICTURE = "0123456789abcdef.png"
LINKED = (
    f'<p id="a"><a title="a &gt; b" href="/help/doc/jam#open">Jam</a> <img src="/media/{PICTURE}">'
    '<a href="https://example.org/help/doc/jam">elsewhere</a> <a href="#a">here</a></p>'
)

#: In what a page names addresses: attributes of links, forms, scripts, pictures, and of our own
#: elements, which hold data of other kinds, too.
ADDRESSES = re.compile(r'\s(href|src|action|formaction|data-[a-z-]+)="(/[^"]*)"')
#: Signs out, or starts a run of the index: nothing that follows would mean anything.
CHANGES = re.compile(r"/(sign-out|static|media)\b")


class Below(Browser):
    """A browser for which all paths are below the portal's."""

    def get(self, path: str, **more: object):  # type: ignore[no-untyped-def]  # as Browser.get
        return super().get(PATH + path, **more)

    def page(self, path: str) -> str:
        return super().page(PATH + path)

    def post(self, path: str, data: dict[str, object] | None = None, **more: object):  # type: ignore[no-untyped-def]
        return super().post(PATH + path, data, **more)


@pytest.fixture
def below(folder: Path) -> Portal:
    linking = replace(document("linking", "How pages link", ("a", "Links", "Below.")), html=LINKED)
    publish(folder / "data", (*DOCUMENTS, linking))
    return build(settings_of(folder, base_url=ADDRESS))


def browser(portal: Portal, name: str = "") -> Below:
    visitor = Below(portal.app.test_client())
    if name:
        visitor.sign_in(name)
    return visitor


def addresses(page: str) -> set[tuple[str, str]]:
    return {(name, unescape(address)) for name, address in ADDRESSES.findall(page)}


@pytest.mark.parametrize("name", ["", "alice", "bob", "erin", "ada"])
def test_a_crawler_finds_no_address_outside(below: Portal, name: str) -> None:
    """Also not in pages that only somebody who is signed in sees, and no address is dead."""
    visitor = browser(below, name)
    number = number_of(browser(below, "alice").post("/tickets", ticket()))
    starts = (f"{PATH}/", f"{PATH}/search?q=press", f"{PATH}/tickets/{number}")
    queue = [*starts]
    seen: dict[str, int] = {}
    while queue:
        address = urldefrag(queue.pop())[0]
        if address in seen:
            continue
        response = visitor.client.get(address, buffered=True)
        seen[address] = response.status_code
        assert response.status_code < 500, address
        targets = {("href", response.headers["Location"])} if response.status_code == 303 else set()
        if response.mimetype == "text/html" and response.status_code == 200:
            targets |= addresses(response.get_data(as_text=True))
        for attribute, target in targets:
            path = urlsplit(urljoin(address, target)).path
            assert path == PATH or path.startswith(f"{PATH}/"), (address, target)
            if attribute == "href" and not CHANGES.search(path):
                queue.append(urljoin(address, target))
    assert {address for address, status in seen.items() if status == 404} <= {*starts}
    assert f"{PATH}/help/doc/jam" in seen
    assert f"{PATH}/docs" in seen


def test_articles_link_and_show_pictures_below_the_path(below: Portal) -> None:
    page = browser(below).page("/help/doc/linking")
    assert 'href="/help/help/doc/jam#open"' in page
    assert f'src="/help/media/{PICTURE}"' in page
    assert 'href="https://example.org/help/doc/jam"' in page
    assert 'rel="canonical" href="http://localhost/help/help/doc/linking"' in page


def test_programs_get_addresses_below_the_path(below: Portal) -> None:
    anyone = browser(below)
    suggested = json.loads(anyone.get("/api/v1/suggest?q=clear+a+paper+jam").data)
    found = json.loads(anyone.get("/api/v1/search?q=paper+jam").data)
    for hit in (*suggested["suggestions"], *found["results"]):
        assert hit["url"].startswith("/help/help/")
    # Wherever an address stands in an answer, in a field that is added later, too.
    for question in ("suggest?q=clear+a+paper+jam", "search?q=paper+jam"):
        body = anyone.get(f"/api/v1/{question}").get_data(as_text=True)
        assert not re.search(r'"url": ?"/help/(doc|faq|forum)/', body)
    assert suggested["suggestions"]
    assert found["results"]
    body = {name: text for name, text in guest().items() if name != "zone"}
    filed = anyone.client.post(
        f"{PATH}/api/v1/tickets", json=body, headers={"Origin": "http://localhost"}
    )
    assert filed.status_code == 201, filed.text
    assert filed.json
    assert filed.json["url"].startswith(f"{ADDRESS}/tickets/KB-")
    shown = anyone.client.get(filed.headers["Location"], follow_redirects=True)
    assert shown.status_code == 200
    assert anyone.client.get(f"{PATH}/openapi.json").json["servers"] == [{"url": ADDRESS}]  # type: ignore[index]
    assert "Disallow: /help/desk" in anyone.get("/robots.txt").get_data(as_text=True)
    problem = anyone.get("/api/v1/search?q=x&page=0").json
    assert problem
    assert problem["instance"] == f"{PATH}/api/v1/search"


def test_signing_in_leads_back_to_the_page_and_never_out_of_the_path(below: Portal) -> None:
    anyone = browser(below)
    asked = anyone.get("/tickets")
    assert asked.status_code == 303
    assert asked.headers["Location"] == "/help/sign-in?next=/tickets"
    for target, landing in (
        ("/tickets?page=1", "/help/tickets?page=1"),
        ("//evil.example", "/help/tickets"),
        ("", "/help/tickets"),
    ):
        visitor = browser(below)
        answer = visitor.post(
            "/sign-in",
            {"email": "alice@example.com", "password": "alice-demo", "next": target},
        )
        assert answer.headers["Location"] == landing
    cookie = visitor.client.get_cookie("askfirst-help")
    assert cookie is not None
    assert cookie.path == "/"


def test_what_is_asked_outside_of_the_path_says_where_the_portal_is(below: Portal) -> None:
    client = below.app.test_client()
    for path in ("/", "/docs", "/helper", "/static/shared/site.css"):
        answer = client.get(path, buffered=True)
        assert answer.status_code == 404, path
        assert ADDRESS in answer.get_data(as_text=True)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert client.post("/tickets").status_code in (400, 404)
    assert client.get("/healthz").status_code == 200
    assert client.get("/help/readyz").status_code == 200
    assert client.get("/help").status_code == 200


def test_links_in_mails_begin_with_the_public_address(below: Portal) -> None:
    assert mail_sender("Askfirst", f"{ADDRESS}", "").base_url == ADDRESS
    settings = below.app.config["KB"]
    assert (settings.base_url, settings.origin, settings.base_path) == (
        ADDRESS, "http://localhost", PATH
    )  # fmt: skip


def test_a_portal_at_the_root_changes_nothing_in_articles(portal: Portal) -> None:
    with portal.app.test_request_context():
        assert portal_links(LINKED) == LINKED


def test_the_second_step_of_signing_in_stays_below(below: Portal) -> None:
    bob = browser(below, "bob")
    (key,) = data_values(bob.page("/account/second-factor/app"), "key")
    app = App(base64.b32decode(key))
    password = {"password": "bob-demo"}
    added = bob.post("/account/second-factor/app", {"code": app.code(below.clock.now), **password})
    assert added.headers["Location"] == f"{PATH}/account/second-factor/codes"

    half = browser(below)
    about: dict[str, object] = {"email": "bob@example.com", "next": "/desk/board", **password}
    assert half.post("/sign-in", about).headers["Location"] == f"{PATH}/sign-in/second-step"
    assert half.get("/desk").headers["Location"] == f"{PATH}/sign-in/second-step"
    below.clock.now += STEP
    done = half.post("/sign-in/second-step/app", {"answer": app.code(below.clock.now)})
    assert done.headers["Location"] == f"{PATH}/desk"  # asked for last
    assert half.get("/desk").status_code == 200
