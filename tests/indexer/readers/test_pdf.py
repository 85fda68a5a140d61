"""PDF: text by page, and files without any."""

from __future__ import annotations

import pytest

from tests.indexer.conftest import Read, codes
from tests.indexer.readers.samples import pdf


def test_a_pdf_has_a_section_for_each_page(read: Read) -> None:
    document = read(
        "doc", "manual.pdf", pdf("Reset the pass-\nword", "Second page", title="The manual")
    )[0][0]
    assert (document.id, document.title) == ("doc/manual", "The manual")
    assert [(section.anchor, section.path, section.text) for section in document.sections] == [
        ("s-page-1", ("Page 1",), "Reset the password"),
        ("s-page-2", ("Page 2",), "Second page"),
    ]
    assert 'id="s-page-2"' in document.html


def test_a_pdf_with_a_generated_title_takes_its_first_line(read: Read) -> None:
    assert (
        read("doc", "a.pdf", pdf("How to begin", title="report.docx"))[0][0].title == "How to begin"
    )


@pytest.mark.parametrize(
    ("data", "code"), [(pdf(""), "pdf-without-text"), (b"%PDF-1.4 nonsense", "damaged-pdf")]
)
def test_a_pdf_without_text_is_skipped_with_a_reason(read: Read, data: bytes, code: str) -> None:
    documents, findings = read("doc", "a.pdf", data)
    assert documents == []
    assert codes(findings) == [code]
    assert findings[0].skipped
