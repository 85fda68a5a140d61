"""SVG files in articles: drawings are shown, and whatever could run or load something is not."""

from __future__ import annotations

import re

import pytest

from indexer.html.drawings import is_drawing, what_is_refused
from indexer.publish.media import image_names
from indexer.readers.context import image_suffix
from tests.indexer.conftest import Read, codes

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"{}>{}</svg>'
)

DRAWINGS = [
    SVG.format(' viewBox="0 0 9 9" role="img"', "<title>A</title><desc>B</desc><path d='M0 0h9'/>"),
    SVG.format("", "<style>@media (prefers-color-scheme: dark) { text { fill: #fff } }</style>"),
    SVG.format("", "<defs><path id='a'/></defs><use href='#a'/><use xlink:href='#a'/>"),
    SVG.format(
        "", "<g fill='url(#a)' style='stroke: url(&quot;#b&quot;)'><text>C:\\Temp</text></g>"
    ),
    SVG.format("", "<image href='data:image/png;base64,AAAA'/>"),
    SVG.format(
        ' xmlns:i="http://www.inkscape.org/namespaces/inkscape"', "<i:grid/><g i:label='a\\b'/>"
    ),
    '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" '
    '"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">' + SVG.format("", "<path/>"),
    "\ufeff<?xml version='1.0' encoding='UTF-8'?>\n<!-- A -->\n" + SVG.format("", "<rect/>"),
    "<?xml version='1.0' standalone='no'?>" + SVG.format("", "<rect/>"),
]

REFUSED = [
    "<svg/>",  # without a namespace, browsers do not draw it
    "<svg xmlns='http://www.w3.org/2000/svg'>",
    SVG.format(" onload='alert(1)'", ""),
    SVG.format("", "<rect ONCLICK='alert(1)'/>"),
    SVG.format("", "<script>alert(1)</script>"),
    SVG.format("", "<s:script xmlns:s='http://www.w3.org/2000/svg'>alert(1)</s:script>"),
    SVG.format("", "<foreignObject><p xmlns='http://www.w3.org/1999/xhtml'>A</p></foreignObject>"),
    SVG.format("", "<g><p xmlns='http://www.w3.org/1999/xhtml'>A</p></g>"),
    SVG.format("", "<a href='https://example.com/'><text>A</text></a>"),
    SVG.format("", "<animate attributeName='href' values='javascript:alert(1)'/>"),
    SVG.format("", "<set attributeName='onclick' to='alert(1)'/>"),
    SVG.format("", "<use href='https://example.com/a.svg#a'/>"),
    SVG.format("", "<use xlink:href='data:image/svg+xml,a'/>"),
    SVG.format("", "<image href='https://example.com/a.png'/>"),
    SVG.format("", "<image href='data:image/svg+xml;base64,AAAA'/>"),
    SVG.format("", "<use href='\u00a0#a'/>"),
    SVG.format(" xml:base='https://example.com/'", "<use href='#a'/>"),
    SVG.format("", "<rect fill='url(https://example.com/a)'/>"),
    SVG.format("", "<rect fill='url(\u00a0#a)'/>"),
    SVG.format("", "<rect style='fill: URL( \"//example.com/a\")'/>"),
    SVG.format("", "<style>@import 'https://example.com/a.css';</style>"),
    SVG.format("", "<style>@im<!-- -->port 'https://example.com/a.css';</style>"),
    SVG.format("", "<style>rect {}<title/>@import 'https://example.com/a.css';</style>"),
    SVG.format("", "<style>rect { mask: src('https://example.com/a') }</style>"),
    SVG.format("", "<style>rect { fill: \\75rl(https://example.com/a) }</style>"),
    SVG.format("", "<g id='a'><path/></g><g id='b'><use href='#a'/></g><use href='#b'/>"),
    SVG.format("", "<use id='a' href='#b'/><use href='#a'/>"),
    SVG.format("", "<use id='a' href='#b'/><use href='#%61'/>"),
    SVG.format("", "<use id='ab' href='#c'/><use href='#a&#10;b'/>"),
    "<?xml version='1.0' encoding='iso-8859-1'?>" + SVG.format("", ""),
    "<?xml version='1.0' encoding='gbk'?>" + SVG.format("", ""),
    "<?xml version='1.0' encoding='UTF-7'?>" + SVG.format("", ""),
    "<?xml version='1.0' encoding='x-unknown'?>" + SVG.format("", ""),
    '<!DOCTYPE svg PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "">' + SVG.format("", ""),
    "<?xml-stylesheet href='https://example.com/a.css'?>" + SVG.format("", ""),
    "<!DOCTYPE svg [<!ENTITY a '<script/>'>]>" + SVG.format("", "&a;"),
    "<html><body>" + SVG.format("", "<path/>") + "</body></html>",
]


@pytest.mark.parametrize("text", DRAWINGS)
def test_a_drawing_is_an_image(text: str) -> None:
    assert image_suffix(text.encode()) == "svg"


@pytest.mark.parametrize("text", REFUSED)
def test_a_drawing_that_could_run_or_load_something_is_refused(text: str) -> None:
    assert not is_drawing(text.encode())


def test_an_article_shows_a_drawing(read: Read) -> None:
    others = {"a.svg": DRAWINGS[0].encode(), "b.svg": SVG.format("", "<script/>").encode()}
    [document], findings = read("doc", "a.md", "# A\n\n![A drawing](a.svg) ![B](b.svg)", **others)
    assert document.html.count("<img") == 1
    assert 'alt="A drawing" src="/media/' in document.html
    assert document.html.count('.svg"') == 1
    assert codes(findings) == ["drawing-refused"]
    assert findings[0].sentence == "Image skipped: the SVG file b.svg contains <script> (line 1)."


def test_the_address_of_a_drawing_says_that_it_has_colours_for_dark_pages(read: Read) -> None:
    """Others are shown on white there."""
    others = {"a.svg": DRAWINGS[0].encode(), "b.svg": DRAWINGS[1].encode()}
    [document], _ = read("doc", "a.md", "# A\n\n![A](a.svg) ![B](b.svg)", **others)
    assert re.findall(r'src="/media/[0-9a-f]+\.(.*?)"', document.html) == ["svg", "svg#dark"]
    assert len(image_names(document.html)) == 2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<svg/>", 'no xmlns="http://www.w3.org/2000/svg" (line 1)'),
        (SVG.format("", "\n<rect>"), "an XML error (mismatched tag: line 2, column 8)"),
        (SVG.format("", "\n<filter/>"), "<filter> (line 2)"),
        (SVG.format(" onload='alert(1)'", ""), "the attribute onload (line 1)"),
        (SVG.format("", "<use href='b.svg#b'/>"), "the address of another file in <use> (line 1)"),
        (
            "<!DOCTYPE svg [<!ENTITY a 'b'>]>" + SVG.format("", "&a;"),
            "a document type with declarations (line 1)",
        ),
    ],
)
def test_the_report_names_what_is_in_the_way(text: str, found: str) -> None:
    assert what_is_refused(text.encode()) == found
