"""The text of tickets as HTML: safe, and as typed where it is no markup."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.ticket_text import linked, ticket_text

PIECES = st.lists(
    st.sampled_from(
        (
            *("```", "\n", "- ", "1. ", "> ", "`", "**", "*", "[a](", "https://a.example/", ")"),
            *("<b>", "  ", "&amp;", "x", "é", '"', "'", "javascript:"),
        )
    ),
    max_size=40,
).map("".join)
TAGS = re.compile(
    r"</?(?:p|ul|ol|li|pre|code|blockquote|strong|em)>|<ol start=\"\d+\">"
    r"|<a href=\"https?://[^\"<>]*\" rel=\"nofollow noopener ugc\">|</a>"
)


@given(PIECES | st.text(max_size=80))
def test_no_text_becomes_other_markup_than_ours(text: str) -> None:
    shown = str(ticket_text(text))
    assert "<" not in TAGS.sub("", shown)
    assert ">" not in TAGS.sub("", shown)


@given(st.text(alphabet="abc \n\t.,:;()#=/%&<>", max_size=80))
def test_text_without_markup_stays_as_typed(text: str) -> None:
    plain = text.replace("\n>", "\n ").removeprefix(">").replace(">", " ")
    words = unescape(TAGS.sub("\n", str(ticket_text(plain)))).split()
    assert words == plain.split()


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a\n  at b", "<p>a\n  at b</p>"),
        ("a\n\nb", "<p>a</p><p>b</p>"),
        ("Try:\n- a\n- b\n  more", "<p>Try:</p><ul><li>a</li><li>b\nmore</li></ul>"),
        ("2. b\n3. c", '<ol start="2"><li>b</li><li>c</li></ol>'),
        (
            "```sql\nselect <1>\n- x\n```\nb",
            "<pre><code>select &lt;1&gt;\n- x</code></pre><p>b</p>",
        ),
        ("```\nnot closed", "<pre><code>not closed</code></pre>"),
        ("> said\n> - so", "<blockquote><p>said</p><ul><li>so</li></ul></blockquote>"),
        ("# no heading", "<p># no heading</p>"),
        ("2 * 3 * 4, a_b_c, snake_case", "<p>2 * 3 * 4, a_b_c, snake_case</p>"),
        (
            "`<b>` and **very** *so*",
            "<p><code>&lt;b&gt;</code> and <strong>very</strong> <em>so</em></p>",
        ),
        (
            "![x](https://a.example/t.gif)",
            '<p>!<a href="https://a.example/t.gif" rel="nofollow noopener ugc">x</a></p>',
        ),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        ("", ""),
    ],
)
def test_what_people_write_of_markdown(text: str, html: str) -> None:
    assert str(ticket_text(text)) == html


def test_long_texts_of_markers_are_read_once() -> None:
    for piece in ("`", "*", "**", "[", "[a](", "https://", "> ", "- ", "```\n", "1. a\n"):
        assert ticket_text(piece * 20_000)


def test_an_address_in_a_text_becomes_a_link_without_the_full_stop() -> None:
    assert str(linked("See https://example.org/a?b=1&c=2.")) == (
        'See <a href="https://example.org/a?b=1&amp;c=2" rel="nofollow noopener ugc">'
        "https://example.org/a?b=1&amp;c=2</a>."
    )
    assert "<a" not in linked("javascript:alert(1) data:text/html,x")
