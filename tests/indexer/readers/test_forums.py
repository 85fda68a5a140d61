import html
import json
from typing import Any

from tests.indexer.conftest import Read, codes


def _post(number: int, cooked: str, **more: Any) -> dict[str, Any]:
    return {
        "post_number": number,
        "post_type": 1,
        "cooked": cooked,
        "name": f"P{number}",
        "created_at": "2024-05-06T1",
        **more,
    }


def _topic(posts: list[dict[str, Any]], **more: Any) -> str:
    return json.dumps(
        {"post_stream": {"posts": posts}, "title": "Cannot  sign in", "tags": ["login"], **more}
    )


def test_the_accepted_answer_comes_first_and_is_marked(read: Read) -> None:
    posts = [
        _post(1, "<p>Help!</p>"),
        _post(2, "<p>Me too.</p>"),
        _post(3, "<p>Reset it.</p>", accepted_answer=True),
    ]
    document = read("forum", "t.json", _topic(posts))[0][0]
    assert (document.kind, document.title, document.solved, document.answer) == (
        "forum",
        "Cannot sign in",
        True,
        1,
    )
    assert [(section.anchor, section.path, section.text) for section in document.sections] == [
        ("", (), "Help!"),
        ("s-post-3", ("Accepted answer by P3",), "Reset it."),
        ("s-post-2", ("Reply by P2",), "Me too."),
    ]
    assert document.tags == ("login",)
    assert str(document.updated) == "2024-05-06"


def test_quotes_are_shown_but_not_indexed_twice(read: Read) -> None:
    quote = (
        '<aside class="quote"><div '
        'class="title">Bob:</div><blockquote><p>Help!</p></blockquote></aside><p>Try <img '
        'class="emoji" alt=":x:">this.</p>'
    )
    document = read("forum", "t.json", _topic([_post(1, "<p>Help!</p>"), _post(2, quote)]))[0][0]
    assert document.sections[1].text == "Try this."
    assert document.html.count("Help!") == 2
    assert document.solved is False


def test_oneboxes_become_links(read: Read) -> None:
    box = (
        '<aside class="onebox" '
        'data-onebox-src="https://example.com/x"><header>example.com</header><article><h3><a '
        'href="https://example.com/x">The page</a></h3><p>Long preview.</p></article></aside>'
    )
    document = read("forum", "t.json", _topic([_post(1, f"<p>See</p>{box}")]))[0][0]
    assert document.text() == "See\n\nThe page"
    assert 'href="https://example.com/x"' in document.html


def test_hidden_posts_and_topics_stay_hidden(read: Read) -> None:
    posts = [
        _post(1, "<p>Help!</p>"),
        _post(2, "<p>secret</p>", hidden=True),
        _post(3, "<p>moved</p>", post_type=3),
    ]
    assert "secret" not in read("forum", "t.json", _topic(posts))[0][0].html
    assert read("forum", "u.json", _topic(posts, deleted_at="2024"))[0] == []
    assert read("forum", "v.json", _topic([_post(1, "x", hidden=True), _post(2, "y")]))[0] == []


def test_damaged_json_is_left_out_with_its_line(read: Read) -> None:
    documents, findings = read("forum", "t.json", '{"post_stream":\n {"posts": [')
    assert documents == []
    assert [(finding.code, finding.line) for finding in findings] == [("invalid-json", 2)]


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


def test_a_topic_may_be_written_in_markdown(read: Read) -> None:
    text = (
        "---\ntitle: Where is the log?\nproduct: portal\nauthor: Alice\ndate: 2026-01-02\ntags: "
        "[log]\n---\n"
        "I cannot find it.\n\n## Reply by Charlie\n\nMe neither.\n\n## Answer by Bob · "
        "accepted\n\nIn **data**.\n\n### Why\n\nSo.\n"
    )
    document = read("forum", "log.md", text)[0][0]
    assert (document.id, document.kind, document.solved, document.answer) == (
        "forum/log",
        "forum",
        True,
        1,
    )
    assert document.authors == ("Alice", "Charlie", "Bob")
    assert [(section.path, section.text) for section in document.sections] == [
        ((), "I cannot find it."),
        (("Accepted answer by Bob",), "In data.\n\nWhy\n\nSo."),
        (("Reply by Charlie",), "Me neither."),
    ]
