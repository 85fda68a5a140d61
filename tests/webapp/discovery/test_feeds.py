"""Feeds, judged by the grammar of Atom (RFC 4287) and by the rules of JSON Feed 1.1."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from lxml import etree

from tests.webapp.discovery.values import texts
from tests.webapp.world import (
    Browser,
    Portal,
    build,
    document,
    number_of,
    publish,
    settings_of,
    ticket,
)

SCHEMAS = Path(__file__).parent / "schemas"
ATOM = {"a": "http://www.w3.org/2005/Atom"}
BASE = "https://help.example.com/support"
PLACES = ("", "/docs", "/faq", "/forum", "/docs/guides")


@pytest.fixture
def reader(folder: Path) -> Browser:
    publish(
        folder / "data",
        (
            document("plain", "About us & <you>", ("", "", "We print."), source="docs/plain.md"),
            document(
                "guides/jam",
                "Clear a jam \N{LATIN SMALL LETTER E WITH ACUTE}",
                ("", "", "Pull."),
                source="docs/guides/jam.md",
                summary="What to do.",
                language="en",
            ),
            document(
                "guides/secret", "Zephyrion", ("", "", "No."), source="docs/guides/secret.md",
                audience="staff",
            ),
        ),
    )  # fmt: skip
    return build(settings_of(folder, base_url=BASE)).browser()


def get(reader: Browser, path: str) -> bytes:
    answer = reader.get(f"/support{path}", base_url=BASE.removesuffix("/support"))
    assert answer.status_code == 200
    return answer.get_data()


@pytest.mark.parametrize("place", PLACES)
def test_a_feed_is_valid_atom(reader: Browser, place: str) -> None:
    grammar = etree.RelaxNG(etree.parse(str(SCHEMAS / "atom.rng")))
    feed = etree.fromstring(get(reader, f"{place}/feed.atom"))
    grammar.assertValid(feed)
    [own] = texts(feed, "a:link[@rel='self']/@href", ATOM)
    assert own == feed.findtext("a:id", namespaces=ATOM) == f"{BASE}{place}/feed.atom"
    dates = texts(feed, "a:entry/a:updated/text()", ATOM)
    assert dates == sorted(dates, reverse=True)
    assert feed.findtext("a:updated", namespaces=ATOM) == max(dates, default="1970-01-01T00:00:00Z")
    for address in texts(feed, "//a:link/@href", ATOM):
        assert address.startswith(BASE)


@pytest.mark.parametrize("place", PLACES)
def test_a_feed_is_a_valid_json_feed(reader: Browser, place: str) -> None:
    answer = reader.get(f"/support{place}/feed.json", base_url=BASE.removesuffix("/support"))
    assert answer.mimetype == "application/feed+json"
    feed = answer.json
    assert feed
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["feed_url"] == f"{BASE}{place}/feed.json"
    assert isinstance(feed["title"], str)
    for item in feed["items"]:
        assert isinstance(item["id"], str)
        assert isinstance(item["content_text"], str)
        assert urlsplit(item["url"]).scheme == "https"
        assert dt.datetime.fromisoformat(item["date_modified"]).tzinfo is not None
    assert len({item["id"] for item in feed["items"]}) == len(feed["items"])


def test_a_feed_of_a_section_has_what_is_in_it_and_nothing_that_is_hidden(reader: Browser) -> None:
    whole, section = get(reader, "/feed.atom"), get(reader, "/docs/guides/feed.atom")
    assert b"About us &amp; &lt;you&gt;" in whole
    assert b"About us" not in section
    for feed in (whole, section):
        assert b"Clear a jam" in feed
        assert b"Zephyrion" not in feed


def test_whoever_asks_gets_what_the_public_sees(folder: Path) -> None:
    portal = build(settings_of(folder))
    for path in ("/feed.atom", "/feed.json", "/sitemap.xml", "/llms.txt", "/docs/feed.json"):
        answers = [portal.browser(name).get(path).get_data() for name in ("", "alice", "bob")]
        assert len(set(answers)) == 1
        assert b"zephyrion" not in answers[0].lower()


def test_a_section_that_is_not_there_has_no_feed(anyone: Browser) -> None:
    assert anyone.get("/docs/nowhere/feed.atom").status_code == 404
    assert anyone.get("/docs/nowhere/feed.rss").status_code == 404


def test_known_problems_are_valid_atom(portal: Portal) -> None:
    grammar = etree.RelaxNG(etree.parse(str(SCHEMAS / "atom.rng")))
    empty = portal.browser().get("/problems/feed.atom").get_data()
    grammar.assertValid(etree.fromstring(empty))
    portal.clock.now += dt.timedelta(hours=1)
    assert portal.browser().get("/problems/feed.atom").get_data() == empty

    bob = portal.browser("bob")
    number = number_of(portal.browser("alice").post("/tickets", ticket()))
    problem = {"title": "Paper & <jams>", "status": "identified", "audience": "public"}
    bob.post("/desk/problems", {**problem, "confirmed": "yes", "ticket": number})
    feed = etree.fromstring(portal.browser().get("/problems/feed.atom").get_data())
    grammar.assertValid(feed)
    assert "Paper & <jams>" in texts(feed, "a:entry/a:title/text()", ATOM)[0]


@pytest.mark.parametrize(
    ("page", "feeds"),
    [
        ("/", {"/feed.atom"}),
        ("/docs", {"/feed.atom", "/docs/feed.atom"}),
        ("/docs/guides", {"/feed.atom", "/docs/guides/feed.atom"}),
        ("/faq", {"/feed.atom", "/faq/feed.atom"}),
        ("/help/doc/plain", {"/feed.atom"}),
    ],
)
def test_a_page_names_its_feeds(reader: Browser, page: str, feeds: set[str]) -> None:
    text = get(reader, page).decode()
    link = r'<link rel="alternate" type="application/atom\+xml"[^>]*href="([^"]+)"'
    named = set(re.findall(link, text))
    assert named == {f"/support{path}" for path in feeds}
    for path in named:
        assert reader.get(path).status_code == 200
