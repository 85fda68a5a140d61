# ruff: noqa: E501 - samples are easier to read in one line
"""HTML pages of manuals, help exports, and sites."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from indexer.pipeline import IndexOptions
from indexer.sources import walk
from kb.search.searcher import Searcher
from tests.indexer.conftest import Read
from tests.indexing import run_index


def test_asciidoctor_pages_lose_their_frame_and_keep_their_callouts(read: Read) -> None:
    page = (
        '<html><head><title>Install</title></head><body class="article"><div id="header"><h1>Install</h1><div '
        'class="details"><span class="author">Alice</span></div><div id="toc" class="toc"><ul><li><a '
        'href="#_a">A</a></li></ul></div></div><div id="content"><div class="sect1"><h2 id="_on_linux">On Linux</h2><div '
        'class="sectionbody"><div class="paragraph"><p>' + "Use the package. " * 10 + '</p></div><div '
        'class="admonitionblock note"><table><tr><td class="icon"><div class="title">Note</div></td><td class="content">Mind '
        'the gap.</td></tr></table></div></div></div></div><div id="footer"><div id="footer-text">Last updated '
        "2026</div></div></body></html>"
    )  # fmt: skip
    document = read("doc", "a.html", page)[0][0]
    assert document.title == "Install"
    assert [section.path for section in document.sections] == [("On Linux",)]
    assert "Last updated" not in document.text()
    assert "Mind the gap." in document.text()
    assert "callout note" in document.html


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
def test_breadcrumbs_are_not_part_of_a_page(read: Read, crumbs: str) -> None:
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
def test_the_name_of_the_site_is_not_part_of_a_title(
    read: Read, title: str, aliases: tuple[str, ...]
) -> None:
    document = read("doc", "p.html", PAGE.format(title, ""))[0][0]
    assert (document.title, document.aliases) == ("Install", aliases)


def test_a_redirect_page_becomes_an_alias(tmp_path: Path) -> None:
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
    report = run_index(order)
    assert [(finding.source, finding.code) for finding in report.skipped] == [
        ("docs/gone.html", "only-navigation"),
        ("docs/old.html", "redirect-page"),
    ]
    searcher = Searcher(order.data)
    assert searcher.article("doc/old").id == "doc/new"
    (docs / "new.html").write_text(PAGE.format("Newer", ""))
    run_index(order)
    assert Searcher(order.data).article("doc/old").id == "doc/new"
