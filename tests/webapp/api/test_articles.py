"""Articles and sections for programs: formats, pages of lists, and what an asker may see."""

from __future__ import annotations

import json

import pytest

from kb.search.display.article_markdown import article_markdown
from kb.search.display.article_tree import article_nodes
from tests.webapp.world import DOCUMENTS, Browser, Portal, document, publish


def test_an_article_is_answered_in_each_format(portal: Portal, anyone: Browser) -> None:
    answer = anyone.get("/api/v1/articles/doc/jam")
    assert answer.json
    assert answer.json["title"] == "Clear a paper jam"
    assert answer.json["versions"] == ["2.0"]
    assert answer.json["generation"] == "000001"
    formats = {
        "text/html": answer.json["html"],
        "text/markdown": answer.json["markdown"],
        "text/plain": answer.json["text"],
    }
    for media_type, body in formats.items():
        alone = anyone.get("/api/v1/articles/doc/jam", headers={"Accept": media_type})
        assert alone.mimetype == media_type
        assert alone.get_data(as_text=True) == body
        assert "Accept" in alone.headers["Vary"]
    assert formats["text/markdown"].startswith("# Clear a paper jam\n\n## Open the cover\n\n")


def test_an_old_id_leads_to_the_article(anyone: Browser) -> None:
    answer = anyone.get("/api/v1/articles/doc/paper-jam").json
    assert answer
    assert answer["id"] == "doc/jam"


def test_an_article_of_another_audience_does_not_exist(anyone: Browser, bob: Browser) -> None:
    hidden, missing = (anyone.get(f"/api/v1/articles/doc/{name}") for name in ("secret", "nothing"))
    assert (hidden.status_code, missing.status_code) == (404, 404)
    assert hidden.json
    assert missing.json
    assert hidden.json["detail"] == missing.json["detail"]
    assert bob.get("/api/v1/articles/doc/secret").status_code == 200
    ids = [entry["id"] for entry in (anyone.get("/api/v1/articles").json or {})["articles"]]
    assert "doc/secret" not in ids
    assert "zephyrion" not in anyone.get("/api/v1/sections").get_data(as_text=True).lower()


def test_who_has_the_answer_already_is_told_so(anyone: Browser) -> None:
    for path in ("/api/v1/articles/doc/jam", "/api/v1/articles", "/api/v1/sections"):
        tag = anyone.get(path).headers["ETag"]
        assert anyone.get(path, headers={"If-None-Match": tag}).status_code == 304


def test_a_list_is_read_page_by_page(anyone: Browser) -> None:
    read: list[str] = []
    cursor = ""
    while True:
        page = anyone.get(f"/api/v1/articles?limit=1&cursor={cursor}").json
        assert page
        read += [entry["id"] for entry in page["articles"]]
        assert page["total"] == 3
        if page["next"] is None:
            break
        cursor = page["next"]
    assert sorted(read) == ["doc/ink", "doc/jam", "doc/still"]


@pytest.mark.parametrize("path", ["articles", "sections"])
def test_a_list_goes_on_after_another_generation(
    portal: Portal, anyone: Browser, path: str
) -> None:
    whole = anyone.get(f"/api/v1/{path}").json or {}
    first = anyone.get(f"/api/v1/{path}?limit=1").json or {}
    publish(
        portal.centre.settings.data,
        (*DOCUMENTS, document("aaa", "Aaa comes before", ("", "", "New."))),
    )
    portal.centre.searcher._checked_at = float("-inf")
    read = first["articles"]
    following = first["next"]
    while following:
        page = anyone.get(f"/api/v1/{path}?limit=1&cursor={following}").json or {}
        assert page["total"] == 4
        read, following = read + page["articles"], page["next"]
    assert [entry["id"] for entry in read] == [entry["id"] for entry in whole["articles"]]


def test_another_limit_meanwhile_repeats_nothing(anyone: Browser) -> None:
    first = anyone.get("/api/v1/articles?limit=1").json or {}
    rest = anyone.get(f"/api/v1/articles?limit=2&cursor={first['next']}").json or {}
    read = [entry["id"] for entry in (*first["articles"], *rest["articles"])]
    assert sorted(read) == ["doc/ink", "doc/jam", "doc/still"]


def test_a_section_goes_on_after_an_article_that_is_gone(portal: Portal, anyone: Browser) -> None:
    whole = anyone.get("/api/v1/sections").json or {}
    first = anyone.get("/api/v1/sections?limit=1").json or {}
    gone, *rest = [entry["id"] for entry in whole["articles"]]
    publish(portal.centre.settings.data, tuple(each for each in DOCUMENTS if each.id != gone))
    portal.centre.searcher._checked_at = float("-inf")
    page = anyone.get(f"/api/v1/sections?cursor={first['next']}").json or {}
    assert [entry["id"] for entry in page["articles"]] == rest


@pytest.mark.parametrize("cursor", ["x", "!!", "WzEsMl0", "e30", "a" * 500, "W1tbW1tb"])
@pytest.mark.parametrize("path", ["articles", "sections"])
def test_what_is_no_cursor_is_told_by_its_field(anyone: Browser, path: str, cursor: str) -> None:
    refused = anyone.get(f"/api/v1/{path}?cursor={cursor}")
    assert refused.status_code == 422
    assert set((refused.json or {})["fields"]) == {"cursor"}


def test_a_cursor_of_another_list_is_refused(anyone: Browser) -> None:
    cursor = (anyone.get("/api/v1/articles?limit=1").json or {})["next"]
    assert anyone.get(f"/api/v1/sections?cursor={cursor}").status_code == 422


@pytest.mark.parametrize("limit", ["0", "101", "x", "-1", "9" * 5000])
def test_a_wrong_limit_is_told_by_its_field(anyone: Browser, limit: str) -> None:
    refused = anyone.get(f"/api/v1/articles?limit={limit}")
    assert set((refused.json or {})["fields"]) == {"limit"}


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<p>a<br>b</p>", "a\\\nb"),
        ("<p>1. no list</p><p># no heading</p>", "1\\. no list\n\n\\# no heading"),
        ("<p>a_b and _c_ *d* [e]</p>", "a_b and \\_c\\_ \\*d\\* \\[e\\]"),
        ("<pre><code>x = `y`\n  z</code></pre>", "```\nx = `y`\n  z\n```"),
        ("<pre>```</pre>", "````\n```\n````"),
        ("<p><code>`</code></p>", "`` ` ``"),
        ("<ul><li>a</li><li><p>b</p><pre>c</pre></li></ul>", "- a\n- b\n\n  ```\n  c\n  ```"),
        ('<ol start="3"><li>a</li><li>b</li></ol>', "3. a\n4. b"),
        ("<blockquote><p>a</p><p>b</p></blockquote>", "> a\n>\n> b"),
        ("<p><strong>bold </strong>text</p>", "**bold** text"),
        (
            "<table><tr><th>a</th><th>b</th></tr><tr><td>1|2</td></tr></table>",
            "| a | b |\n| --- | --- |\n| 1\\|2 |  |",
        ),
        (
            '<p><img src="/media/a b.png" alt="A"></p>',
            "![A](https://portal.example/media/a%20b.png)",
        ),
        ('<p><a href="#part">here</a></p>', "[here](https://portal.example/help/doc/x#part)"),
    ],
)
def test_html_becomes_markdown(html: str, markdown: str) -> None:
    written = article_markdown("T", html, "https://portal.example/help/doc/x")
    assert written == f"# T\n\n{markdown}\n"


def test_an_article_is_answered_as_nodes_for_pages_that_parse_no_html(anyone: Browser) -> None:
    accept = {"Accept": "application/vnd.askfirst.tree+json"}
    response = anyone.get("/api/v1/articles/doc/jam", headers=accept)
    assert response.mimetype == accept["Accept"]
    nodes = json.loads(response.get_data())
    assert nodes[:2] == [
        ["h2", {"id": "open"}, "Open the cover"],
        ["p", {}, "Switch the press off and open the front cover."],
    ]


def test_nodes_keep_what_they_may() -> None:
    html = (
        '<p class="x" onclick="y" dir="rtl">a<img src="s" alt="A plan"><img src="t"></p>'
        + "<ul><li>b" * 80
    )
    paragraph, deep = article_nodes(html)
    assert paragraph == ["p", {"dir": "rtl"}, "a", ["em", {}, "[A plan]"], ""]
    assert json.dumps(deep).count("b") == 80
