"""Format detection: what the bytes of a file are, and the text in them.

The content decides; the suffix only breaks ties. What is not read raises ``Unreadable`` with the
code of a message (``indexer.findings``). Documents are made elsewhere (``indexer.readers``).
"""

from __future__ import annotations

import codecs
import gzip
import io
import os
import re
import zlib
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from indexer.findings import describe

#: Bytes of a file that its format is detected from.
SNIFF_BYTES = 8192
_XML_HEAD = 2048  # bytes that hold the root element of an XML file
_PAGE_HEAD = 4096  # bytes that hold the first tags of a page

#: Fewer bytes beyond ASCII are not enough to guess an encoding from.
_MIN_GUESS_BYTES = 64
_MAX_GUESS_BYTES = 32 * 1024


class Format(StrEnum):
    MARKDOWN = "markdown"
    HTML = "html"
    STACK_EXCHANGE = "stack exchange"
    DISCOURSE = "discourse"
    MBOX = "mbox"
    RST = "reStructuredText"
    PDF = "pdf"
    DOCX = "docx"
    YAML_FAQ = "YAML FAQ"
    REDIRECTS = "redirects"  # old addresses: they lead to documents, and make none
    COMPANION = "companion"  # read together with another file, never alone


class Unreadable(Exception):
    """Why a file is not read: the code of a message, its values, and the line, if there is one."""

    def __init__(self, code: str, *, line: int = 0, **values: Any) -> None:
        super().__init__(describe(code, **values))
        self.code = code
        self.line = line
        self.values = values


_GZIP = b"\x1f\x8b"
_MARKDOWN_SUFFIXES = frozenset({".md", ".markdown", ".mdown", ".mkd", ".mdx", ".txt"})
_RST_SUFFIXES = frozenset({".rst", ".rest"})
_YAML_SUFFIXES = frozenset({".yml", ".yaml"})
_HTML_SUFFIXES = frozenset({".html", ".htm", ".xhtml"})

_PAGE = re.compile(rb"<!doctype\s+html|<html[\s>]|<body[\s>]", re.IGNORECASE)
_TEMPLATE = re.compile(
    rb"\{\{[-%<]?\s*(?:define|end|if|range|with|partial|block|template|\$|\.)|\{%-?\s*\w+"
)
_MAILBOX = re.compile(rb"From \S+.{0,80}\d\d:\d\d.{0,40}\n(?:[\w-]+:|>?From )")
_FAQ_PAGE = re.compile(
    rb"\A#{2,4} ?YamlMime: ?FAQ\b|^[ \t]*-?[ \t]*questions?:[ \t]*", re.MULTILINE
)

#: Root elements of the files that lie beside a Stack Exchange Posts.xml.
_COMPANIONS = (
    b"<postlinks",
    b"<users",
    b"<comments",
    b"<badges",
    b"<votes",
    b"<tags",
    b"<posthistory",
)

#: Suffixes of what can be read after a conversion -> code of the message that says how.
_CONVERTIBLE: Mapping[str, str] = MappingProxyType(
    {
        ".adoc": "convert-asciidoc",
        ".asciidoc": "convert-asciidoc",
        ".doc": "convert-doc",
        ".chm": "convert-chm",
    }
)

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED_ENCODING = re.compile(
    rb"""<meta[^>]{0,200}charset=["']?([\w-]{2,30})|<\?xml[^>]{0,200}encoding=["']([\w-]{2,30})""",
    re.I,
)

#: Control characters but tab, line feed, and carriage return: no text means them, no tree holds
#: them.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


def is_gzip(data: bytes) -> bool:
    return data.startswith(_GZIP)


def decompress(data: bytes, limit: int) -> bytes:
    """``data``, unpacked when it is gzip. Raises Unreadable beyond ``limit`` bytes, and when it is
    damaged."""
    if not is_gzip(data):
        return data
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            unpacked = packed.read(limit + 1)
    except (OSError, EOFError, zlib.error):
        raise Unreadable("damaged-gzip") from None
    if len(unpacked) > limit:
        raise Unreadable("too-large-unpacked", limit=limit // 1024**2)
    return unpacked


def detect_format(path: str, head: bytes) -> Format:
    """The format of a file by its first bytes. Raises Unreadable for anything that is not read."""
    suffix = os.path.splitext(path.lower().removesuffix(".gz"))[1]
    head = head[:SNIFF_BYTES]

    binary = _detect_binary(head, suffix)
    if binary:
        return binary
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        head = head.decode("utf-16", "replace").encode()
    elif head.count(0) > len(head) // 100:
        raise Unreadable("binary-file")

    start = head.removeprefix(codecs.BOM_UTF8).lstrip()
    by_name = _detect_by_name(path, suffix, start)
    if by_name:
        return by_name

    lowered = start.lower()
    if lowered.startswith(b"<?xml") or suffix == ".xml":
        return _detect_xml(lowered)
    if suffix == ".json" or (not suffix and start[:1] in (b"{", b"[")):
        return _detect_json(head, suffix)
    if suffix in _HTML_SUFFIXES or lowered.startswith((b"<!doctype html", b"<html")):
        return _detect_html(start)
    if not suffix and start.startswith((b"# ", b"---\n", b"+++\n")):
        return Format.MARKDOWN

    if suffix in _CONVERTIBLE:
        raise Unreadable(_CONVERTIBLE[suffix], example=f"page{suffix}")
    reason = f"{suffix} files are not supported" if suffix else "the file has no suffix"
    raise Unreadable("unknown-format", reason=reason)


def _detect_binary(head: bytes, suffix: str) -> Format | None:
    if head.startswith(b"%PDF-") or (suffix == ".pdf" and b"%PDF-" in head[:1024]):
        return Format.PDF
    if head.startswith(b"PK\x03\x04") and suffix == ".docx":
        return Format.DOCX
    return None


def _detect_by_name(path: str, suffix: str, start: bytes) -> Format | None:
    """Formats that the name tells, unless the content objects."""
    if is_redirect_list(path):
        return Format.REDIRECTS
    if suffix in _MARKDOWN_SUFFIXES:
        return Format.MBOX if _MAILBOX.match(start) else Format.MARKDOWN
    if suffix in _RST_SUFFIXES:
        return Format.RST
    if suffix == ".mbox" or (not suffix and _MAILBOX.match(start)):
        return Format.MBOX
    if suffix in _YAML_SUFFIXES and _FAQ_PAGE.search(start):
        return Format.YAML_FAQ
    return None


def is_redirect_list(path: str) -> bool:
    """Whether a file of this name holds old addresses (Netlify, DocFX)."""
    name = os.path.basename(path)
    if name == "_redirects":
        return True
    return name.startswith(".openpublishing.redirection") and name.endswith(".json")


def _detect_xml(lowered: bytes) -> Format:
    head = lowered[:_XML_HEAD]
    if b"<posts" in head:
        return Format.STACK_EXCHANGE
    if _PAGE.search(lowered[:_PAGE_HEAD]):
        return Format.HTML
    if any(root in head for root in _COMPANIONS):
        return Format.COMPANION
    raise Unreadable("unknown-xml")


def _detect_json(head: bytes, suffix: str) -> Format:
    if b'"post_stream"' in head:
        return Format.DISCOURSE

    # The key may come late in a long topic; the reader looks at the whole file.
    is_cut = len(head) == SNIFF_BYTES
    if suffix == ".json" and is_cut and head[:1] in (b"{", b"[") and b'"posts_count"' in head:
        return Format.DISCOURSE
    raise Unreadable("not-discourse")


def _detect_html(start: bytes) -> Format:
    # Below its first tags a page may talk about templates; a part of a page has no such tags.
    is_page = _PAGE.search(start[:_PAGE_HEAD])
    if _TEMPLATE.search(start[:1500] if is_page else start):
        raise Unreadable("template")
    return Format.HTML


def decode_text(data: bytes) -> tuple[str, str]:
    """(text, encoding), by byte order mark, as UTF-8, as declared, or by a guess. Never fails."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _normalize(data[len(mark) :].decode(encoding, "replace")), encoding

    try:
        return _normalize(data.decode("utf-8")), "utf-8"
    except UnicodeDecodeError:
        pass

    declared = _DECLARED_ENCODING.search(data[:2048])
    name = (declared[1] or declared[2]).decode("ascii", "replace") if declared else ""
    for encoding in (name, _guess_encoding(data), "cp1252"):
        try:
            return _normalize(data.decode(encoding)), encoding
        except (LookupError, UnicodeDecodeError, ValueError):
            continue
    return _normalize(data.decode("latin-1")), "latin-1"


def remove_control_characters(text: str) -> str:
    """``text`` without what cannot be stored: control characters and lone surrogates, which JSON
    may hold."""
    return _CONTROLS.sub("", text).encode("utf-8", "replace").decode("utf-8")


def _normalize(text: str) -> str:
    text = _CONTROLS.sub("", text)
    return text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")


def _guess_encoding(data: bytes) -> str:
    sample = data[:_MAX_GUESS_BYTES]
    if sum(byte > 127 for byte in sample) < _MIN_GUESS_BYTES:
        return "cp1252"  # a guess from a few letters is worse than the most frequent case

    from charset_normalizer import from_bytes  # slow to import, and seldom needed

    best = from_bytes(sample).best()
    return best.encoding if best else ""
