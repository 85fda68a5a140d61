"""Stack Exchange dumps."""

from __future__ import annotations

import html
from typing import Any

from tests.indexer.conftest import Read, codes


def _dump(*rows: dict[str, str]) -> str:
    cells = (
        "".join(f' {key}="{html.escape(value)}"' for key, value in row.items()) for row in rows
    )
    return (
        '\ufeff<?xml version="1.0" encoding="utf-8"?>\n<posts>\n'
        + "\n".join(f"<row{cell} />" for cell in cells)
        + "</posts>"
    )


def _row(number: int, kind: str, body: str, **more: str) -> dict[str, str]:
    return {
        "Id": str(number),
        "PostTypeId": kind,
        "Body": body,
        "CreationDate": "2020-01-02T00:00:00.000",
        **more,
    }


def test_a_dump_becomes_questions_with_their_answers(read: Read) -> None:
    dump = _dump(
        _row(3, "2", "<p>Second best.</p>", ParentId="1", Score="9"),
        _row(1, "1", "<p>How?</p>", Title="How &amp; why", Tags="<a-b><c>", AcceptedAnswerId="2"),
        _row(2, "2", "<h2>So</h2><p>Do.</p>", ParentId="1", Score="1", OwnerDisplayName="Bob"),
        _row(4, "5", "<p>wiki</p>"),
        _row(5, "1", "<p>gone</p>", Title="Gone", DeletionDate="2020"),
        _row(6, "1", "&lt;p&gt;Twice &amp;amp; escaped&lt;/p&gt;", Title="Twice"),
    )
    documents, findings = read("forum", "x/Posts.xml", dump)
    assert [document.id for document in documents] == ["forum/x/posts/1", "forum/x/posts/6"]
    first = documents[0]
    assert (first.title, first.tags, first.solved, first.answer) == (
        "How & why",
        ("a-b", "c"),
        True,
        1,
    )
    assert [section.text for section in first.sections] == ["How?", "So\n\nDo.", "Second best."]
    assert first.sections[1].path == ("Accepted answer by Bob",)
    assert documents[1].text() == "Twice & escaped"
    assert findings == []


def test_a_duplicate_lends_its_wording_to_the_original(read: Read) -> None:
    notice = (
        "<blockquote><p><strong>Possible Duplicate:</strong><br><a "
        "href='x'>How</a></p></blockquote><p>Wie?</p>"
    )
    dump = _dump(
        _row(1, "1", "<p>How?</p>", Title="How"), _row(2, "1", notice, Title="In which way")
    )
    links = '<postlinks><row Id="9" PostId="2" RelatedPostId="1" LinkTypeId="3" /></postlinks>'
    documents, _ = read("forum", "Posts.xml", dump, **{"PostLinks.xml": links})
    assert documents[0].aliases == ("In which way",)
    assert documents[1].text() == "Wie?"


def test_a_cut_off_dump_is_read_as_far_as_it_goes(read: Read) -> None:
    whole = _dump(
        *(_row(number, "1", "<p>Text</p>", Title=f"Title {number}") for number in range(1, 40))
    )
    documents, findings = read("forum", "Posts.xml", whole[: len(whole) // 2])
    assert 10 < len(documents) < 39
    assert codes(findings) in (["xml-truncated"], ["xml-damaged"])
    assert findings[0].line


def test_entities_and_document_types_are_never_expanded(read: Read, tmp_path: Any) -> None:
    secret = tmp_path / "secret"
    secret.write_text("canary")
    bomb = (
        f'<?xml version="1.0"?><!DOCTYPE posts [<!ENTITY a "{"x" * 10}"><!ENTITY b "{"&a;" * 10}">'
        f'<!ENTITY c SYSTEM "file://{secret}">]><posts><row Id="1" PostTypeId="1" Title="&b;" '
        f'Body="&b;"/>'
        '<row Id="2" PostTypeId="1" Title="t" Body="b">&c;</row></posts>'
    )
    documents, findings = read("forum", "Posts.xml", bomb)
    assert documents == []
    assert codes(findings) == ["dump-document-type"]
