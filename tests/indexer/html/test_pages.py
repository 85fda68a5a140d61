import gzip

import pytest

from indexer.html import boilerplate, plaintext, tree
from tests.indexer.conftest import Read, codes

_PAGE = """<?xml version="1.0" encoding="ISO-8859-1"?><!DOCTYPE html><html lang="de"><head>
<title>{title} — Manual</title>
<meta name="description" content="About {title}"><link rel="next" href="next.html"></head><body>
<div class="navheader"><a href="index.html">Home</a></div>
<p>Our manual, edition 3</p><p><a href="index.html">All chapters</a></p>
<div class="sect1" id="TOPIC-{title}"><h2 class="title">{title}<a class="headerlink" href="#x">¶</a></h2>
<p>Text about {title}.</p><h3><a class="toc-backref" href="#id1">Details</a></h3>
<div class="note"><h3 class="title">Note</h3><p>Mind {title}.</p></div><p><a href="other.html#part">More</a></p></div>
<p>Copyright 2026</p><script>alert(1)</script></body></html>"""


def _pages(count: int) -> dict[str, str]:
    return {f"p{number}.html": _PAGE.format(title=f"Topic {number}") for number in range(count)}


def test_a_page_is_its_content_without_the_chrome(read: Read) -> None:
    documents, _ = read(
        "doc", "a.html", _PAGE.format(title="Backup"), **{"other.html": "<html><body><p>x"}
    )
    document = documents[0]
    assert (document.title, document.language, document.summary) == ("Backup", "de", "About Backup")
    assert "Home" not in document.text()
    assert "¶" not in document.html
    assert ("s-details", ("Details",)) in [
        (section.anchor, section.path) for section in document.sections
    ]
    assert 'class="callout note"' in document.html
    assert 'href="/help/doc/other#s-part"' in document.html
    assert "script" not in document.html


def test_blocks_that_a_site_repeats_are_boilerplate() -> None:
    pages = {name: tree.parse_html(text) for name, text in _pages(10).items()}
    boilerplate_blocks = boilerplate.repeated_blocks(
        boilerplate.block_hashes(page) for page in pages.values()
    )
    content = boilerplate.main_content(tree.parse_html(_pages(4)["p3.html"]), boilerplate_blocks)
    text = plaintext.to_text(content)
    assert "edition 3" not in text
    assert "All chapters" not in text
    assert "Copyright" not in text
    assert "Text about Topic 3." in text
    assert "Details" in text


def test_a_landmark_says_where_the_content_is(read: Read) -> None:
    words = "The content. " * 20
    page = (
        f"<html><body><header>Top</header><div>Side</div><main><h1>T</h1><p>{words}</p><nav>N</nav></"
        f"main></body></html>"
    )
    assert read("doc", "a.html", page)[0][0].text().strip() == words.strip()


def test_a_packed_page_is_read(read: Read) -> None:
    page = gzip.compress(b"<html><title>Packed</title><body><p>Text.</p></body></html>")
    document = read("doc", "a.html.gz", page)[0][0]
    assert (document.id, document.title) == ("doc/a", "Packed")


def test_a_chapter_that_is_only_contents_keeps_them(read: Read) -> None:
    links = '<p>Contents</p><ul><li><a href="b.html">Joins</a></li></ul>'
    page = (
        f'<html><head><link rel="next" href="b.html"></head><body><h1>Part 2</h1><div '
        f'class="toc">{links}</div>'
    )
    assert "Joins" in read("doc", "a.html", page)[0][0].text()


@pytest.mark.parametrize(
    "page",
    [
        '<script type="application/ld+json">{"@type": "FAQPage", "mainEntity": [{"@type": '
        '"Question", "name": "Why?", '
        '"acceptedAnswer": {"text": "<p>Because.</p>"}}, {"@type": "Question", "name": "How so?", '
        '"acceptedAnswer": {"@type": "Answer", "text": "So."}}]}</script>',
        "<dl><dt>Why?</dt><dd>Because.</dd><dt>How so?</dt><dd>So.</dd></dl>",
        "<h1>FAQ</h1><div><h2>1. Why?¶</h2><p>Because.</p></div><div><h2>2. How "
        "so?</h2><p>So.</p></div>",
    ],
)
def test_each_question_of_a_faq_page_is_a_document(read: Read, page: str) -> None:
    documents, _ = read(
        "faq", "faq.html", f"<html><head><title>FAQ</title></head><body>{page}</body></html>"
    )
    assert [(d.id, d.kind, d.title, d.text().strip()) for d in documents] == [
        ("faq/faq/why", "faq", "Why?", "Because."),
        ("faq/faq/how-so", "faq", "How so?", "So."),
    ]


def test_a_faq_file_holds_many_questions(read: Read) -> None:
    text = (
        "---\nproduct: portal\naudience: customers\n---\n# FAQ\n\nIntro.\n\n## Billing\n\n### "
        "How do I pay?\n\nBy card.\n\n"
        "#### Which?\n\nAny.\n\n### How do I pay?\n\nTwice.\n\n## Accounts\n\n### Can I "
        "leave?\n\nYes, see [pay](#how-do-i-pay).\n"
    )
    documents, findings = read("faq", "billing.md", text)
    assert [document.id for document in documents] == [
        "faq/billing/how-do-i-pay",
        "faq/billing/can-i-leave",
    ]
    assert {(document.product, document.audience) for document in documents} == {
        ("portal", "customers")
    }
    assert documents[0].extra["topic"] == "FAQ › Billing"
    assert "By card." in documents[0].text()
    assert codes(findings) == ["duplicate-question"]


def test_a_faq_file_may_be_one_question(read: Read) -> None:
    documents, _ = read(
        "faq",
        "why.md",
        "# Why is it slow?\n\nIt is not.\n\n## Measure\n\nSo.\n\n## Compare\n\nAnd so.",
    )
    assert [(document.id, document.title) for document in documents] == [
        ("faq/why", "Why is it slow?")
    ]


def test_extraction_keeps_the_main_text_without_landmarks() -> None:
    pages = {
        name: tree.parse_html(text.replace("navheader", "x")) for name, text in _pages(12).items()
    }
    boilerplate_blocks = boilerplate.repeated_blocks(
        boilerplate.block_hashes(page) for page in pages.values()
    )
    kept = plaintext.to_text(
        boilerplate.main_content(
            tree.parse_html(_pages(12)["p7.html"].replace("navheader", "x")), boilerplate_blocks
        )
    )
    assert "Mind Topic 7." in kept
    assert "Home" not in kept
