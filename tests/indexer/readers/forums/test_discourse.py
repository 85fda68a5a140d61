"""Discourse topics."""

from __future__ import annotations

import json
from typing import Any

from tests.indexer.conftest import Read


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


def test_invalid_json_is_skipped_with_its_line(read: Read) -> None:
    documents, findings = read("forum", "t.json", '{"post_stream":\n {"posts": [')
    assert documents == []
    assert [(finding.code, finding.line) for finding in findings] == [("invalid-json", 2)]
