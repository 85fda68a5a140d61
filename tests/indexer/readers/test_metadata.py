"""What front matter says about a document, and what keeps a page unpublished."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.indexer.conftest import Read, codes


@pytest.mark.parametrize("name", ["permalink", "slug", "url"])
def test_the_address_that_a_site_gave_a_page_is_an_old_url(read: Read, name: str) -> None:
    assert read("doc", "a.md", f"---\n{name}: /start/here/\n---\nText.\n")[0][0].extra == {
        "old_urls": "/start/here/"
    }


def test_a_slug_that_is_not_an_address_is_ignored(read: Read) -> None:
    assert "old_urls" not in read("doc", "a.md", "---\nslug: here\n---\nText.\n")[0][0].extra


def test_unclosed_front_matter_is_not_shown(read: Read) -> None:
    documents, findings = read(
        "doc", "a.md", "---\ntitle: Never\ntags:\n- a\n\n# Heading\n\nBody.\n"
    )
    assert (documents[0].title, documents[0].text().split()[-1]) == ("Heading", "Body.")
    assert "title: Never" not in documents[0].html
    assert len(findings) == 1


def test_a_mistyped_audience_is_a_group_of_its_own_and_reported(read: Read) -> None:
    documents, findings = read("doc", "a.md", "---\naudience: staf\n---\n# A\n\nText.\n")
    assert documents[0].audience == "staf"
    assert codes(findings) == ["audience-typo"]
    assert read("doc", "b.md", "---\naudience: beta-testers\n---\n# A\n\nText.\n")[1] == []


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
    assert document.aliases == ("Passwords",)
    assert document.sections[0].path == ("Forgotten password",)


@pytest.mark.parametrize(
    ("name", "title"),
    [("reset_my-password.md", "Reset my password"), ("guides/index.md", "Guides")],
)
def test_a_file_without_a_title_is_named_by_its_path(read: Read, name: str, title: str) -> None:
    assert read("doc", name, "Text.")[0][0].title == title


@pytest.mark.parametrize(
    "front",
    [
        "draft: true",
        "published: false",
        "archived: yes",
        "status: archived",
        "expiryDate: 2026-11-23",
        "publishDate: 2026-11-24",
        "draft: [",
        "audience: [\nx",
    ],
)
def test_drafts_archived_and_expired_pages_are_not_published(read: Read, front: str) -> None:
    documents, findings = read("doc", "a.md", f"---\ntitle: Secret\n{front}\n---\nText.")
    assert documents == []
    assert any(finding.skipped for finding in findings)


def test_broken_front_matter_is_a_finding_and_the_body_is_read(read: Read) -> None:
    documents, findings = read("doc", "a.md", "---\ntitle: a: b\n---\n# Body\n\nText.")
    assert documents[0].title == "Body"
    assert [(finding.code, finding.line, finding.skipped) for finding in findings] == [
        ("invalid-front-matter", 2, False)
    ]


def test_an_invalid_date_is_a_finding(read: Read) -> None:
    documents, findings = read("doc", "a.md", "---\ndate: 2024-13-45\n---\nText.")
    assert documents[0].updated is None
    assert [(finding.code, finding.line) for finding in findings] == [("invalid-date", 1)]


@pytest.mark.parametrize("name", ["order", "weight", "nav_order", "sidebar_position"])
def test_a_page_says_where_it_is_listed(read: Read, name: str) -> None:
    front = f"---\n{name}: -2.5\nfeatured: true\ncontents: [b.md, a]\n---\n"
    documents, findings = read("doc", "x/07-index.md", f"{front}Text.\n")
    place = documents[0].place
    assert (place.path, place.order, place.featured) == ("x/07-index.md", -2.5, True)
    assert (place.contents, findings) == (("b.md", "a"), [])


@pytest.mark.parametrize("order", ["first", "1e9", "nan", "1" * 400])
def test_an_order_that_is_no_number_is_a_finding(read: Read, order: str) -> None:
    documents, findings = read("doc", "07-a.md", f"---\ntitle: A\norder: {order}\n---\nText.\n")
    assert documents[0].place.order == 7
    assert [(finding.code, finding.line) for finding in findings] == [("invalid-order", 3)]


def test_a_page_with_an_invalid_audience_is_for_staff_only(read: Read) -> None:
    documents, findings = read("doc", "a.md", "---\naudience: [public, x]\n---\nText.")
    assert documents[0].audience == "staff"
    assert codes(findings) == ["invalid-audience"]


SLIPS = {
    "never closed": "---\ntitle: S\naudience: staff\n\n# S\n\nSecret words.\n",
    "a comment first": "---\n# who may see it\naudience: staff\n\nSecret words.\n",
    "quoted key, broken": '---\n"audience": staff\ntitle: [\n---\n\nSecret words.\n',
    "said twice": "---\naudience: staff\naudience: public\n---\n\nSecret words.\n",
    "draft, broken": "---\ndraft: true\ntitle: [\n---\n\nSecret words.\n",
}


@pytest.mark.parametrize("slip", SLIPS.values(), ids=SLIPS)
def test_a_page_with_unclear_visibility_is_not_published(read: Read, slip: str) -> None:
    documents, findings = read("doc", "a.md", slip)
    assert documents == []
    assert codes(findings) == ["invalid-front-matter", "unclear-visibility"]


def test_front_matter_above_html_is_obeyed(read: Read) -> None:
    main = "<main><h1>Runbook</h1><p>Secret words.</p></main>"
    page = f"---\naudience: staff\ntitle: Runbook\n---\n<html><body>{main}</body></html>"
    ((document,), _) = read("doc", "a.html", page)
    assert document.audience == "staff"
    assert "audience" not in document.text()
    assert read("doc", "b.html", page.replace("audience: staff", "draft: true"))[0] == []


@pytest.mark.parametrize("name", ["formerly", "formerly_known_as", "previously", "renamed_from"])
def test_a_former_name_stays_findable(read: Read, name: str) -> None:
    document = read(
        "doc", "a.md", f"---\n{name}: Web console\nms.topic: how-to\n---\n# Portal\n\nText."
    )[0][0]
    assert document.aliases == ("Web console",)
    assert document.extra["type"] == "how-to"


def test_hugo_and_jekyll_aliases_are_old_addresses(read: Read) -> None:
    hugo = read("doc", "a.md", '+++\ntitle = "A"\naliases = ["/old/", "/older/page"]\n+++\nText.')[
        0
    ][0]
    jekyll = read("doc", "b.md", "---\nredirect_from: /legacy.html\n---\n# B\n\nText.")[0][0]
    assert hugo.extra["old_urls"].split("\n") == ["/old/", "/older/page"]
    assert jekyll.extra["old_urls"] == "/legacy.html"
