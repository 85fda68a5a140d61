# ruff: noqa: E501 - samples are easier to read in one line
"""Any file becomes documents or findings, whatever is in it."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.readers import registry
from indexer.readers.context import ReadContext
from indexer.readers.site_index import SiteIndex
from kb.search.documents import DocumentKind
from tests.indexer.conftest import TODAY, Read, codes, source_file
from tests.indexer.dangers import find_dangers
from tests.indexer.readers.samples import docx, pdf


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
        context = ReadContext(source_file(root / name, kind), SiteIndex(today=TODAY))
        documents = list(registry.read_file(context))
        again = list(
            registry.read_file(ReadContext(source_file(root / name, kind), SiteIndex(today=TODAY)))
        )
        assert documents == again
        assert all(
            document.title and document.id.startswith(f"{document.kind}/") for document in documents
        )
        assert [danger for document in documents for danger in find_dangers(document.html)] == []
        for document in documents:
            assert document.answer is None or 0 <= document.answer < len(document.sections)
            anchors = [section.anchor for section in document.sections if section.anchor]
            assert len(anchors) == len(set(anchors))


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


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["a.rst", "a.pdf", "a.docx", "a.mbox", "a.yml", "a.html", "_redirects"]),
    parts=st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from([b"From a Mon Jan  5 10:00:00 2026\n", b"Subject: x\n", b"\n\n", b"=====\n", b".. note::\n",
                             b"### YamlMime:FAQ\n", b"sections:\n", b"- questions:\n", b"  - question: a\n", b"%PDF-1.4\n",
                             b"    answer: b\n", b"PK\x03\x04", b"/a /b 301\n", b"QAPage", b"<div itemtype=x/Question>",
                             b'<script type="application/ld+json">{"@type": "QAPage"}</script>', b":field: x\n", b"* a\n"]),
        ),
        max_size=12,
    ),
)  # fmt: skip
def test_any_bytes_of_other_formats_end_in_documents_or_findings(
    read: Read, name: str, parts: list[bytes]
) -> None:
    data = {"a.pdf": b"%PDF-1.4\n", "a.docx": b"PK\x03\x04"}.get(name, b"") + b"".join(parts)
    if not data:
        return
    documents, _ = read("doc", name, data)
    assert [danger for document in documents for danger in find_dangers(document.html)] == []
    assert all(document.id.startswith(f"{document.kind}/") for document in documents)
    assert len({document.id for document in documents}) == len(documents)


@pytest.mark.parametrize(
    ("name", "data", "module", "extra"),
    [
        ("a.rst", "T\n=\n\nx", "docutils", "rst"),
        ("a.pdf", pdf("x"), "pypdf", "pdf"),
        ("a.docx", docx(""), "mammoth", "docx"),
    ],
)
def test_a_missing_extra_is_named_with_the_command(
    read: Read,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    data: str | bytes,
    module: str,
    extra: str,
) -> None:
    real = builtins.__import__

    def without(wanted: str, *given: Any) -> Any:
        if wanted.split(".")[0] == module:
            raise ImportError(wanted)
        return real(wanted, *given)

    monkeypatch.setattr(builtins, "__import__", without)
    documents, findings = read("doc", name, data)
    assert documents == []
    assert codes(findings) == ["missing-package"]
    assert f"pip install 'askfirst[{extra}]'." in findings[0].sentence  # to be copied
