"""Whatever an editor's folder holds, a run ends, the good files are indexed, and nothing in them
can run.
"""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import html as lxml_html

from indexer import worker_pool
from indexer.html import plaintext, tree
from indexer.markdown import rendering
from indexer.readers import registry
from indexer.readers.context import ReadContext
from indexer.readers.site_index import SiteIndex
from indexer.sources import walk
from indexer.sources.walk import SourceFile
from indexer.worker_pool import ReadTask, WorkerPool
from kb.errors import Unavailable
from kb.search.documents import Document, DocumentKind
from tests.indexer.conftest import TODAY, Read

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
_ALLOWED = frozenset({
    "a", "b", "bdi", "bdo", "blockquote", "br", "caption", "cite", "code", "col", "colgroup", "dd", "del", "details",
    "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins",
    "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "samp", "section", "small", "span", "strong", "sub", "summary",
    "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul", "var", "abbr", "time",
})  # fmt: skip
_ATTRIBUTES = frozenset({
    "id", "href", "rel", "src", "alt", "title", "loading", "class", "tabindex", "start", "colspan", "rowspan", "open",
    "lang", "dir", "width", "height", "value",
})  # fmt: skip


def _dangers(markup_: str) -> list[str]:
    """What in ``markup_`` could run or take over, seen by a parser that is not the sanitiser's."""
    found: list[str] = []
    for element in lxml_html.fromstring(f"<div>{markup_}</div>").iter():
        if not isinstance(element.tag, str) or element.tag not in _ALLOWED:
            found.append(f"<{element.tag!r}>")
        for name, value in ((str(name), str(value)) for name, value in element.attrib.items()):
            if name not in _ATTRIBUTES:
                found.append(name)
            if name in ("href", "src") and ":" in value.split("/")[0]:
                found += [] if value.startswith(("http:", "https:", "mailto:")) else [value]
            if name == "id" and not value.startswith("s-"):
                found.append(f"id={value}")
    return found


@pytest.mark.parametrize("attack", _ATTACKS)
@pytest.mark.parametrize("kind", ["doc", "faq", "forum"])
def test_nothing_in_an_article_can_run(read: Read, attack: str, kind: str) -> None:
    text = (
        f"# Title {attack}\n\n## Is it safe?\n\nWords.\n\n{attack}\n\n> {attack}\n\n- "
        f"{attack}\n\n## "
        f"Reply by {attack[:40]}\n\nx"
    )
    documents, _ = read(kind, "a.md", text)
    assert documents or "<math>" in attack  # which swallows all that follows
    assert [danger for document in documents for danger in _dangers(document.html)] == []


@pytest.mark.parametrize("attack", _ATTACKS)
def test_nothing_in_a_page_can_run(read: Read, attack: str) -> None:
    page = (
        f"<html><head><title>{attack}</title></head><body>Text. "
        f"{attack}<p>{attack}</p><pre>{attack}</pre></body></html>"
    )
    documents, _ = read("doc", "a.html", page)
    assert [danger for document in documents for danger in _dangers(document.html)] == []


_N = 4000
_BOMBS = {
    "brackets": "[" * _N,
    "images": "![" * _N,
    "declarations": "<![" * _N,
    "references": "[][" * _N,
    "links": "[a](" * _N,
    "tags": "<a " * _N,
    "lists": "- " * _N,
    "deep list": "\n".join("  " * level + "- x" for level in range(400)),
    "stars": "* " * 500,
    "quotes": "> " * _N,
    "divs": "<div>" * 20_000 + "core",
    "emphasis": "*_" * _N,
    "backticks": "".join("`" * n + " " for n in range(1, 150)),
    "table": "|" + "a|" * 300 + "\n|" + "-|" * 300 + "\n" + ("|" + "b|" * 300 + "\n") * 100,
    "cdata": "x <![CDATA[" * 1000,
    "footnotes": "[^1]" * 2000 + "\n\n[^1]: x",
    "definitions": "a\n: b\n" * 700,
    "marked brackets": "[TOC]\n\n" + "[" * 30_000,
    "containers": "".join(":" * (3 + n % 50) + "note\n" for n in range(500)),
    "comments": "<!--" * _N,
    "bars": "|" * 2000 + "\n" + "|-" * 2000 + "\n" + "|a" * 2000,
    "shortcodes": "{{<" * _N + "{%" * _N,
}


#: Formats of their own, by file name.
_OTHER_BOMBS: dict[str, str | bytes] = {
    "nested.rst": "\n".join("  " * level + "* x" for level in range(300)),
    "marks.rst": "*`_" * 20_000,
    "substitutions.rst": "".join(f".. |a{n}| replace:: |a{n + 1}| |a{n + 1}|\n" for n in range(40))
    + "\n|a0|",
    "table.rst": ("+" + "-+" * 500 + "\n|" + "a|" * 500 + "\n") * 50,
    "aliases.yml": "### YamlMime:FAQ\na: &a [x,x]\nb: &b [*a,*a]\nsections: [*b]\n",
    "deep.yml": "### YamlMime:FAQ\nsections: " + "[" * 20_000,
    "deep.json": '{"post_stream": ' + "[" * 100_000,
    "parts.mbox": "From a@b Mon Jan  5 10:00:00 2026\nContent-Type: multipart/mixed; boundary=x\n\n"
    + "--x\n\n" * 30_000,
    "many.mbox": "From a@b Mon Jan  5 10:00:00 2026\nSubject: x\n\nx\n\n" * 2_000,
    "subject.mbox": "From a@b Mon Jan  5 10:00:00 2026\nSubject: " + "re: " * 50_000 + "\n\nx\n",
    "references.mbox": "From a@b Mon Jan  5 10:00:00 2026\nReferences: "
    + "<" * 200_000
    + "\n\nx\n",
    "pages.pdf": b"%PDF-1.4\n"
    + b"1 0 obj<</Type/Pages/Kids[1 0 R]/Count 1>>endobj\ntrailer<</Root<</Pages 1 0 R>>>>\n%%EOF",
    "noise.pdf": b"%PDF-1.4\n" + b"1 0 obj<<" * 50_000,
    "declared.html": '<script type="application/ld+json">'
    + '{"@graph":[' * 5_000
    + "</script>QAPage",
    "marked.html": '<div itemtype="https://schema.org/Question" itemprop="suggestedAnswer">' * 400
    + "QAPage",
    "posts.xml": "<posts>"
    + '<row Id="1" PostTypeId="1" Title="t" Body="'
    + "&lt;div&gt;" * 50_000
    + '"/></posts>',
    ".openpublishing.redirection.json": "[" * 100_000,
    "_redirects": "/a /b\n" * 100_000,
}


def _file(path: Path, kind: DocumentKind = DocumentKind.DOC) -> SourceFile:
    facts = path.stat()
    return SourceFile(
        kind,
        path.parent.name,
        path.name,
        facts.st_size,
        facts.st_mtime_ns,
        str(path),
        str(path.parent),
    )


def test_bombs_end_within_their_limits_and_the_good_files_are_read(root: Path) -> None:
    for name, bomb in _BOMBS.items():
        (root / f"{name}.md").write_text(bomb)
        (root / f"{name}.html").write_text(f"<html><body>{bomb}</body></html>")
    for name, written in _OTHER_BOMBS.items():
        (root / name).write_bytes(written.encode() if isinstance(written, str) else written)
    (root / "aliases.md").write_text("---\na: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n---\nText.")
    for number in range(5):
        (root / f"good{number}.md").write_text(f"# Good {number}\n\nText.")
    files = list(walk.walk_files(walk.parse_sources([f"doc={root}"])[0], lambda _: None))
    found: dict[str, list[Document]] = {}
    ended = set()
    with WorkerPool(2, cpu_seconds=3.0) as pool:
        pool.share(SiteIndex(today=TODAY))
        for done in pool.work(ReadTask("read", file) for file in files):
            found.setdefault(done.file.path, []).extend(done.documents)
            if done.last:
                ended.add(done.file.path)
                assert not done.failed, done.file.path
    assert ended == {file.path for file in files}
    assert all(found[f"good{number}.md"][0].title == f"Good {number}" for number in range(5))
    assert "core" in found["divs.html"][0].text()


def test_a_worker_that_dies_costs_only_its_file(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        (root / f"{number:02}.md").write_text(f"Text {number}. " * 2000)
    files = [_file(path) for path in sorted(root.iterdir())]
    pool = WorkerPool(2)
    monkeypatch.setattr(worker_pool, "_QUEUE_LENGTH", 3)
    with pool:
        work = pool.work(ReadTask("read", file) for file in files)
        seen = [next(work)]
        for worker in pool._workers:
            os.kill(worker.process.pid, 9)
        seen += list(work)
    assert sorted(done.file.path for done in seen) == [file.path for file in files]
    assert all(done.documents for done in seen)


def test_a_worker_that_cannot_start_is_told_and_never_tried_for_ever(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (root / "a.md").write_text("x")
    monkeypatch.setattr("sys.executable", "/bin/false")
    monkeypatch.setattr("multiprocessing.spawn._python_exe", b"/bin/false")
    with WorkerPool(1) as pool, pytest.raises(Unavailable, match="ended with code 1"):
        list(pool.work([ReadTask("read", _file(root / "a.md"))]))
    capfd.readouterr()


def test_beyond_its_processor_time_a_file_is_rendered_more_simply_or_left_out(root: Path) -> None:
    (root / "a.md").write_text("# Title\n\n" + "word *word* `word` [x](y) " * 20_000)
    with WorkerPool(1, cpu_seconds=0.05) as pool:
        done = list(pool.work([ReadTask("read", _file(root / "a.md"))]))
    assert len(done) == 1
    findings = done[0].reading.findings if done[0].reading else ()
    assert done[0].failed or any("simpler" in finding.sentence for finding in findings)


def test_plain_paragraphs_are_the_last_resort(root: Path, site_index: SiteIndex) -> None:
    (root / "a.md").write_text("# T\n\n<script>x</script> & *more*")
    context = ReadContext(_file(root / "a.md"), site_index, careful=2)
    document = next(iter(registry.read_file(context)))
    assert (document.title, document.text()) == ("T", "<script>x</script> & *more*")
    assert "<script" not in document.html


def test_a_text_beyond_the_limit_keeps_its_words(root: Path, site_index: SiteIndex) -> None:
    context = ReadContext(
        SourceFile(DocumentKind.DOC, "r", "a.md", 1, 1, "/r/a.md", "/r"), site_index
    )
    assert rendering.to_html("word " * 300_000, context).startswith("<p>word")
    assert "longer than 1 MB" in context.findings[0].sentence


@pytest.mark.parametrize("depth", [150, 300, 3000, 50_000])
def test_deep_pages_keep_their_words(depth: int) -> None:
    deep = "<div><b>" * depth + "core" + "</b></div>" * depth + "<h2>Head</h2><p>after</p>"
    text = plaintext.to_text(tree.parse_html(deep))
    assert "core" in text
    assert "after" in text


@pytest.mark.parametrize(
    "target",
    [
        "../secret.md",
        "/etc/passwd",
        "%2e%2e/secret.md",
        "..\\secret.md",
        "link.md",
        "a/../../secret.md",
    ],
)
def test_nothing_outside_the_root_is_read(read: Read, root: Path, target: str) -> None:
    (root.parent / "secret.md").write_text("canary root:x")
    (root / "includes").mkdir()
    (root / "includes" / "link.md").symlink_to(root.parent / "secret.md")
    text = (
        f"Text.\n\n[!INCLUDE [x]({target})]\n\n![x]({target})\n\n```{{include}} "
        f'{target}\n```\n\n{{{{% include "{target}" %}}}}'
        f'\n\n:::code source="{target}":::\n\n--8<-- "{target}"\n\n[!INCLUDE [x](includes/link.md)]'
    )
    documents, findings = read("doc", "a.md", text)
    assert "canary" not in documents[0].html + documents[0].text()
    assert "root:x" not in documents[0].html
    assert findings


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    data=st.one_of(
        st.binary(max_size=400),
        st.text(max_size=400).map(lambda text: text.encode("utf-8", "replace")),
        st.lists(st.sampled_from(["<p>", "</p>", "# a?\n", "---\n", ":::note\n", "```{note}\n", "|a|\n|-|\n",
                                  "[x](y.md)", "<div",
                                  "&lt;", "> ", "{{< x >}}", "\n\n", "<!--", "a: b\n", "[^1]", "<h2 id=x>",
                                  "<dt>q?</dt>", "<table><tr>", "</body>", "\ufeff", "*", "`", "<row "]), max_size=30)
        .map(lambda parts: "".join(parts).encode()),
    ),
    name=st.sampled_from(["a.md", "a.html", "a.xml", "a.json", "a", "a.html.gz"]),
    kind=st.sampled_from(list(DocumentKind)),
)  # fmt: skip
def test_any_bytes_end_in_documents_or_findings(
    root: Path, data: bytes, name: str, kind: DocumentKind
) -> None:
    for prefix in (
        (b"", b"<posts>", b'{"post_stream": {"posts": [') if name in ("a.xml", "a.json") else (b"",)
    ):
        (root / name).write_bytes(prefix + data)
        context = ReadContext(_file(root / name, kind), SiteIndex(today=TODAY))
        documents = list(registry.read_file(context))
        again = list(
            registry.read_file(ReadContext(_file(root / name, kind), SiteIndex(today=TODAY)))
        )
        assert documents == again
        assert all(
            document.title and document.id.startswith(f"{document.kind}/") for document in documents
        )
        assert [danger for document in documents for danger in _dangers(document.html)] == []
        for document in documents:
            assert document.answer is None or 0 <= document.answer < len(document.sections)
            anchors = [section.anchor for section in document.sections if section.anchor]
            assert len(anchors) == len(set(anchors))
