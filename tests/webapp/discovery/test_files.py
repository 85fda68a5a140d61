"""Files that machines look for, judged by their schemas and by the pages that they name."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path

import pytest
from lxml import etree
from PIL import Image

from tests.webapp.discovery.values import texts
from tests.webapp.world import MONDAY, Browser, Portal, build, document, publish, settings_of
from webapp.discovery import files

SCHEMA = Path(__file__).parent / "schemas" / "sitemap.xsd"
SITEMAP = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9"}


def sitemap(browser: Browser, path: str = "/sitemap.xml") -> etree._Element:
    answer = browser.get(path)
    assert answer.status_code == 200
    root = etree.fromstring(answer.get_data())
    etree.XMLSchema(etree.parse(str(SCHEMA))).assertValid(root)
    return root


def addresses(root: etree._Element) -> list[str]:
    return texts(root, "//s:loc/text()", SITEMAP)


def test_every_page_of_the_sitemap_is_the_one_that_it_names_as_canonical(anyone: Browser) -> None:
    named = addresses(sitemap(anyone))
    assert len(set(named)) == len(named)
    assert "http://localhost/help/doc/jam" in named
    assert not any("secret" in each for each in named)
    for address in named:
        page = anyone.get(address.removeprefix("http://localhost"))
        assert page.status_code == 200
        assert f'<link rel="canonical" href="{address}">' in page.get_data(as_text=True)
        assert "noindex" not in page.get_data(as_text=True)


def test_a_document_tells_when_it_changed(anyone: Browser) -> None:
    root = sitemap(anyone)
    path = "//s:url[s:loc='http://localhost/help/doc/jam']/s:lastmod/text()"
    assert texts(root, path, SITEMAP) == ["2026-11-01"]


def test_many_documents_are_in_several_sitemaps(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anyone = build(settings_of(folder)).browser()
    whole = addresses(sitemap(anyone))
    monkeypatch.setattr(files, "SITEMAP_PAGE", 2)
    anyone = build(settings_of(folder)).browser()  # which has kept no other answer
    parts = addresses(sitemap(anyone))
    assert parts == [f"http://localhost/sitemap-{number}.xml" for number in (1, 2, 3)]
    listed = [
        address
        for part in parts
        for address in addresses(sitemap(anyone, part.removeprefix("http://localhost")))
    ]
    assert sorted(listed) == sorted(whole)
    assert anyone.get("/sitemap-4.xml").status_code == 404
    assert anyone.get("/sitemap-0.xml").status_code == 404


def test_letters_of_every_script_are_escaped_in_addresses(folder: Path) -> None:
    publish(folder / "data", (document("tür", "Tür", ("", "", "Auf.")),))
    named = addresses(sitemap(build(settings_of(folder)).browser()))
    assert "http://localhost/help/doc/t%C3%BCr" in named


def test_a_form_and_a_search_are_for_no_index(anyone: Browser) -> None:
    for path in ("/tickets/new", "/search?q=paper", "/sign-in", "/nope"):
        page = anyone.get(path).get_data(as_text=True)
        assert '<meta name="robots" content="noindex">' in page
        assert 'rel="canonical"' not in page


def test_the_address_to_remember_has_no_more_than_the_page_number(anyone: Browser) -> None:
    page = anyone.page("/help/doc/jam?voted=yes&utm_source=x")
    assert '<link rel="canonical" href="http://localhost/help/doc/jam">' in page
    assert '<link rel="canonical" href="http://localhost/faq">' in anyone.page("/faq?page=1")


def test_robots_are_told_of_the_sitemap_below_the_path(folder: Path) -> None:
    portal = build(settings_of(folder, base_url="http://localhost/support"))
    robots = portal.browser().get("/support/robots.txt").get_data(as_text=True)
    assert "Disallow: /support/tickets\n" in robots
    assert "Sitemap: http://localhost/support/sitemap.xml\n" in robots
    whole = portal.browser().get("/support/sitemap.xml").get_data(as_text=True)
    assert "<loc>http://localhost/support/help/doc/jam</loc>" in whole


def test_language_models_find_each_article_as_markdown(anyone: Browser) -> None:
    text = anyone.get("/llms.txt").get_data(as_text=True)
    title, _, quote, *_ = text.splitlines()
    assert title.startswith("# ")
    assert quote.startswith("> ")
    assert "(http://localhost/help/doc/jam.md): What to do when paper is stuck." in text
    assert "zephyrion" not in text.lower()
    named = [line.split("](")[1].split(")")[0] for line in text.splitlines() if "](" in line]
    for address in named:
        answer = anyone.get(address.removeprefix("http://localhost"))
        assert (answer.status_code, answer.mimetype) == (200, "text/markdown")


def test_of_many_documents_language_models_are_told_the_lists(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LLMS_DOCUMENTS", 0)
    text = build(settings_of(folder)).browser().get("/llms.txt").get_data(as_text=True)
    assert "(http://localhost/faq)" in text
    assert "(http://localhost/docs)" in text
    assert ".md)" not in text


def test_a_browser_can_add_the_search(anyone: Browser) -> None:
    root = etree.fromstring(anyone.get("/opensearch.xml").get_data())
    names = {"o": "http://a9.com/-/spec/opensearch/1.1/"}
    [name] = texts(root, "o:ShortName/text()", names)
    assert len(name) <= 16
    [template] = texts(root, "o:Url[@type='text/html']/@template", names)
    assert template == "http://localhost/search?q={searchTerms}"
    assert anyone.get(template.replace("{searchTerms}", "paper")).status_code == 200


def test_vulnerabilities_have_a_contact_where_the_site_names_one(
    folder: Path, portal: Portal
) -> None:
    assert portal.browser().get("/.well-known/security.txt").status_code == 404
    settings = settings_of(folder)
    (folder / "content" / "site.toml").write_text(
        'name = "Press"\nsecurity_contact = "security@example.com"\n'
    )
    text = build(settings).browser().get("/.well-known/security.txt").get_data(as_text=True)
    fields = dict(line.split(": ", 1) for line in text.splitlines())
    assert fields["Contact"] == "mailto:security@example.com"
    expires = dt.datetime.fromisoformat(fields["Expires"])
    assert dt.timedelta(days=30) < expires - MONDAY < dt.timedelta(days=365)
    assert fields["Canonical"] == "http://localhost/.well-known/security.txt"


def test_there_is_an_icon_where_programs_look_for_one(anyone: Browser) -> None:
    answer = anyone.get("/favicon.ico")
    assert Image.open(io.BytesIO(answer.get_data())).format == "ICO"
    assert answer.headers["Cache-Control"].startswith("public")
