"""Access marks: what sounds like a restriction closes a page, what plainly opens it does not."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.readers.access import access_marks, page_audience
from tests.indexer.conftest import TODAY, Read, codes

CLOSING = (
    "Zielgruppe: intern", "Sichtbarkeit: Mitarbeiter", "zone: vertraulich", "visibilité: équipe",
    "audiance: staff", "audiences: staff", "visibility: private", "private: true", "access: staff",
    "hidden: true", "internal: true", "unlisted: true", "groups: [staff]", "permissions: [staff]",
    "audience: ''", "audience:", "headless: true", "_build: {list: never}", "search: false",
    "robots: noindex", "robots: none", "noindex: true", "accessLevel: internal",
    "access-level: internal", "publised: false", "status: internal", "search: {exclude: true}",
    "search_exclude: true", "robotsNoIndex: true", "params: {audience: staff}",
    "user_segment_id: 360", "hide: true", "restricted: yes", "publish_on: 2030-01-01",
    "expiration_date: 2020-01-01", "daft: true", "draft: maybe", "visible: false", "public: false",
    "private:", "groups: []", "roles: [public, staff]", "login_required: true",
    "reader: bob", "readers: [ops]", "scope: staff", "for: staff", "show: false", "exclude: true",
    "shown_to: [employees]", "extra: [{visibility: team}]", "classification: confidential",
    "acl: team",
)  # fmt: skip

OPENING = (
    "private: false", "visibility: public", "hidden: no", "access: everyone", "public: true",
    "unlisted: false", "groups: [public]", "search: {boost: 2}", "search: true",
    "robots: 'index, follow'", "robots: max-image-preview:large", "_build: {render: always}",
    "hide: [toc, navigation]", "nav_exclude: true", "publisher: Example", "user_segment_id: null",
    "permission_group_id: 7", "published_at: 2020-01-01", "expiration_date: 2030-01-01",
    "sitemap: {priority: 0.5}", "hide_title: true", "published: 2020-01-01", "draft: false",
    "editors: [Ada]", "interval: 5", "share: true", "sidebar_label: Private", "status: stable",
    "author: staff", "layout: staff", "show: true", "exclude: [drafts]", "scope: portal",
)  # fmt: skip


@pytest.mark.parametrize("mark", CLOSING)
def test_what_sounds_like_access_keeps_a_page_to_staff(read: Read, mark: str) -> None:
    ((document,), findings) = read("doc", "a.md", f"---\ntitle: A\n{mark}\n---\nText.")
    assert document.audience == "staff"
    ((code, line),) = {(finding.code, finding.line) for finding in findings}
    assert (code, line) == ("access-mark", 3)


@pytest.mark.parametrize("mark", OPENING)
def test_a_mark_that_plainly_opens_changes_nothing(read: Read, mark: str) -> None:
    ((document,), findings) = read("doc", "a.md", f"---\ntitle: A\n{mark}\n---\nText.")
    assert (document.audience, codes(findings)) == ("public", [])


@pytest.mark.parametrize(
    ("text", "audience"),
    [
        ('{"audience": "staff"}\n\nText.', "staff"),
        ('{\n  "title": "A",\n  "private": true\n}\n\nText.', "staff"),
        ('{"title": "A", "tags": ["x"], "weight": null}\nText.', "public"),
        ('---json\n{"title": "A", "audience": "staff"}\n---\nText.', "staff"),
        ('---json\n{"title": "A", "tags": ["x"]}\n---\nText.', "public"),
        ('---toml\ntitle = "A"\nprivate = true\n---\nText.', "staff"),
        ('---yaml\ntitle: "A"\naudience: "customers"\n---\nText.', "customers"),
        ("{{< note >}}\n\nText.", "public"),
        ("{% raw %}\n\nText.", "public"),
    ],
)
def test_json_front_matter_is_read(read: Read, text: str, audience: str) -> None:
    ((document,), _) = read("doc", "a.md", text)
    assert document.audience == audience
    assert '"' not in document.text()


@pytest.mark.parametrize(
    "text",
    [
        '{\n  "audience": "staff",\n}\n\nText.',
        '{"audience": "staff"\n\nText.',
        '{"audience": "staff", "Audience": "public"}\n\nText.',
        '{\n  "internal": True\n}\n\nText.',
        '---json\n{"audience": "staff",}\n---\nText.',
    ],
)
def test_broken_json_that_may_restrict_is_not_published(read: Read, text: str) -> None:
    documents, findings = read("doc", "a.md", text)
    assert documents == []
    assert codes(findings) == ["invalid-front-matter", "unclear-visibility"]


def test_an_access_mark_in_broken_front_matter_is_not_published(read: Read) -> None:
    documents, findings = read("doc", "a.md", "---\nvisibility: private\ntitle: [\n---\nText.")
    assert documents == []
    assert codes(findings) == ["invalid-front-matter", "unclear-visibility"]


@pytest.mark.parametrize("name", ["robots", "audiance", "visibility"])
def test_a_mark_in_the_head_of_a_page_closes_it(read: Read, name: str) -> None:
    page = f'<html><head><meta name="{name}" content="noindex"></head><body><p>Text.</p></body>'
    ((document,), findings) = read("doc", "a.html", page)
    assert (document.audience, codes(findings)) == ("staff", ["access-mark"])


def test_a_field_list_does_not_lift_what_front_matter_restricts(read: Read) -> None:
    page = "---\naudience: staff\n---\n\nTitle\n=====\n\n:author: Ada\n\nText.\n"
    ((document,), _) = read("doc", "a.rst", page)
    assert document.audience == "staff"


def test_a_part_with_an_access_mark_is_not_included_in_a_public_page(read: Read) -> None:
    part = "---\nvisibility: private\n---\nSecret words."
    page = "# A\n\nText.\n\n[!INCLUDE [p](_part.md)]\n"
    ((document,), findings) = read("doc", "a.md", page, **{"_part.md": part})
    assert "Secret" not in document.text()
    assert "include-restricted" in codes(findings)


def test_our_own_drafts_are_no_marks() -> None:
    assert list(access_marks({"audience": "partners", "title": "T"}, TODAY)) == []
    assert page_audience({"Audience": "Partners"}, "public", TODAY) == "partners"
    assert page_audience({}, "customers", TODAY) == "customers"
    assert page_audience({"audience": "public"}, "staff", TODAY) == "public"


VALUES = st.recursive(
    st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=12), VALUES, max_size=4))
def test_any_values_have_an_audience(values: dict[str, object]) -> None:
    assert page_audience(values, "public", dt.date(2026, 1, 1))


def test_a_part_that_is_also_a_file_elsewhere_is_not_included(
    read: Read, root: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret.md").write_text("Secret words.")
    os.link(tmp_path / "secret.md", root / "_part.md")
    ((document,), findings) = read("doc", "a.md", "# A\n\nText.\n\n[!INCLUDE [p](_part.md)]\n")
    assert "Secret" not in document.text()
    assert codes(findings)[-1] == "include-not-found"
