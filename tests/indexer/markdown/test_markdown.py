import datetime as dt
import re

import pytest

from indexer.markdown import flavours, rendering
from indexer.readers.context import ReadContext
from indexer.readers.site_index import SiteIndex
from indexer.sources.walk import SourceFile
from kb.search.documents import DocumentKind
from tests.indexer.conftest import Read, codes


@pytest.fixture
def context(site_index: SiteIndex) -> ReadContext:
    return ReadContext(
        SourceFile(DocumentKind.DOC, "docs", "a.md", 1, 1, "/docs/a.md", "/docs"), site_index
    )


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


def test_all_fields_come_from_the_front_matter(read: Read) -> None:
    text = (
        "---\nuid: Reset-Password\ntitle: Reset\nsummary: How to.\nproduct: portal\nversions: "
        "['2.1', 2.2]\n"
        "audience: Customers\ntags: a, b\naliases: [Forgotten password, "
        "/old/reset.html]\nauthors: [Bob]\nlang: en_US\n"
        "ms.date: 06/09/2017\n---\nText."
    )
    document = read("doc", "x/reset.md", text)[0][0]
    assert (document.id, document.summary, document.product) == (
        "doc/reset-password",
        "How to.",
        "portal",
    )
    assert (document.versions, document.audience, document.tags) == (
        ("2.1", "2.2"),
        "customers",
        ("a", "b"),
    )
    assert (document.aliases, document.authors, document.language) == (
        ("Forgotten password",),
        ("Bob",),
        "en-us",
    )
    assert document.updated == dt.date(2017, 6, 9)
    assert document.extra == {"old_urls": "/old/reset.html"}
    assert document.source == "content/x/reset.md"


def test_titles_that_differ_all_stay_findable(read: Read) -> None:
    text = "---\ntitle: Reset a password\nlinkTitle: Passwords\n---\n# Forgotten password\n\nText."
    document = read("doc", "a.md", text)[0][0]
    assert document.title == "Reset a password"
    assert document.aliases == ("Forgotten password", "Passwords")


@pytest.mark.parametrize(
    ("name", "title"),
    [("reset_my-password.md", "Reset my password"), ("guides/index.md", "Guides")],
)
def test_a_file_without_a_title_is_named_by_its_path(read: Read, name: str, title: str) -> None:
    assert read("doc", name, "Text.")[0][0].title == title


@pytest.mark.parametrize(
    "front",
    ["draft: true", "published: false", "archived: yes", "status: archived", "expiryDate: 2026-11-23",
     "publishDate: 2026-11-24", "draft: [", "audience: [\nx"],
)  # fmt: skip
def test_what_must_not_surface_does_not(read: Read, front: str) -> None:
    documents, findings = read("doc", "a.md", f"---\ntitle: Secret\n{front}\n---\nText.")
    assert documents == []
    assert any(finding.skipped for finding in findings)


def test_broken_front_matter_is_a_finding_and_the_body_is_read(read: Read) -> None:
    documents, findings = read("doc", "a.md", "---\ntitle: a: b\n---\n# Body\n\nText.")
    assert documents[0].title == "Body"
    assert [(finding.code, finding.line, finding.skipped) for finding in findings] == [
        ("invalid-front-matter", 2, False)
    ]


def test_a_day_that_does_not_exist_is_a_finding(read: Read) -> None:
    documents, findings = read("doc", "a.md", "---\ndate: 2024-13-45\n---\nText.")
    assert documents[0].updated is None
    assert [(finding.code, finding.line) for finding in findings] == [("invalid-date", 1)]


def test_an_audience_that_is_not_understood_is_kept_to_staff(read: Read) -> None:
    documents, findings = read("doc", "a.md", "---\naudience: [public, x]\n---\nText.")
    assert documents[0].audience == "staff"
    assert codes(findings) == ["invalid-audience"]


def test_links_lead_to_the_portal(read: Read) -> None:
    text = (
        "[a](other.md#Second-part) [b](../docs/Other.md) [c](#first) [d](https://example.com/) "
        "[e](gone.md) "
        "[f](xref:reset) <xref:reset> [g](javascript:alert(1)) [h](../../../etc/passwd) "
        "[i](mailto:a@example.com)\n\n"
        "## First\n\nx"
    )
    others = {"docs/other.md": "Other.", "deep/uid.md": "---\nuid: reset\ntitle: Reset it\n---\nx"}
    documents, findings = read("doc", "docs/a.md", text, **others)
    html = documents[0].html
    assert 'href="/help/doc/docs/other#s-second-part"' in html
    assert html.count('href="/help/doc/docs/other') == 2
    assert 'href="#s-first"' in html
    assert 'href="https://example.com/"' in html
    assert html.count('href="/help/doc/reset"') == 2
    assert ">Reset it</a>" in html
    assert "javascript" not in html
    assert "passwd" not in html
    assert [(finding.code, finding.target) for finding in findings] == [
        ("link-not-found", "gone.md")
    ]


def test_images_are_copied_under_the_name_of_their_content(read: Read, tmp_path: object) -> None:
    png = b"\x89PNG\r\n\x1a\n" + b"0" * 20
    text = (
        '![A dialog](img/a.png "Title")\n\n![x](img/b.svg) ![y](https://example.com/c.png) '
        "![z](../../x.png)"
    )
    others = {"img/a.png": png, "img/b.svg": b"<svg onload=alert(1)>"}
    documents, findings = read("doc", "a.md", text, **others)
    html = documents[0].html
    assert html.count("<img") == 1
    assert 'src="/media/' in html
    assert 'alt="A dialog"' in html
    assert "A dialog Title" in documents[0].text()
    assert 'href="https://example.com/c.png"' in html
    assert codes(findings) == ["image-format", "image-not-found"]


def test_includes_are_put_in_and_never_leave_the_root(read: Read, root: object) -> None:
    others = {
        "includes/a.md": "---\ntitle: part\n---\nIncluded **text**.",
        "includes/loop.md": "[!INCLUDE [x](loop.md)]",
        "../secret.md": "secret",
    }
    text = (
        "Before.\n\n[!INCLUDE [x](includes/a.md)]\n\n[!INCLUDE [x](../secret.md)]\n\n[!INCLUDE "
        "[y](includes/loop.md)]\n\nAfter."
    )
    documents, findings = read("doc", "a.md", text, **others)
    assert documents[0].text() == "Before.\n\nIncluded text.\n\nAfter."
    includes = [code for code in codes(findings) if code.startswith("include-")]
    assert sorted(includes) == ["include-nesting", "include-not-found"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("> [!NOTE]\n> Careful.", "Note\n\nCareful."),
        (":::warning Mind the gap\nCareful.\n:::", "Mind the gap\n\nCareful."),
        (":::{tip}\nCareful.\n:::", "Tip\n\nCareful."),
        ("```{note}\nCareful.\n```", "Note\n\nCareful."),
        ('!!! note "Mind"\n    Careful.', "Mind\n\nCareful."),
        ('::: moniker range=">=2"\nOnly two.\n::: moniker-end', "Only two."),
        ("# [Linux](#tab/linux)\n\nRun it.", "Linux\n\nRun it."),
        ("{{< new-in 1.2 />}} Text {{% x %}}.", "New in 1.2 Text ."),
        ("{{< code-toggle file=hugo >}}\na = 1\n{{</ code-toggle >}}\nAfter.", "a = 1\n\nAfter."),
        ("```{code-block} python\n:linenos:\nx = 1\n```", "x = 1"),
        ("```{toctree}\na\nb\n```\nText.", "Text."),
        ("{doc}`the guide </a>` and {kbd}`Ctrl`", "the guide and Ctrl"),
        ("import Tabs from '@theme/Tabs';\n\nText.", "Text."),
        ("```\n{{< kept >}} [!NOTE] :::x\n```", "{{< kept >}} [!NOTE] :::x"),
        ("{% raw %}\nText.\n{% endraw %}", "Text."),
    ],
)
def test_every_dialect_becomes_plain_text(read: Read, written: str, expected: str) -> None:
    assert read("doc", "a.md", written)[0][0].text() == expected


def test_nested_containers_keep_their_order(context: ReadContext) -> None:
    text = "::::note\nOne.\n:::{tip}\nTwo.\n:::\nThree.\n::::\nFour."
    lines = [line for line in flavours.to_commonmark(text, context).split("\n") if line.strip("> ")]
    assert lines == ["> **Note**", "> One.", "> > **Tip**", "> > Two.", "> Three.", "Four."]


def test_python_markdowns_own_marks_get_its_engine(context: ReadContext) -> None:
    assert "<details" in rendering.to_html('??? note "More"\n    Hidden.', context)
    assert "<table>" in rendering.to_html("| a | b |\n|---|---|\n| 1 | 2 |", context)
    assert "<li><p>two" in rendering.to_html("1. one\n\n   ```\n   x\n   ```\n2. two", context)


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


@pytest.mark.parametrize(
    ("written", "cells"),
    [
        ("For example:\n| a | b |\n|---|---|\n| 1 | 2 |", ["a", "b", "1", "2"]),
        ("| a | b |\n|---|---|\n| 1 |\n| 2 | 3 | 4 |", ["a", "b", "1", "", "2", "3 4"]),
        ("a | b\n--|--\n`x|y` | z", ["a", "b", "x|y", "z"]),
        ("- item\n\n  | a | b |\n  |---|---|\n  | 1 | 2 |", ["a", "b", "1", "2"]),
        ("> | a | b |\n> |---|---|\n> | 1 | 2 |", ["a", "b", "1", "2"]),
    ],
)
def test_tables_are_read_as_people_write_them(read: Read, written: str, cells: list[str]) -> None:
    html = read("doc", "a.md", written)[0][0].html
    assert re.findall(r"<t[hd][^>]*>(?:<code>)?(.*?)(?:</code>)?</t[hd]>", html) == cells


def test_bars_in_code_are_no_table(read: Read) -> None:
    text = "```\n| a | b |\n|---|---|\n| 1 |\n```"
    assert read("doc", "a.md", text)[0][0].text() == "| a | b |\n|---|---|\n| 1 |"


def test_addresses_of_the_portal_stay_as_they_are(read: Read) -> None:
    html = read(
        "doc",
        "a.md",
        "[file](/tickets/new) [b](/help/doc/b#s-c) [r](/other/site) [h](/) [s](/search?q=x)",
    )[0][0].html
    assert re.findall(r'href="([^"]*)"', html) == [
        "/tickets/new",
        "/help/doc/b#s-c",
        "/",
        "/search?q=x",
    ]
