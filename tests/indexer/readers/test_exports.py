"""Help exports without landmarks: breadcrumbs, titles that name the site first, pages that only
lead on.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from indexer import pipeline
from indexer.pipeline import IndexOptions
from indexer.sources import walk
from kb.search.searcher import Searcher
from tests.indexer.conftest import Read

PAGE = (
    "<html><head><title>{}</title></head><body>{}<h1>Install</h1><p>Do this and then do "
    "that.</p></body></html>"
)


@pytest.mark.parametrize(
    "crumbs",
    [
        '<p>You are here: <a href="a.html">Home</a> &gt; <a href="b.html">Guide</a> &gt; '
        "Install</p>",
        '<div><a href="a.html">Home</a> » Install</div>',
        '<p><a href="a.html">Home</a> / <a href="b.html">Guide</a> / </p>',
    ],
)
def test_the_way_to_a_page_is_no_part_of_it(read: Read, crumbs: str) -> None:
    document = read("doc", "p.html", PAGE.format("Install", crumbs))[0][0]
    assert document.text() == "Do this and then do that."


@pytest.mark.parametrize(
    "sentence",
    [
        '<p>Before you read on, see <a href="a.html">the list</a> > it is long.</p>',
        '<p><a href="a.html">Home</a></p>',
        "<p>First > second</p>",
    ],
)
def test_a_sentence_above_the_heading_stays(read: Read, sentence: str) -> None:
    html = read(
        "doc", "p.html", PAGE.format("Install", sentence), **{"a.html": PAGE.format("A", "")}
    )[0][0].html
    assert html.startswith("<p>")
    assert html.count("<p>") == 2


def test_links_with_arrows_below_the_heading_stay(read: Read) -> None:
    page = PAGE.format("T", "").replace(
        "<p>Do", '<p><a href="/search">Open</a> &gt; Install</p><p>Do'
    )
    assert "Open" in read("doc", "p.html", page)[0][0].html


@pytest.mark.parametrize(
    ("title", "aliases"),
    [
        ("Acme Help - Install", ()),
        ("Install - Acme Help", ()),
        ("Install", ()),
        ("Set it up | Acme Help", ("Set it up",)),
    ],
)
def test_the_name_of_the_site_is_no_name_of_a_page(
    read: Read, title: str, aliases: tuple[str, ...]
) -> None:
    document = read("doc", "p.html", PAGE.format(title, ""))[0][0]
    assert (document.title, document.aliases) == ("Install", aliases)


def test_a_page_that_only_leads_on_leads_on(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "new.html").write_text(PAGE.format("New", ""))
    onward = (
        '<html><head><meta http-equiv="Refresh" content="0; URL={}"></head><body></body></html>'
    )
    (docs / "old.html").write_text(onward.format("new.html#top"))
    (docs / "gone.html").write_text(onward.format("missing.html"))
    order = IndexOptions(
        walk.parse_sources([f"doc={docs}"]), tmp_path / "data", dt.date(2026, 11, 23)
    )
    report = pipeline.run_index(order)
    assert [(finding.source, finding.code) for finding in report.skipped] == [
        ("docs/gone.html", "only-navigation"),
        ("docs/old.html", "redirect-page"),
    ]
    searcher = Searcher(order.data)
    assert searcher.article("doc/old").id == "doc/new"
    (docs / "new.html").write_text(PAGE.format("Newer", ""))
    pipeline.run_index(order)
    assert Searcher(order.data).article("doc/old").id == "doc/new"
