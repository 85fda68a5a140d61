# ruff: noqa: E501 - pages as sites publish them have long lines
import gzip

from indexer.html import boilerplate, plaintext, tree
from tests.indexer.conftest import Read

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


def test_navigation_and_permalinks_are_removed_from_a_page(read: Read) -> None:
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
