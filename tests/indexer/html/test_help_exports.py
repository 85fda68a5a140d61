"""Pages that help authoring tools export: lists of signs, and links to their frames."""

from __future__ import annotations

from tests.indexer.conftest import Read

_PAGE = """<html><head><title>Support &gt; Incident report</title></head><body>
<p><a href="index.html?incident.htm">&lt;&lt; Click to Display Table of Contents &gt;&gt;</a></p>
<h1>Incident report</h1>
<p style="margin-left: 13px"><span style="width: 13px">•</span>Severity:</p>
<p style="margin-left: 37px"><span>o</span><span>Production down</span></p>
<p style="margin-left: 37px"><span>o</span>&nbsp;Question</p>
<p style="margin-left: 13px"><span>•</span>Module</p>
<p>o carro is a word.</p></body></html>"""


def test_signs_of_paragraphs_become_nested_lists(read: Read) -> None:
    html = read("doc", "a.html", _PAGE)[0][0].html
    listed = html.replace("<span></span>", "").replace("<span>", "").replace("</span>", "")
    assert (
        "<ul><li>Severity:<ul><li>Production down</li><li>Question</li></ul></li>"
        "<li>Module</li></ul>" in listed.replace("\n", "")
    )
    assert "<p>o carro is a word.</p>" in html


def test_signs_without_margins_nest_in_the_order_of_their_signs(read: Read) -> None:
    page = "<h1>A</h1><p>• one</p><p><span>o</span>two</p><p>• three</p><p>Text.</p>"
    html = read("doc", "a.html", f"<html><body>{page}</body></html>")[0][0].html
    listed = html.replace("<span></span>", "").replace("\n", "")
    assert "<ul><li>one<ul><li>two</li></ul></li><li>three</li></ul><p>Text.</p>" in listed


def test_links_that_open_the_frame_of_a_manual_are_left_out(read: Read) -> None:
    document = read("doc", "a.html", _PAGE)[0][0]
    assert "Click to" not in document.text()
    assert document.title == "Incident report"
