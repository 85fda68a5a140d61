"""What an assistant proposes is filed by the person, in time, once, and by a button."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape
from pathlib import Path

import pytest

from tests.webapp.world import Browser, Portal, build, number_of, settings_of, ticket
from webapp.assistants.proposals import VALID

PROPOSAL = {
    "title": "The press eats paper",
    "description": "Since Monday.\nIt eats <every> second sheet.",
    "type": "problem",
    "severity": "question",
    "product": "press",
    "version": "2.0",
    "name": "Gina Guest",
    "email": "gina@example.org",
    "episode": "of-the-assistant",
}


def link_of(portal: Portal, **more: str) -> str:
    answer = portal.browser().client.post("/api/v1/proposals", json={**PROPOSAL, **more})
    assert answer.status_code == 201, answer.get_data(as_text=True)
    assert answer.json
    assert answer.json["filed"] is False
    return str(answer.json["url"]).removeprefix("http://localhost")


def form_of(page: str) -> dict[str, str]:
    """The hidden and typed values of the form, as a browser would send them."""
    fields = {
        name: unescape(value)
        for name, value in re.findall(r'<input[^>]*?name="(\w+)"[^>]*?value="([^"]*)"', page)
    }
    text = re.search(r'<textarea[^>]*name="description"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    assert text
    return {**ticket(), **fields, "description": unescape(text[1]).strip(), "zone": "UTC"}


def filed(portal: Portal) -> set[str]:
    return set(re.findall(r"KB-\d+", portal.browser("bob").page("/desk?view=all")))


def test_the_link_shows_the_form_and_files_nothing(portal: Portal) -> None:
    link = link_of(portal)
    person = portal.browser()
    for _ in range(2):
        page = person.page(link)
        assert "data-proposed" in page
        assert 'value="The press eats paper"' in page
        assert "It eats &lt;every&gt; second sheet." in page
        assert 'value="gina@example.org"' in page
    assert filed(portal) == set()


def test_the_person_files_it_by_the_button_and_once(portal: Portal) -> None:
    link, person = link_of(portal), portal.browser()
    form = form_of(person.page(link))
    first = number_of(person.post("/tickets", form))
    again = number_of(person.post("/tickets", form_of(person.page(link))))
    assert first == again
    assert filed(portal) == {first}


def test_whoever_is_signed_in_files_it_as_their_own(portal: Portal, alice: Browser) -> None:
    number = number_of(alice.post("/tickets", form_of(alice.page(link_of(portal)))))
    assert "The press eats paper" in alice.page(f"/tickets/{number}")


def test_the_link_expires(portal: Portal) -> None:
    link, person = link_of(portal), portal.browser()
    portal.clock.now += VALID
    assert person.get(link).status_code == 200
    portal.clock.now += dt.timedelta(seconds=1)
    assert person.get(link).status_code == 404


@pytest.mark.parametrize("changed", ["x", "none", "a.b", "x" * 9000])
def test_a_link_that_nobody_signed_opens_nothing(portal: Portal, changed: str) -> None:
    assert portal.browser().get(f"/tickets/proposed/{changed}").status_code == 404
    link = link_of(portal)
    assert portal.browser().get(link[:-1]).status_code == 404


def test_another_portal_does_not_take_the_link(folder: Path, portal: Portal) -> None:
    other = build(settings_of(folder, secret_key="o" * 16 + "ther-portals-key"))
    assert other.browser().get(link_of(portal)).status_code == 404


def test_what_is_the_persons_to_decide_is_not_proposed(portal: Portal) -> None:
    page = portal.browser().page(link_of(portal, copy_to="boss@example.org", coupon="GOLD"))
    assert "boss@example.org" not in page
    assert "GOLD" not in page


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"title": ""}, "title"),
        ({"type": "wish"}, "type"),
        ({"severity": "hot"}, "severity"),
        ({"description": "".join(chr(33 + n * n % 9000) for n in range(9000))}, "description"),
    ],
)
def test_a_faulty_proposal_is_refused_with_its_fields(
    portal: Portal, more: dict[str, str], field: str
) -> None:
    answer = portal.browser().client.post("/api/v1/proposals", json={**PROPOSAL, **more})
    assert answer.status_code == 422
    assert answer.json
    assert field in answer.json["fields"]


def test_pages_of_other_sites_propose_nothing(anyone: Browser) -> None:
    headers = {"Origin": "https://evil.example"}
    answer = anyone.client.post("/api/v1/proposals", json=PROPOSAL, headers=headers)
    assert answer.status_code == 403
