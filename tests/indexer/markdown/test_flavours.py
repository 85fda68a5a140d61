"""Ways of writing that houses have: what must not be lost on the way, and what visitors must not
see.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.readers.language import detect_language
from tests.indexer.conftest import Read, codes
from tests.indexer.lint.test_lint import _check


def test_a_page_of_hugo_is_linked_by_its_shortcode(read: Read) -> None:
    text = (
        '# A\n\n[there]({{< relref "b.md" >}}) and [here]({{% ref "/sub/c" %}}) and `{{< ref '
        '"b.md" >}}`.\n'
    )
    html = read("doc", "a.md", text, **{"b.md": "# B\n\nB.\n", "sub/c.md": "# C\n\nC.\n"})[0][
        0
    ].html
    assert '<a href="/help/doc/b"' in html
    assert '<a href="/help/doc/sub/c"' in html


def test_a_page_of_jekyll_is_linked_by_its_tag_and_its_code_stays_code(read: Read) -> None:
    text = (
        "# A\n\n[there]({% link sub/b.md %})\n\n{% highlight ruby linenos %}\nputs *1*\n{% "
        "endhighlight %}\n\nEnd.\n"
    )
    document = read("doc", "a.md", text, **{"sub/b.md": "# B\n\nB.\n"})[0][0]
    assert '<a href="/help/doc/sub/b"' in document.html
    assert "puts *1*" in document.html
    assert "{%" not in document.html
    assert "End." in document.html


@pytest.mark.parametrize("name", ["permalink", "slug", "url"])
def test_the_address_that_a_site_gave_a_page_still_leads_to_it(read: Read, name: str) -> None:
    assert read("doc", "a.md", f"---\n{name}: /start/here/\n---\nText.\n")[0][0].extra == {
        "old_urls": "/start/here/"
    }


def test_a_slug_that_is_no_address_is_left_alone(read: Read) -> None:
    assert "old_urls" not in read("doc", "a.md", "---\nslug: here\n---\nText.\n")[0][0].extra


def test_the_tabs_of_docusaurus_keep_their_labels_and_comments_go(read: Read) -> None:
    text = (
        '# A\n\n<Tabs>\n<TabItem value="m" label="macOS">\n\nBrew '
        "it.\n\n</TabItem>\n</Tabs>\n\n{/* a secret */}\n"
    )
    html = read("doc", "a.mdx", text)[0][0].html
    assert "<strong>macOS</strong>" in html
    assert "secret" not in html


@pytest.mark.parametrize(
    ("part", "shown"), [("#L2", "two"), ("#L2-L3", "two\nthree"), ("", "one\ntwo\nthree")]
)
def test_code_of_another_file_is_shown_by_the_lines_that_docfx_names(
    read: Read, part: str, shown: str
) -> None:
    text = f"# A\n\n[!code-csharp[Main](src/a.cs{part})]\n"
    assert (
        f"<code>{shown}\n</code>"
        in read("doc", "a.md", text, **{"src/a.cs": "one\ntwo\nthree\n"})[0][0].html
    )


def test_code_outside_the_tree_is_never_shown(read: Read, tmp_path: Path) -> None:
    (tmp_path / "secret.cs").write_text("secret")
    documents, findings = read("doc", "a.md", "# A\n\nText.\n\n[!code-cs[x](../secret.cs)]\n")
    assert "secret" not in documents[0].html
    assert codes(findings) == ["include-not-found"]


def test_a_part_of_other_pages_is_no_page(read: Read) -> None:
    documents, findings = read(
        "doc", "a.md", "# A\n\n[!INCLUDE [x](_b.md)]\n", **{"_b.md": "Both say it.\n"}
    )
    assert "Both say it." in documents[0].html
    assert [(finding.source, finding.code) for finding in findings] == [
        ("content/_b.md", "part-of-pages")
    ]
    assert read("doc", "_index.md", "# Section\n\nText.\n")[0][0].title == "Section"


def test_a_document_of_sphinx_is_linked_by_its_role(read: Read) -> None:
    pytest.importorskip("docutils")
    text = "Title\n=====\n\nSee :doc:`sub/other` and :doc:`the rest <rest>`.\n"
    others = {"sub/other.rst": "Other\n=====\n\nText.\n", "rest.rst": "Rest\n====\n\nText.\n"}
    html = read("doc", "a.rst", text, **others)[0][0].html
    assert 'href="/help/doc/sub/other"' in html
    assert 'href="/help/doc/rest"' in html
    assert "the rest</a>" in html


def test_questions_that_a_page_tells_machines_only_are_read(read: Read) -> None:
    page = (
        '<html><head><script type="application/ld+json">{"@type": "FAQPage", "mainEntity": '
        '[{"@type": "Question", '
        '"name": "How?", "acceptedAnswer": {"text": '
        '"<p>So.</p>"}}]}</script></head><body><h1>FAQ</h1></body></html>'
    )
    documents, findings = read("doc", "a.html", page)
    assert [(one.kind, one.title, one.text().split()[-1]) for one in documents] == [
        ("faq", "How?", "So.")
    ]
    assert findings == []


def test_front_matter_that_never_ends_is_not_shown(read: Read) -> None:
    documents, findings = read(
        "doc", "a.md", "---\ntitle: Never\ntags:\n- a\n\n# Heading\n\nBody.\n"
    )
    assert (documents[0].title, documents[0].text().split()[-1]) == ("Heading", "Body.")
    assert "title: Never" not in documents[0].html
    assert len(findings) == 1


def test_a_mistyped_audience_shows_nothing_to_anybody_and_is_told(read: Read) -> None:
    documents, findings = read("doc", "a.md", "---\naudience: staf\n---\n# A\n\nText.\n")
    assert documents[0].audience == "staf"
    assert codes(findings) == ["audience-typo"]
    assert read("doc", "b.md", "---\naudience: beta-testers\n---\n# A\n\nText.\n")[1] == []


def test_addresses_in_links_are_mended_or_told(tmp_path: Path, root: Path) -> None:
    text = "# A\n\n[write](help@example.com)\n\n[mail us](http://help@example.com)\n"
    (root / "a.md").write_text(text)
    (root / "latin.md").write_bytes("# Café\n\nDéjà vu.\n".encode("latin-1"))
    issues = _check(tmp_path, root)
    assert [(issue.line, issue.rule) for issue in issues] == [
        (3, "mail"),
        (5, "mail"),
        (0, "encoding"),
    ]


def test_a_language_is_told_by_letters_or_by_small_words() -> None:
    assert detect_language("紙が詰まったときはカバーを開けて紙を取り除いてください。") == "ja"
    assert (
        detect_language(
            "This is what you do when it will not print and the paper is stuck in the tray of the "
            "printer."
        )
        == "en"
    )
    assert detect_language("print paper tray") == ""
