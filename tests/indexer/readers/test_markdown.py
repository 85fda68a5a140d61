"""Markdown articles."""

from __future__ import annotations

import pytest

from tests.indexer.conftest import Read, codes


def test_an_article_is_cut_at_its_headings(read: Read) -> None:
    text = (
        "---\ntitle: Reset\n---\n# Reset\n\nIntro.\n\n## By mail\n\nClick.\n\n### "
        "Again\n\n```\na\n "
        " b\n```\n\n## By phone\n\nCall."
    )
    document = read("doc", "guides/reset.md", text)[0][0]
    assert document.id == "doc/guides/reset"
    assert document.title == "Reset"
    assert [(section.anchor, section.path, section.text) for section in document.sections] == [
        ("", (), "Intro."),
        ("s-by-mail", ("By mail",), "Click."),
        ("s-again", ("By mail", "Again"), "a\n  b"),
        ("s-by-phone", ("By phone",), "Call."),
    ]
    assert all(
        f'id="{section.anchor}"' in document.html for section in document.sections if section.anchor
    )
    assert "<h1" not in document.html


def test_headings_have_unique_anchors_that_last(read: Read) -> None:
    text = (
        "## Notes\n\na\n\n## Notes\n\nb\n\n## Ünïcode & C++ {#own_id}\n\nc\n\n## 2.5.2 "
        "Response\n\nd"
    )
    sections = read("doc", "a.md", text)[0][0].sections
    assert [section.anchor for section in sections] == [
        "s-notes",
        "s-notes-1",
        "s-own_id",
        "s-2-5-2",
    ]
    assert sections[2].path == ("Ünïcode & C++",)


def test_a_page_that_is_only_a_title_can_still_be_found(read: Read) -> None:
    documents, findings = read("doc", "a.md", "---\ntitle: Stub\n---\n")
    assert documents[0].title == "Stub"
    assert codes(findings) == ["no-text-title-only"]
    assert not findings[0].skipped


def test_thirty_thousand_words_are_one_document(read: Read) -> None:
    document = read("doc", "a.md", "# Long\n\n" + "word " * 30_000)[0][0]
    assert len(document.sections[0].text.split()) == 30_000


def test_a_first_heading_that_differs_from_the_title_stays(read: Read) -> None:
    text = "---\ntitle: Rows are missing\n---\n# Issue\n\nRows.\n\n# Resolution\n\nLoad again.\n"
    document = read("doc", "a.md", text)[0][0]
    assert document.title == "Rows are missing"
    assert [section.path for section in document.sections] == [("Issue",), ("Resolution",)]
    assert document.html.count("<h2") == 2
    assert document.aliases == ()


@pytest.mark.parametrize("title", ["Load again", "load again!", "Load again - Shop manual"])
def test_a_first_heading_that_repeats_the_title_is_shown_once(read: Read, title: str) -> None:
    text = f'---\ntitle: "{title}"\n---\n# Load again\n\nText.\n'
    assert "<h2" not in read("doc", "a.md", text)[0][0].html


def test_the_index_page_of_a_section_needs_no_text(read: Read) -> None:
    text = "---\ntitle: Install\nsummary: Install and upgrade.\n---\n"
    documents, findings = read("doc", "install/index.md", text)
    assert documents[0].title == "Install"
    assert findings == []
    assert codes(read("doc", "install/page.md", text)[1]) == ["no-text-title-only"]
