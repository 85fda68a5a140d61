# ruff: noqa: E501 - samples are easier to read in one line
"""reStructuredText, PDF, DOCX, mailboxes, YAML and schema.org pages, each with its quirks."""

from __future__ import annotations

import builtins
import io
import json
import zipfile
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.sources import format_detection
from indexer.sources.format_detection import Format, Unreadable
from tests.indexer.conftest import Read, codes
from tests.indexer.html.test_hostile import _dangers

# reStructuredText


def test_rst_becomes_sections_with_its_title_and_docinfo(read: Read) -> None:
    text = (
        "=============\nBack up\n=============\n\n:product: Portal\n:date: 2026-01-02\n\nFirst *things*.\n\n"
        "Every night\n===========\n\n.. note:: Test it.\n\n.. code-block:: sh\n\n   kb backup\n\n"
        "See :ref:`the other page <other>` and :func:`~kb.open`.\n\n.. versionadded:: 3.1\n   It is new.\n"
    )
    document = read("doc", "a.rst", text)[0][0]
    assert (document.title, document.product, str(document.updated)) == (
        "Back up",
        "Portal",
        "2026-01-02",
    )
    assert [section.path for section in document.sections] == [(), ("Every night",)]
    assert "kb backup" in document.sections[1].text
    assert "See the other page and kb.open." in document.sections[1].text
    assert "New in version 3.1" in document.text()
    assert ":ref:" not in document.html
    assert "callout note" in document.html


@pytest.mark.parametrize(
    "attack",
    [
        ".. raw:: html\n\n   <script>alert(1)</script>",
        ".. include:: ../secret.md",
        ".. include:: /etc/passwd",
        ".. csv-table::\n   :file: ../secret.md",
        ".. raw:: html\n   :file: ../secret.md",
        "`x <javascript:alert(1)>`_",
        ".. image:: javascript:alert(1)",
        ".. |x| raw:: html\n\n   <b onclick=alert(1)>\n\n|x|",
        ".. role:: raw-html(raw)\n   :format: html\n\n:raw-html:`<script>alert(1)</script>`",
    ],
)
def test_rst_reads_no_other_file_and_nothing_in_it_can_run(read: Read, attack: str) -> None:
    documents, _ = read(
        "doc", "a.rst", f"Title\n=====\n\nText.\n\n{attack}\n\nEnd.\n", **{"../secret.md": "canary"}
    )
    assert "End." in documents[0].text()
    assert "canary" not in documents[0].html
    assert "root:" not in documents[0].html
    assert _dangers(documents[0].html) == []


def test_broken_rst_keeps_its_words(read: Read) -> None:
    text = "Title\n==\n\n.. unknown:: x\n\n   inside\n\nA `broken link_ and **bold\n\n- list\nnot indented\n\nEnd."
    document = read("doc", "a.rst", text)[0][0]
    assert "End." in document.text()


# PDF


def _pdf(*pages: str, title: str = "") -> bytes:
    """A PDF as small as it can be."""
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Count {len(pages)}/Kids[{' '.join(f'{4 + 2 * n} 0 R' for n in range(len(pages)))}]>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for number, text in enumerate(pages):
        lines = " T* ".join(f"({line}) Tj" for line in text.split("\n"))
        stream = f"BT /F1 12 Tf 14 TL 50 700 Td {lines} ET"
        page = f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents {5 + 2 * number} 0 R"
        objects.append(f"{page}/Resources<</Font<</F1 3 0 R>>>>>>")
        objects.append(f"<</Length {len(stream)}>>\nstream\n{stream}\nendstream")
    objects.append(f"<</Title({title})>>")
    made, places = "%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(made))
        made += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"trailer<</Size {len(objects) + 1}/Root 1 0 R/Info {len(objects)} 0 R>>\nstartxref\n{len(made)}\n%%EOF"
    return f"{made}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{end}".encode("latin-1")


def test_a_pdf_has_a_section_for_each_page(read: Read) -> None:
    document = read(
        "doc", "manual.pdf", _pdf("Reset the pass-\nword", "Second page", title="The manual")
    )[0][0]
    assert (document.id, document.title) == ("doc/manual", "The manual")
    assert [(section.anchor, section.path, section.text) for section in document.sections] == [
        ("s-page-1", ("Page 1",), "Reset the password"),
        ("s-page-2", ("Page 2",), "Second page"),
    ]
    assert 'id="s-page-2"' in document.html


def test_a_pdf_named_by_its_writer_takes_its_first_line(read: Read) -> None:
    assert (
        read("doc", "a.pdf", _pdf("How to begin", title="report.docx"))[0][0].title
        == "How to begin"
    )


@pytest.mark.parametrize(
    ("data", "code"), [(_pdf(""), "pdf-without-text"), (b"%PDF-1.4 nonsense", "damaged-pdf")]
)
def test_a_pdf_without_words_says_so(read: Read, data: bytes, code: str) -> None:
    documents, findings = read("doc", "a.pdf", data)
    assert documents == []
    assert codes(findings) == [code]
    assert findings[0].skipped


# DOCX

_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def _docx(body: str, **parts: str) -> bytes:
    rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    files = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default '
        'Extension="xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/>'
        "</Types>",
        "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship '
        f'Id="r" Type="{rel}" Target="word/document.xml"/></Relationships>',
        "word/document.xml": f"<w:document {_W}><w:body>{body}</w:body></w:document>",
        **parts,
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, text in files.items():
            packed.writestr(name, text)
    return made.getvalue()


def _paragraph(text: str, style: str = "") -> str:
    styled = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{styled}<w:r><w:t>{text}</w:t></w:r></w:p>"


def test_a_word_document_becomes_sections(read: Read) -> None:
    body = (
        _paragraph("Install it", "Heading1")
        + _paragraph("First.")
        + _paragraph("On Linux", "Heading2")
    )
    document = read("doc", "a.docx", _docx(body + _paragraph("Use apt &lt;b&gt;.")))[0][0]
    assert document.title == "Install it"
    assert [(section.path, section.text) for section in document.sections] == [
        ((), "First."),
        (("On Linux",), "Use apt <b>."),
    ]
    named = _docx(body, **{"docProps/core.xml": "<x><dc:title>Set up</dc:title></x>"})
    assert read("doc", "b.docx", named)[0][0].title == "Set up"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"PK\x03\x04broken", "damaged-docx"),
        (_docx("", **{"bomb.bin": "\0" * (101 * 1024 * 1024)}), "too-large-unpacked"),
        (_docx("", **{"word/x.xml": '<!DOCTYPE a [<!ENTITY b "c">]><a/>'}), "docx-document-type"),
        (_docx(""), "no-text"),
    ],
)
def test_a_word_document_that_cannot_be_read_says_why(read: Read, data: bytes, code: str) -> None:
    documents, findings = read("doc", "a.docx", data)
    assert documents == []
    assert codes(findings) == [code]


@pytest.mark.parametrize(
    ("name", "data", "module", "extra"),
    [
        ("a.rst", "T\n=\n\nx", "docutils", "rst"),
        ("a.pdf", _pdf("x"), "pypdf", "pdf"),
        ("a.docx", _docx(""), "mammoth", "docx"),
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


# mbox


def _message(
    subject: str,
    body: str,
    *,
    name: str,
    parents: str = "",
    sender: str = "Alice A. <alice@example.com>",
) -> str:
    reply = f"In-Reply-To: {parents}\n" if parents else ""
    return (
        f"From alice@example.com Mon Jan  5 10:00:00 2026\nFrom: {sender}\nSubject: {subject}\nMessage-ID: {name}\n"
        f"Date: Mon, 05 Jan 2026 10:00:00 +0000\n{reply}\n{body}\n\n"
    )


def test_a_mailbox_becomes_threads_without_addresses(read: Read) -> None:
    box = (
        _message("[users] Cannot print", "The printer is <b>silent</b>.\nMail me: alice@example.com\n-- \nAlice", name="<1@x>")
        + _message("Another thing", "Hello.", name="<2@x>")
        + _message("Re: [users] Cannot print", "On Mon, Alice wrote:\n> The printer\n\nPlug it in.", name="<3@x>", parents="<1@x>",
                   sender="bob@example.com")
        + _message("AW: cannot print", "Danke.", name="<4@x>")
    )  # fmt: skip
    documents, findings = read("forum", "list.mbox", box)
    assert findings == []
    assert [(d.id, d.title) for d in documents] == [
        ("forum/list/cannot-print", "Cannot print"),
        ("forum/list/another-thing", "Another thing"),
    ]
    first = documents[0]
    assert [section.text for section in first.sections] == [
        "The printer is <b>silent</b>. Mail me: (address)",
        "Plug it in.",
        "Danke.",
    ]
    assert first.sections[1].path == ("Reply",)
    assert first.authors == ("Alice A.",)
    assert str(first.updated) == "2026-01-05"
    assert "@" not in first.html


def test_mail_in_other_encodings_and_shapes_is_read(read: Read) -> None:
    head = "From x Mon Jan  5 10:00:00 2026\nSubject: =?iso-8859-1?q?Gr=F6=DFe?=\n"
    latin = (
        f"{head}Content-Type: text/plain; charset=iso-8859-1\n\n".encode()
        + "Die Größe.".encode("latin-1")
    )
    page = (head + "Content-Type: text/html\n\n<p>Hi <script>alert(1)</script></p>").encode()
    odd = (head + "Content-Type: text/plain; charset=no-such\nDate: yesterday\n\nOdd.").encode()
    documents, _ = read("forum", "a.mbox", latin + b"\n\n" + page + b"\n\n" + odd)
    assert documents[0].title == "Größe"
    assert "Die Größe." in documents[0].text()
    assert [danger for document in documents for danger in _dangers(document.html)] == []


def test_an_empty_mailbox_says_so(read: Read) -> None:
    _, findings = read("forum", "a.mbox", "From x Mon Jan  5 10:00:00 2026\nSubject: x\n\n")
    assert codes(findings) == ["mailbox-empty"]


# YAML FAQ


def test_a_yaml_faq_becomes_questions(read: Read) -> None:
    text = (
        "### YamlMime:FAQ\nmetadata:\n  ms.date: 01/02/2026\n  ms.topic: faq\ntitle: Updates\nsummary: About updates.\n"
        "sections:\n  - name: General\n    questions:\n      - question: What is it?\n        answer: |\n"
        "          An **update**, see [b](b.md).\n      - question: 'How: often?'\n        answer: Monthly\n"
        "      - question: Nothing?\n        answer:\n      - question: What is it?\n        answer: Twice.\n"
    )
    documents, findings = read(
        "doc", "install/updates.yml", text, **{"install/b.md": "# B\n\nText."}
    )
    assert [(d.id, d.title, d.kind) for d in documents] == [
        ("faq/install/updates/what-is-it", "What is it?", "faq"),
        ("faq/install/updates/how-often", "How: often?", "faq"),
    ]
    assert documents[0].extra == {"type": "faq", "topic": "Updates › General"}
    assert 'href="/help/doc/install/b"' in documents[0].html
    assert str(documents[0].updated) == "2026-01-02"
    assert codes(findings) == ["duplicate-question"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("### YamlMime:FAQ\na: &x 1\nb: *x\n", "yaml-features"),
        ("### YamlMime:FAQ\na: [1\n", "invalid-yaml"),
        ("### YamlMime:FAQ\nsections: 3\n", "yaml-not-faq"),
        ("### YamlMime:FAQ\nsections: []\n", "yaml-no-answers"),
        ("### YamlMime:FAQ\n" + "[" * 5000, "invalid-yaml"),
        (
            "### YamlMime:FAQ\ndraft: true\nsections:\n- questions:\n  - {question: a, answer: b}\n",
            "draft",
        ),
    ],
)
def test_a_yaml_faq_that_cannot_be_read_says_why(read: Read, text: str, code: str) -> None:
    documents, findings = read("faq", "a.yml", text)
    assert documents == []
    assert codes(findings) == [code]


def test_other_yaml_is_left_alone(read: Read) -> None:
    _, findings = read("doc", "toc.yml", "items:\n- name: x\n  href: y.md\n")
    assert codes(findings) == ["unknown-format"]


# schema.org discussions


def _ld(data: Any) -> str:
    return f'<html><head><script type="application/ld+json">{json.dumps(data)}</script></head><body><nav>x</nav></body></html>'


def test_a_discussion_declared_as_json_becomes_a_topic(read: Read) -> None:
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


def test_a_discussion_in_microdata_becomes_a_topic(read: Read) -> None:
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
    assert _dangers(document.html) == []


def test_a_page_that_only_mentions_discussions_is_an_article(read: Read) -> None:
    page = (
        "<html><body><h1>Mark up</h1><p>Use DiscussionForumPosting for threads.</p></body></html>"
    )
    assert read("doc", "a.html", page)[0][0].kind == "doc"


# AsciiDoc, through its HTML


def test_asciidoctors_pages_lose_their_frame_and_keep_their_callouts(read: Read) -> None:
    page = (
        '<html><head><title>Install</title></head><body class="article"><div id="header"><h1>Install</h1><div '
        'class="details"><span class="author">Alice</span></div><div id="toc" class="toc"><ul><li><a '
        'href="#_a">A</a></li></ul></div></div><div id="content"><div class="sect1"><h2 id="_on_linux">On Linux</h2><div '
        'class="sectionbody"><div class="paragraph"><p>' + "Use the package. " * 10 + '</p></div><div '
        'class="admonitionblock note"><table><tr><td class="icon"><div class="title">Note</div></td><td class="content">Mind '
        'the gap.</td></tr></table></div></div></div></div><div id="footer"><div id="footer-text">Last updated '
        "2026</div></div></body></html>"
    )  # fmt: skip
    document = read("doc", "a.html", page)[0][0]
    assert document.title == "Install"
    assert [section.path for section in document.sections] == [("On Linux",)]
    assert "Last updated" not in document.text()
    assert "Mind the gap." in document.text()
    assert "callout note" in document.html


def test_asciidoc_itself_says_how_it_is_read(read: Read) -> None:
    assert codes(read("doc", "a.adoc", "= Title\n\nText.")[1]) == ["convert-asciidoc"]


# Telling formats apart


@pytest.mark.parametrize(
    ("path", "head", "expected"),
    [
        ("a.rst", b"Title\n=====", Format.RST),
        ("a.pdf", b"%PDF-1.7", Format.PDF),
        ("noname", b"%PDF-1.7", Format.PDF),
        ("a.docx", b"PK\x03\x04", Format.DOCX),
        ("archive.txt", b"From a@b Mon Jan  5 10:00:00 2026\nFrom: x\n", Format.MBOX),
        ("letter.txt", b"From Alice with love\n", Format.MARKDOWN),
        ("a.mbox", b"From a@b", Format.MBOX),
        ("a.yml", b"### YamlMime:FAQ\n", Format.YAML_FAQ),
        ("_redirects", b"/a /b 301", Format.REDIRECTS),
        (".openpublishing.redirection.json", b'{"redirections": []}', Format.REDIRECTS),
    ],
)
def test_the_format_is_told_by_name_and_content(path: str, head: bytes, expected: Format) -> None:
    assert format_detection.detect_format(path, head) is expected


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("a.adoc", "convert-asciidoc"),
        ("a.doc", "convert-doc"),
        ("a.chm", "convert-chm"),
        ("a.zip", "unknown-format"),
    ],
)
def test_an_unsupported_format_is_named(path: str, code: str) -> None:
    with pytest.raises(Unreadable) as caught:
        format_detection.detect_format(path, b"some text")
    assert caught.value.code == code


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
def test_any_bytes_end_in_documents_or_findings(read: Read, name: str, parts: list[bytes]) -> None:
    data = {"a.pdf": b"%PDF-1.4\n", "a.docx": b"PK\x03\x04"}.get(name, b"") + b"".join(parts)
    if not data:
        return
    documents, _ = read("doc", name, data)
    assert [danger for document in documents for danger in _dangers(document.html)] == []
    assert all(document.id.startswith(f"{document.kind}/") for document in documents)
    assert len({document.id for document in documents}) == len(documents)
