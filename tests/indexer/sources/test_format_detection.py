"""Formats by content and name, encodings, and packed files."""

from __future__ import annotations

import gzip

import pytest

from indexer.sources import format_detection
from indexer.sources.format_detection import Format, Unreadable
from tests.indexer.conftest import Read, codes


def test_asciidoc_is_skipped_with_advice_to_convert_it(read: Read) -> None:
    assert codes(read("doc", "a.adoc", "= Title\n\nText.")[1]) == ["convert-asciidoc"]


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
def test_the_format_is_detected_by_name_and_content(
    path: str, head: bytes, expected: Format
) -> None:
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


@pytest.mark.parametrize(
    ("path", "head", "expected"),
    [
        ("a.md", b"# Title", Format.MARKDOWN),
        ("a.md", b"<html><body>pasted", Format.MARKDOWN),
        ("a.html", b"<p>fragment", Format.HTML),
        ("a", b"\n\n<!DOCTYPE html><html>", Format.HTML),
        ("a.xml", b'\xef\xbb\xbf<?xml version="1.0"?>\n<posts>', Format.STACK_EXCHANGE),
        ("a.xhtml", b'<?xml version="1.0"?><!DOCTYPE html><html>', Format.HTML),
        ("PostLinks.xml", b"<postlinks>", Format.COMPANION),
        ("a.json", b'{"post_stream": {}}', Format.DISCOURSE),
    ],
)
def test_the_content_decides_the_format(path: str, head: bytes, expected: Format) -> None:
    assert format_detection.detect_format(path, head) is expected


@pytest.mark.parametrize(
    ("path", "head", "code"),
    [
        ("a.png.md", b"\x00\x01\x02" * 100, "binary-file"),
        ("a.json", b'{"redirections": []}', "not-discourse"),
        ("a.xml", b"<feed>", "unknown-xml"),
        ("a.yml", b"a: b", "unknown-format"),
        ("layout.html", b"<html><title>{{ .Title }}</title>", "template"),
        ("part.html", b"{% for page in pages %}<p>{{ page }}</p>", "template"),
    ],
)
def test_a_file_that_is_not_read_says_why(path: str, head: bytes, code: str) -> None:
    with pytest.raises(Unreadable) as caught:
        format_detection.detect_format(path, head)
    assert caught.value.code == code


def test_a_packed_page_is_unpacked_within_bounds() -> None:
    assert format_detection.decompress(gzip.compress(b"<html>"), 100) == b"<html>"
    with pytest.raises(Unreadable) as caught:
        format_detection.decompress(gzip.compress(b"x" * 5_000_000), 1024 * 1024)
    assert caught.value.code == "too-large-unpacked"
    with pytest.raises(Unreadable) as caught:
        format_detection.decompress(b"\x1f\x8b\x08broken", 100)
    assert caught.value.code == "damaged-gzip"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xef\xbb\xbfa\r\nb\rc", "a\nb\nc"),
        ("größer".encode("latin-1"), "größer"),
        ("größer".encode("utf-16"), "größer"),
        (b"a\x00b", "ab"),
        (b'<meta charset="utf-8">caf\xe9', '<meta charset="utf-8">café'),
    ],
)
def test_bytes_become_text_whatever_their_encoding(data: bytes, text: str) -> None:
    assert format_detection.decode_text(data)[0] == text
