"""Walking the help centre: sections, the way to a page, and what is beside it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from indexer.pipeline import IndexOptions
from indexer.sources import walk
from tests.indexing import run_index
from tests.webapp.world import MONDAY, Browser, Portal, build, same_for, settings_of

FILES = {
    "press/index.md": "---\ntitle: The press\nsummary: All of it.\norder: 1\n---\n\nTake care.\n",
    "press/02-oil.md": "---\nsummary: Oil first.\nupdated: 2026-11-02\n---\n# Oil\n\nOil.",
    "press/01-plug.md": "---\nupdated: 2026-10-01\nfeatured: true\n---\n# Plug\n\nPlug.",
    "press/10-fold.md": "# Fold\n\nFold.",
    "press/repair/motor.md": "# Change the motor\n\nChange it.",
    "ink/colours.md": "# Colours\n\nRed.",
    "ink/prices.md": "---\naudience: customers\n---\n# Prices\n\nTen.",
    "contracts/prices.md": "---\naudience: customers\n---\n# Contract prices\n\nNine.",
    "acme/plan.md": "---\naudience: acme\n---\n# The plan of Acme\n\nSecret.",
    "runbooks/index.md": "---\naudience: staff\n---\n# Runbooks\n\nOurs.",
    "runbooks/restart.md": "---\naudience: staff\n---\n# Restart zephyrion\n\nRestart.",
    "about.md": "---\nupdated: 2026-11-02\n---\n# About us\n\nWe press.",
}
ARTICLES = 5  # in /docs for everyone: those of the press, and two others


@pytest.fixture
def walked(folder: Path) -> Portal:
    """A portal over ``FILES``."""
    docs = folder / "docs"
    for name, text in FILES.items():
        (docs / name).parent.mkdir(parents=True, exist_ok=True)
        (docs / name).write_text(text, "utf-8")
    shutil.rmtree(folder / "data" / "index")
    run_index(IndexOptions(walk.parse_sources([f"doc={docs}"]), folder / "data", MONDAY.date()))
    return build(settings_of(folder))


def links(page: str, below: str = "/(?:docs|help)/") -> list[str]:
    """The addresses of the articles and sections that the main part of a page links to."""
    main = page.partition("<main")[2].partition("</main>")[0]
    return re.findall(rf'<a [^>]*?href="({below}[^"#]*)"', main)


def crumbs(page: str) -> list[str]:
    inside = page.partition('<nav class="crumbs"')[2].partition("</nav>")[0]
    return [re.sub("<[^>]+>", "", item).strip() for item in re.findall("<li.*?</li>", inside, re.S)]


def test_the_guides_are_sections_in_their_order(walked: Portal) -> None:
    page = walked.browser().page("/docs")
    assert links(page) == [
        "/docs/press",
        "/docs/press/repair",
        "/help/doc/press/01-plug",
        "/help/doc/press/02-oil",
        "/help/doc/press/10-fold",
        "/docs/press",
        "/docs/ink",
        "/help/doc/ink/colours",
        "/help/doc/about",
    ]
    assert "All of it." in page
    assert "Oil first." in page


def test_a_section_shows_its_introduction_and_what_is_in_it(walked: Portal) -> None:
    page = walked.browser().page("/docs/press")
    assert crumbs(page) == ["Help centre", "Guides", "The press"]
    assert "Take care." in page
    assert links(page) == [
        "/docs/press/repair",
        "/help/doc/press/01-plug",
        "/help/doc/press/02-oil",
        "/help/doc/press/10-fold",
    ]
    inner = walked.browser().page("/docs/press/repair")
    assert crumbs(inner) == ["Help centre", "Guides", "The press", "Repair"]


def test_an_article_says_where_it_is_and_what_is_beside_it(walked: Portal) -> None:
    page = walked.browser().page("/help/doc/press/02-oil")
    assert crumbs(page) == ["Help centre", "Guides", "The press", "Oil"]
    assert re.findall(r'rel="(prev|next)" href="([^"]+)"', page) == [
        ("prev", "/help/doc/press/01-plug"),
        ("next", "/help/doc/press/10-fold"),
    ]
    assert 'rel="prev"' not in walked.browser().page("/help/doc/press/01-plug")


def test_a_short_index_page_is_the_page_of_its_section(walked: Portal) -> None:
    browser = walked.browser()
    response = browser.get("/help/doc/press")
    assert (response.status_code, response.headers["Location"]) == (302, "/docs/press")
    assert "Take care." in browser.page("/help/doc/press?fragment=1")


def test_a_section_exists_only_for_those_who_may_see_an_article_in_it(walked: Portal) -> None:
    walked.centre.accounts.add(
        "alma@example.com", "Alma", "alma-demo", role="customer", audience="acme", now=MONDAY
    )
    anyone, alice, bob = walked.browser(), walked.browser("alice"), walked.browser("bob")
    charlie, alma = walked.browser("charlie"), walked.browser("alma")
    absent = same_for(anyone.get("/docs/nowhere"), "nowhere")
    everyone = {"anyone": anyone, "alice": alice, "charlie": charlie, "bob": bob, "alma": alma}
    readers = {"contracts": "alice charlie bob alma", "runbooks": "bob", "acme": "alma"}
    for name in readers:
        for who, reader in everyone.items():
            may_see = who in readers[name].split()
            assert (reader.get(f"/docs/{name}").status_code == 200) == may_see, name
            for path in ("/", "/docs", "/sitemap"):
                assert (f"/docs/{name}" in reader.page(path)) == may_see, (name, path)
        assert same_for(anyone.get(f"/docs/{name}"), name) == absent
    assert "Prices" in alice.page("/docs/ink")
    assert "Prices" not in anyone.page("/docs/ink")


def test_the_home_page_leads_to_sections_featured_and_newest_articles(walked: Portal) -> None:
    page = walked.browser().page("/")
    assert links(page) == [
        "/help/doc/press/01-plug",  # featured
        "/docs/press",
        "/docs/ink",
        # The newest first; of the same day, as they are walked.
        "/help/doc/about",
        "/help/doc/press/02-oil",
        "/help/doc/press/01-plug",
    ]


def test_the_site_map_names_every_section_and_article(walked: Portal) -> None:
    everyone = links(walked.browser().page("/sitemap"))
    assert [path for path in everyone if path.startswith("/docs/")] == [
        "/docs/press",
        "/docs/press/repair",
        "/docs/ink",
    ]
    assert sum(path.startswith("/help/") for path in everyone) == ARTICLES + 1
    assert "/help/doc/runbooks/restart" in links(walked.browser("bob").page("/sitemap"))


def test_lists_are_sorted_as_they_say(anyone: Browser) -> None:
    assert 'sort=title" aria-current="true"' in anyone.page("/faq")
    assert 'sort=newest" aria-current="true"' in anyone.page("/forum")
    assert 'sort=newest" aria-current="true"' in anyone.page("/faq?sort=newest")
    assert anyone.get("/faq?sort=best").status_code == 422


@pytest.mark.parametrize("path", ["/docs?page=2", "/docs?page=x", "/docs/press?page=2"])
def test_a_page_that_there_is_not_is_refused(walked: Portal, path: str) -> None:
    assert walked.browser().get(path).status_code in (404, 422)
