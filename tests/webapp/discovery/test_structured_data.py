"""What pages tell search engines: JSON-LD by schema.org, OpenGraph, translations, the twin."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from indexer.pipeline import IndexOptions
from indexer.sources import walk
from tests.indexing import run_index
from tests.webapp.world import (
    MONDAY,
    THREAD,
    Browser,
    Portal,
    build,
    publish,
    settings_of,
)

#: Type -> what it must have and what else it may have: what search engines require
#: (developers.google.com/search/docs/appearance/structured-data), each a property that the
#: vocabulary allows for the type (compared with the files of schema.org, release 12.0).
TYPES: Mapping[str, tuple[set[str], set[str]]] = {
    "WebSite": ({"name", "url"}, {"potentialAction"}),
    "SearchAction": ({"target", "query-input"}, set()),
    "EntryPoint": ({"urlTemplate"}, set()),
    "Organization": ({"name"}, {"url"}),
    "TechArticle": (
        {"headline", "publisher", "mainEntityOfPage", "url"},
        {"description", "dateModified", "inLanguage", "keywords"},
    ),
    "FAQPage": ({"mainEntity", "url"}, {"name", "dateModified", "inLanguage"}),
    "QAPage": ({"mainEntity", "url"}, {"dateModified", "inLanguage"}),
    "Question": ({"name"}, {"text", "answerCount", "acceptedAnswer", "suggestedAnswer"}),
    "Answer": ({"text"}, {"url"}),
    "BreadcrumbList": ({"itemListElement"}, set()),
    "ListItem": ({"position", "name", "item"}, set()),
}


def things(page: str) -> list[dict[str, Any]]:
    """The top things of a page, checked against ``TYPES``."""
    [block] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    data = json.loads(block)
    assert data["@context"] == "https://schema.org"
    for thing in _all_of(data["@graph"]):
        required, allowed = TYPES[thing["@type"]]
        assert required <= thing.keys(), thing
        assert thing.keys() <= required | allowed | {"@type", "@id"}, thing
        assert all(value not in ("", None, []) for value in thing.values()), thing
    return list(data["@graph"])


def _all_of(value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for each in value:
            yield from _all_of(each)
    elif isinstance(value, dict):
        yield value
        for each in value.values():
            yield from _all_of(each)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "WebSite"),
        ("/help/doc/jam", "TechArticle"),
        ("/help/faq/password", "FAQPage"),
        ("/help/forum/noisy", "QAPage"),
        ("/docs", "BreadcrumbList"),
    ],
)
def test_a_page_says_what_it_is(anyone: Browser, path: str, kind: str) -> None:
    first, *others = things(anyone.page(path))
    assert first["@type"] == kind
    crumbs = [each for each in (first, *others) if each["@type"] == "BreadcrumbList"]
    for position, step in enumerate(crumbs[0]["itemListElement"] if crumbs else (), 1):
        assert step["position"] == position
        assert anyone.get(step["item"].removeprefix("http://localhost")).status_code == 200


def test_a_thread_tells_its_accepted_answer_and_the_others(folder: Path) -> None:
    asked = replace(THREAD, title="It smells </script><script>alert(1)</script>")
    publish(folder / "data", (asked,))
    page = build(settings_of(folder)).browser().page("/help/forum/answered")
    question = things(page)[0]["mainEntity"]
    assert question["name"] == asked.title
    assert question["answerCount"] == 2
    assert question["acceptedAnswer"]["text"] == "Switch it off."
    assert [each["text"] for each in question["suggestedAnswer"]] == ["Which one?"]
    assert question["acceptedAnswer"]["url"].endswith("/help/forum/answered#b")
    assert "<script>alert" not in page


def test_links_to_a_page_show_its_title_and_summary(anyone: Browser) -> None:
    page = anyone.page("/help/doc/jam")
    facts = dict(re.findall(r'<meta property="og:(\w+)" content="([^"]*)">', page))
    assert facts["type"] == "article"
    assert facts["url"] == "http://localhost/help/doc/jam"
    assert unescape(facts["title"]).startswith("Clear a paper jam")
    assert facts["description"] == "What to do when paper is stuck."


# --- from files


@pytest.fixture
def portal_of_files(folder: Path) -> Portal:
    docs = folder / "pages"
    for name, text in {
        "en/ink.md": "---\nlanguage: en\n---\n# Change the ink\n\nOpen <xref:shut>.",
        "de/ink.md": "---\nlanguage: de\n---\n# Tinte wechseln\n\nÖffnen Sie die Klappe.",
        "fr/ink.md": "---\nlanguage: fr\naudience: staff\n---\n# Changer l'encre\n\nOuvrir.",
        "paper.md": (
            "# Load paper\n\n<!-- Ask Bob: is this right? -->\n\nOpen [the *tray*](en/ink.md).\n\n"
            "- one\n- two\n"
        ),
        "shut.md": "---\nuid: shut\naudience: staff\n---\n# The quixotic vault\n\nNo.",
    }.items():
        (docs / name).parent.mkdir(parents=True, exist_ok=True)
        (docs / name).write_text(text)
    run_index(IndexOptions(walk.parse_sources([f"doc={docs}"]), folder / "data", MONDAY.date()))
    return build(settings_of(folder))


def test_a_translation_is_named_to_those_who_may_see_it(portal_of_files: Portal) -> None:
    def languages(name: str, path: str) -> set[tuple[str, str]]:
        page = portal_of_files.browser(name).page(path)
        return set(re.findall(r'rel="alternate" hreflang="([^"]+)" href="([^"]+)"', page))

    english = ("en", "http://localhost/help/doc/en/ink")
    german = ("de", "http://localhost/help/doc/de/ink")
    for path in ("/help/doc/en/ink", "/help/doc/de/ink"):
        assert languages("", path) == {english, german}
    assert {each for each, _ in languages("bob", "/help/doc/en/ink")} == {"en", "de", "fr"}
    assert languages("", "/help/doc/paper") == set()


def test_the_twin_is_the_published_article_as_markdown(portal_of_files: Portal) -> None:
    anyone = portal_of_files.browser()
    twin = anyone.get("/help/doc/paper.md")
    assert twin.mimetype == "text/markdown"
    text = twin.get_data(as_text=True)
    assert text.startswith("# Load paper\n")
    assert "[the *tray*](http://localhost/help/doc/en/ink)" in text
    assert "Bob" not in text
    assert twin.headers["Link"] == '<http://localhost/help/doc/paper>; rel="canonical"'
    assert "quixotic" not in anyone.get("/help/doc/en/ink.md").get_data(as_text=True)

    asked = anyone.get("/help/doc/paper", headers={"Accept": "text/markdown, */*;q=0.8"})
    assert asked.get_data(as_text=True) == text
    assert "accept" in {each.lower() for each in asked.vary}
    for accepted in ("*/*", "text/html, text/markdown;q=0.5", ""):
        page = anyone.get("/help/doc/paper", headers={"Accept": accepted})
        assert page.mimetype == "text/html"
        assert "accept" in {each.lower() for each in page.vary}


def test_the_twin_is_for_those_who_may_see_the_article(portal_of_files: Portal) -> None:
    assert portal_of_files.browser().get("/help/doc/shut.md").status_code == 404
    assert portal_of_files.browser().get("/help/doc/none.md").status_code == 404
    shown = portal_of_files.browser("bob").get("/help/doc/shut.md")
    assert (shown.status_code, shown.headers["Cache-Control"]) == (200, "no-store")


def test_the_twin_of_an_old_address_is_at_the_new_one(anyone: Browser) -> None:
    answer = anyone.get("/help/doc/paper-jam.md")
    assert (answer.status_code, answer.headers["Location"]) == (301, "/help/doc/jam.md")
