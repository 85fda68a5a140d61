"""Finding and reading an answer."""

from __future__ import annotations

import datetime as dt
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.pipeline import IndexOptions
from indexer.sources import walk
from kb.search.documents import DocumentKind
from tests.indexing import run_index
from tests.webapp.world import (
    MONDAY,
    Browser,
    Portal,
    build,
    data_values,
    document,
    number_of,
    publish,
    same_for,
    settings_of,
    ticket,
)


def test_the_home_page_searches_first_and_shows_what_there_is(anyone: Browser) -> None:
    page = anyone.page("/")
    assert 'name="q"' in page
    assert "Clear a paper jam" in page
    assert data_values(page, "count") == ["3", "1", "1"]


def test_a_result_links_to_its_passage_below_the_heading(anyone: Browser) -> None:
    page = anyone.page("/search?q=jammed+paper")
    assert '<a href="/help/doc/jam#pull:~:text=' in page
    assert "<mark>jammed</mark>" in page


def test_results_are_filtered_by_kind_product_and_version(anyone: Browser) -> None:
    assert "The press is noisy" in anyone.page("/search?q=press+cover&kind=forum")
    assert "Clear a paper jam" not in anyone.page("/search?q=press+cover&kind=forum")
    assert "Clean the still" not in anyone.page("/search?q=open+clean&product=press")
    assert "Change the ink" not in anyone.page("/search?q=open&version=2.0")


def test_facets_keep_the_query_and_name_the_chosen_value(anyone: Browser) -> None:
    page = anyone.page("/search?q=open&product=press")
    assert 'href="/search?q=open&amp;product=press" aria-current="true"' in page
    assert 'href="/search?q=open"' in page


def test_each_result_says_of_when_it_is(anyone: Browser) -> None:
    assert 'Updated <time datetime="2026-11-01">1 November 2026</time>' in anyone.page(
        "/search?q=paper&sort=date"
    )


def test_a_result_list_without_filters_leaves_no_gap_for_them(anyone: Browser) -> None:
    assert 'class="results-grid no-facets"' in anyone.page("/search?q=qqzzxx")
    assert 'class="results-grid"' in anyone.page("/search?q=qqzzxx&kind=faq")
    assert 'class="results-grid"' in anyone.page("/search?q=paper")


def test_a_misspelt_word_is_asked_about(portal: Portal, anyone: Browser) -> None:
    answer = portal.centre.searcher.search("cartrige")
    page = anyone.page("/search?q=cartrige")
    assert answer.did_you_mean == "cartridge"
    assert 'href="/search?q=cartridge"' in page


def test_an_empty_result_leads_on_to_the_ticket_form_with_the_title(anyone: Browser) -> None:
    page = anyone.page("/search?q=qqzzxx+yyvv")
    assert "search without operators" not in page
    assert 'href="/tickets/new?title=qqzzxx+yyvv"' in page
    assert 'value="qqzzxx yyvv"' in anyone.page("/tickets/new?title=qqzzxx+yyvv")


def test_an_empty_result_of_operators_offers_to_search_without_them(anyone: Browser) -> None:
    path = "/search?q=%22jam+paper%22+-urgent"
    assert f'or <a href="{path}&amp;operators=0">search without operators</a>' in anyone.page(path)
    page = anyone.page(f"{path}&operators=0")
    assert "Clear a paper jam" in page
    assert "search without operators" not in page


def test_results_are_paged_and_a_page_that_is_none_is_refused(folder: Path) -> None:
    many = tuple(document(f"n{n:03}", f"Paper number {n}", ("", "", "Paper.")) for n in range(25))
    shutil.rmtree(folder / "data" / "index")
    publish(folder / "data", many)
    browser = build(settings_of(folder)).browser()
    page = browser.page("/search?q=paper&page=2")
    assert data_values(page, "page") == ["2"]
    assert data_values(page, "pages") == ["3"]
    assert 'rel="next"' in page
    assert 'rel="prev"' in page
    for wrong in ("0", "-1", "x", "1e3", "99999999999999999999", "٣"):
        assert browser.get(f"/search?q=paper&page={wrong}").status_code == 422


def test_results_are_ordered_by_date_and_language_on_request(folder: Path) -> None:
    moves = (
        replace(
            document("old", "Move house", ("", "", "Pack the house."), language="en"),
            updated=dt.date(2020, 1, 1),
        ),
        document("umzug", "Move house", ("", "", "Pack a box."), language="de"),
    )
    shutil.rmtree(folder / "data" / "index")
    publish(folder / "data", moves)
    browser = build(settings_of(folder)).browser()

    def first(address: str, speaks: str = "") -> str:
        answer = browser.get(f"/api/v1/{address}", headers={"Accept-Language": speaks}).json
        assert answer
        return str((answer.get("results") or answer["suggestions"])[0]["id"])

    assert first("search?q=move+house&sort=date") == "doc/umzug"
    assert first("search?q=move+house", "de-AT,en;q=0.5") == "doc/umzug"
    assert first("search?q=move+house&language=en", "de") == "doc/old"
    assert first("suggest?q=move+hou", "de") == "doc/umzug"
    assert 'sort=date" aria-current="true"' in browser.page("/search?q=move+house&sort=date")
    refused = browser.get("/api/v1/search?q=move+house&sort=votes")
    assert refused.status_code == 422
    assert refused.json
    assert set(refused.json["fields"]) == {"sort"}


def test_an_article_has_contents_crumbs_date_and_related_pages(anyone: Browser) -> None:
    page = anyone.page("/help/doc/jam")
    assert 'aria-label="Breadcrumb"' in page
    assert '<a href="#pull">Pull the paper</a>' in page
    assert "1 November 2026" in page
    assert 'action="/feedback"' in page
    assert "What to do when paper is stuck." in page
    assert "Change the ink" in page  # related


def test_an_old_id_leads_to_the_document_and_keeps_the_question(anyone: Browser) -> None:
    response = anyone.get("/help/doc/paper-jam?fragment=1")
    assert response.status_code == 301
    assert response.headers["Location"] == "/help/doc/jam?fragment=1"


def test_a_fragment_is_the_article_alone(anyone: Browser) -> None:
    page = anyone.page("/help/doc/jam?fragment=1")
    assert "Pull the paper" in page
    assert "<html" not in page
    assert "<script" not in page


def test_a_hidden_article_is_answered_like_one_that_does_not_exist(
    anyone: Browser, bob: Browser
) -> None:
    hidden, absent = anyone.get("/help/doc/secret"), anyone.get("/help/doc/nowhere")
    assert hidden.status_code == absent.status_code == 404
    assert same_for(hidden, "secret") == same_for(absent, "nowhere")
    assert "zephyrion" in bob.page("/help/doc/secret")
    assert "zephyrion" not in anyone.page("/search?q=zephyrio").replace("zephyrio<", "")


@pytest.mark.parametrize(
    ("place", "title"), [("docs", "Clear a paper jam"), ("faq", "password"), ("forum", "noisy")]
)
def test_a_listing_shows_all_of_its_kind(anyone: Browser, place: str, title: str) -> None:
    assert title in anyone.page(f"/{place}")
    assert anyone.get(f"/{place}?page=7").status_code == 404


def test_a_vote_is_counted_once_for_each_reader(portal: Portal, anyone: Browser) -> None:
    for answer in ("yes", "no", "no"):
        response = anyone.post("/feedback", {"document": "doc/jam", "helpful": answer})
        assert response.status_code == 303
    assert portal.centre.deflection.votes("doc/jam") == (0, 1)
    assert data_values(anyone.page(response.headers["Location"].split("#")[0]), "voted") == [""]


def test_a_vote_that_is_none_or_on_nothing_is_refused(anyone: Browser) -> None:
    assert anyone.post("/feedback", {"document": "doc/jam", "helpful": "maybe"}).status_code == 422
    reason = {"document": "doc/jam", "helpful": "no", "reason": "x" * 501}
    assert anyone.post("/feedback", reason).status_code == 422
    assert anyone.post("/feedback", {"document": "doc/secret", "helpful": "yes"}).status_code == 404


def test_titles_and_queries_are_shown_as_text(folder: Path) -> None:
    bad = '<script>alert("x")</script>'
    shutil.rmtree(folder / "data" / "index")
    publish(
        folder / "data",
        (document("bad", f"Bad {bad} title", ("", "", f"Text {bad} here"), kind=DocumentKind.DOC),),
    )
    browser = build(settings_of(folder)).browser()
    for path in (
        "/search?q=%3Cscript%3Ealert(%22x%22)",
        "/search?q=bad+title",
        "/docs",
        "/",
        "/help/doc/bad",
    ):
        page = browser.page(path).split('<div class="prose"')[0]
        assert "<script>alert" not in page, path


def test_a_picture_is_for_those_who_may_see_an_article_that_shows_it(folder: Path) -> None:
    media, docs = folder / "data" / "media", folder / "pictured"
    docs.mkdir()
    data = {name: b"\x89PNG\r\n\x1a\n" + name.encode() for name in ("open", "shut", "both")}
    for name, content in data.items():
        (docs / f"{name}.png").write_bytes(content)
    (docs / "a.md").write_text("# A\n\nText. ![open](open.png) ![both](both.png)")
    (docs / "b.md").write_text(
        "---\naudience: staff\n---\n# B\n\nText. ![shut](shut.png) ![both](both.png)"
    )
    run_index(IndexOptions(walk.parse_sources([f"doc={docs}"]), folder / "data", MONDAY.date()))
    names = {
        name: path.name
        for path in media.iterdir()
        for name, content in data.items()
        if path.read_bytes() == content
    }
    (media / "0123456789abcdef.png").write_bytes(data["open"])
    (media / "notes.txt").write_text("no picture")

    portal = build(settings_of(folder))
    anyone, bob = portal.browser(), portal.browser("bob")
    picture = anyone.get(f"/media/{names['open']}")
    assert (picture.status_code, picture.mimetype) == (200, "image/png")
    assert "max-age" in picture.headers["Cache-Control"]
    assert "sandbox" in picture.headers["Content-Security-Policy"]
    assert anyone.get(f"/media/{names['both']}").status_code == 200
    assert anyone.get(f"/media/{names['shut']}").status_code == 404
    shut = bob.get(f"/media/{names['shut']}")
    assert shut.status_code == 200
    assert shut.headers["Cache-Control"] == "private, no-cache"
    for path in (
        "/media/0123456789abcdef.png",  # no article shows it
        "/media/notes.txt",
        "/media/none.png",
        "/media/../secret.key",
        "/media/%2e%2e/secret.key",
    ):
        assert (anyone.get(path).status_code, bob.get(path).status_code) == (404, 404)


def test_without_an_index_the_pages_say_so_and_lead_to_the_form(folder: Path) -> None:
    shutil.rmtree(folder / "data" / "index")
    portal = build(settings_of(folder))
    browser, bob = portal.browser(), portal.browser("bob")
    for path in ("/", "/search?q=paper"):
        page = browser.page(path)
        assert 'role="status"' in page
        assert "/tickets/new" in page
        assert "kb index" not in page
        assert "kb index" in bob.page(path)
    assert browser.get("/docs").status_code == 503


def test_texts_say_their_language_and_run_in_its_direction(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    arabic = document("ar", "إعادة تعيين كلمة المرور", ("", "", "افتح الصفحة."), language="ar")
    unknown = document("x", "صفحة", ("", "", "نص آخر."))
    publish(settings.data, (arabic, unknown))
    anyone = build(settings).browser()

    for address in ("/help/doc/ar", "/help/doc/ar?fragment=1", "/search?q=كلمة+المرور", "/docs"):
        assert 'lang="ar" dir="rtl"' in anyone.page(address), address
    assert '<div class="prose" dir="auto">' in anyone.page("/help/doc/x")
    answer = anyone.get("/api/v1/search?q=كلمة+المرور").get_json()
    assert [hit["language"] for hit in answer["results"]] == ["ar"]


def test_a_ticket_runs_in_the_direction_of_its_words(alice: Browser) -> None:
    filed = alice.post("/tickets", ticket(title="الطابعة لا تعمل", description="ظهر خطأ"))
    page = alice.page(f"/tickets/{number_of(filed)}")
    assert 'dir="auto">الطابعة لا تعمل' in page
    assert '<div class="words" dir="auto"><p>ظهر خطأ' in page
