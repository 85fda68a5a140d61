"""A visitor of the site-manager vendor reads: a clause by its number, and what to do at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from indexer.pipeline import IndexOptions
from indexer.sources import walk
from tests.browser.conftest import Door
from tests.indexing import run_index
from tests.stories.conftest import SITES, serving
from tests.webapp.world import MONDAY

pytestmark = pytest.mark.browser


def test_a_clause_is_found_by_number_and_the_form_offers_first_aid(
    tmp_path: Path, chromium: Browser
) -> None:
    site = SITES / "site-manager"
    with serving(site, tmp_path / "data") as address:
        sources = walk.parse_sources([f"doc={site / 'docs'}"], content=site)
        run_index(IndexOptions(sources, tmp_path / "data", MONDAY.date(), false_suggestions=10))
        door = Door(address, chromium)
        visitor = door()

        page = visitor.go("/")
        box = page.locator('input[name="q"]').first
        box.fill("2.5.2")
        expect(page.locator("ask-suggest")).to_contain_text("Support regulation")
        box.press("ArrowDown")
        box.press("Enter")
        page.wait_for_url(re.compile(r"/help/doc/sla.*#s-2-5-2"))
        expect(page.locator("#s-2-5-2")).to_be_in_viewport()

        page = visitor.go("/tickets/new")
        first_aid = page.locator("[data-article-offers] a", has_text="Recover a broken or hacked")
        expect(first_aid).to_be_hidden()  # until it is about a recovery
        page.check('input[name="severity"][value="site-recovery"]')
        expect(first_aid).to_be_visible()
        door.close()
