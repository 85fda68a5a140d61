"""Word documents, sound and hostile."""

from __future__ import annotations

import pytest

from tests.indexer.conftest import Read, codes
from tests.indexer.readers.samples import docx, paragraph


def test_a_word_document_becomes_sections(read: Read) -> None:
    body = (
        paragraph("Install it", "Heading1")
        + paragraph("First.")
        + paragraph("On Linux", "Heading2")
    )
    document = read("doc", "a.docx", docx(body + paragraph("Use apt &lt;b&gt;.")))[0][0]
    assert document.title == "Install it"
    assert [(section.path, section.text) for section in document.sections] == [
        ((), "First."),
        (("On Linux",), "Use apt <b>."),
    ]
    named = docx(body, **{"docProps/core.xml": "<x><dc:title>Set up</dc:title></x>"})
    assert read("doc", "b.docx", named)[0][0].title == "Set up"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"PK\x03\x04broken", "damaged-docx"),
        (docx("", **{"bomb.bin": "\0" * (101 * 1024 * 1024)}), "too-large-unpacked"),
        (docx("", **{"word/x.xml": '<!DOCTYPE a [<!ENTITY b "c">]><a/>'}), "docx-document-type"),
        (docx(""), "no-text"),
    ],
)
def test_a_damaged_or_unsafe_word_document_is_skipped_with_a_reason(
    read: Read, data: bytes, code: str
) -> None:
    documents, findings = read("doc", "a.docx", data)
    assert documents == []
    assert codes(findings) == [code]
