# ruff: noqa: E501 - samples are easier to read in one line
"""Pages that declare a discussion, as JSON-LD and as microdata."""

from __future__ import annotations

import json
from typing import Any

from tests.indexer.conftest import Read
from tests.indexer.dangers import find_dangers


def _ld(data: Any) -> str:
    return f'<html><head><script type="application/ld+json">{json.dumps(data)}</script></head><body><nav>x</nav></body></html>'


def test_a_discussion_in_json_ld_becomes_a_thread(read: Read) -> None:
    data = {
        "@graph": [
            {"@type": "BreadcrumbList"},
            {
                "@type": "DiscussionForumPosting", "headline": "No sound", "text": "I hear nothing.",
                "author": {"@type": "Person", "name": "Alice"}, "datePublished": "2026-01-02T03:04:05Z",
                "comment": [{"@type": "Comment", "text": "Turn <b>it</b> on.", "author": [{"name": "Bob"}]}],
            },
        ]
    }  # fmt: skip
    document = read("forum", "t/1.html", _ld(data))[0][0]
    assert (document.id, document.kind, document.title, document.solved) == (
        "forum/t/1",
        "forum",
        "No sound",
        False,
    )
    assert [section.text for section in document.sections] == ["I hear nothing.", "Turn it on."]
    assert document.authors == ("Alice", "Bob")


def test_a_question_page_knows_its_accepted_answer(read: Read) -> None:
    data = {
        "@type": "QAPage",
        "mainEntity": {
            "@type": "Question", "name": "Why?", "text": "<p>Tell me.</p>",
            "suggestedAnswer": [{"@type": "Answer", "text": "Perhaps."}],
            "acceptedAnswer": {"@type": "Answer", "text": "Because.", "author": {"name": "Bob"}},
        },
    }  # fmt: skip
    document = read("doc", "q.html", _ld(data))[0][0]
    assert (document.id, document.solved, document.answer) == ("forum/q", True, 1)
    assert document.sections[1].text == "Because."


def test_a_discussion_in_microdata_becomes_a_thread(read: Read) -> None:
    page = (
        '<html lang="en"><body><div itemscope itemtype="https://schema.org/DiscussionForumPosting">'
        '<h1 itemprop="headline">No <i>sound</i></h1><span itemprop="author"><b itemprop="name">Alice</b></span>'
        '<time itemprop="datePublished" datetime="2026-01-02">x</time><div itemprop="articleBody"><p>Nothing.</p></div>'
        '<div itemprop="comment" itemscope itemtype="https://schema.org/Comment"><span itemprop="author">Bob</span>'
        '<div itemprop="text">Turn it on.<script>alert(1)</script></div></div></div></body></html>'
    )
    document = read("forum", "t.html", page)[0][0]
    assert (document.title, document.authors, document.language) == (
        "No sound",
        ("Alice", "Bob"),
        "en",
    )
    assert [section.text for section in document.sections] == ["Nothing.", "Turn it on."]
    assert find_dangers(document.html) == []


def test_a_page_that_only_mentions_discussions_is_an_article(read: Read) -> None:
    page = (
        "<html><body><h1>Mark up</h1><p>Use DiscussionForumPosting for threads.</p></body></html>"
    )
    assert read("doc", "a.html", page)[0][0].kind == "doc"
