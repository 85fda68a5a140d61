"""The look and the contacts of a site, from its folder to its pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.webapp.world import Browser, build, settings_of

SITE = """\
name = "Acme Support"
tagline = "Help for builders."
logo = "logo.svg"
home = ["contact"]

[hero]
title = "What broke?"

[colours]
accent = "#0b5cad"

[[contacts]]
title = "When this fails"
email = "duty@acme.example"
fallback = true

[[contacts]]
title = "Sales"
phone = "+44 20 5550 0100"
"""


@pytest.fixture
def visitor(folder: Path) -> Browser:
    settings = settings_of(folder)
    (settings.content / "site.toml").write_text(SITE, "utf-8")
    (settings.content / "logo.svg").write_text("<svg/>", "utf-8")
    return build(settings).browser()


def test_pages_show_the_name_the_words_and_the_logo(visitor: Browser) -> None:
    home = visitor.page("/")
    assert "Acme Support" in home
    assert "Help for builders." in home
    assert "What broke?" in home
    assert "kind-cards" not in home
    assert '<svg class="logo"' not in home
    logo = home.split('class="logo" src="')[1].split('"')[0]
    response = visitor.get(logo)
    assert response.status_code == 200
    assert response.mimetype == "image/svg+xml"
    assert "immutable" in response.headers["Cache-Control"]
    assert "sandbox" in response.headers["Content-Security-Policy"]


def test_the_colours_are_a_style_sheet(visitor: Browser) -> None:
    address = visitor.page("/").split('href="/site/colours.css')[1].split('"')[0]
    response = visitor.get(f"/site/colours.css{address}")
    assert response.mimetype == "text/css"
    assert "#0b5cad" in response.get_data(as_text=True)


def test_a_broken_page_names_whom_to_reach(visitor: Browser) -> None:
    page = visitor.get("/nowhere").get_data(as_text=True)
    assert "mailto:duty@acme.example" in page
    assert "Sales" not in page
    assert "Sales" in visitor.page("/contact")
