"""Whatever an editor's folder holds, a run ends, the good files are indexed, and nothing in them
can run.
"""

import pytest

from indexer.html import plaintext, tree
from tests.indexer.conftest import Read
from tests.indexer.dangers import find_dangers

_ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&colon;alert(1))",
    "[x](java\tscript:alert(1))",
    "[x]( \x01javascript:alert(1))",
    "![x](javascript:alert(1))",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href=vbscript:x>x</a>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 "
    "onerror=alert(1)&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<form action=javascript:alert(1)><button formaction=javascript:alert(1)>x</button></form>",
    "<style>@import 'javascript:alert(1)'</style><p "
    "style='background:url(javascript:alert(1))'>x</p>",
    "<base href='//evil.example/'><link rel=stylesheet href=//evil.example>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<object data=x></object><embed src=x>",
    "<a name=location id=location href=#>x</a><form id=document></form>",
    "<p id='main'>x</p><img name=getElementById>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<!--><script>alert(1)</script>-->",
    "<details open ontoggle=alert(1)>x</details>",
    "`<script>`<script>alert(1)</script>",
    "<xref:javascript:alert(1)>",
    "## x {onclick=alert(1)}",
    '!!! note "<script>alert(1)</script>"\n    x {: onclick=alert(1)}',
    "<div markdown=1 onclick=alert(1)>*x*</div>",
    "[x]: javascript:alert(1)\n\n[x]",
]


@pytest.mark.parametrize("attack", _ATTACKS)
@pytest.mark.parametrize("kind", ["doc", "faq", "forum"])
def test_nothing_in_a_markdown_article_can_run(read: Read, attack: str, kind: str) -> None:
    text = (
        f"# Title {attack}\n\n## Is it safe?\n\nWords.\n\n{attack}\n\n> {attack}\n\n- "
        f"{attack}\n\n## "
        f"Reply by {attack[:40]}\n\nx"
    )
    documents, _ = read(kind, "a.md", text)
    assert documents or "<math>" in attack  # which swallows all that follows
    assert [danger for document in documents for danger in find_dangers(document.html)] == []


@pytest.mark.parametrize("attack", _ATTACKS)
def test_nothing_in_a_page_can_run(read: Read, attack: str) -> None:
    page = (
        f"<html><head><title>{attack}</title></head><body>Text. "
        f"{attack}<p>{attack}</p><pre>{attack}</pre></body></html>"
    )
    documents, _ = read("doc", "a.html", page)
    assert [danger for document in documents for danger in find_dangers(document.html)] == []


@pytest.mark.parametrize("depth", [150, 300, 3000, 50_000])
def test_deep_pages_keep_their_words(depth: int) -> None:
    deep = "<div><b>" * depth + "core" + "</b></div>" * depth + "<h2>Head</h2><p>after</p>"
    text = plaintext.to_text(tree.parse_html(deep))
    assert "core" in text
    assert "after" in text
