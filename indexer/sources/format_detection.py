"""What is in these bytes: Markdown, a page, a forum dump, or nothing that is read here?

Decides by content; the file's suffix only breaks ties. Also turns bytes into text. Not for making
documents.
"""

from __future__ import annotations

import codecs
import gzip
import io
import os
import re
import zlib
from enum import StrEnum

SNIFF_BYTES = 8192
_ENOUGH_TO_GUESS = 64  # bytes beyond ASCII


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
    """Why nothing is made of this file, as one sentence."""


_MARKDOWN_SUFFIXES = frozenset({".md", ".markdown", ".mdown", ".mkd", ".mdx", ".txt"})
_RST_SUFFIXES = frozenset({".rst", ".rest"})
_YAML_SUFFIXES = frozenset({".yml", ".yaml"})
_HTML_SUFFIXES = frozenset({".html", ".htm", ".xhtml"})
_PAGE = re.compile(rb"<!doctype\s+html|<html[\s>]|<body[\s>]", re.IGNORECASE)
_TEMPLATE = re.compile(
    rb"\{\{[-%<]?\s*(?:define|end|if|range|with|partial|block|template|\$|\.)|\{%-?\s*\w+"
)
_COMPANIONS = (
    b"<postlinks",
    b"<users",
    b"<comments",
    b"<badges",
    b"<votes",
    b"<tags",
    b"<posthistory",
)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decompress(data: bytes, limit: int) -> bytes:
    """``data`` unpacked when it is gzip, at most ``limit`` bytes. Raises Unreadable beyond it or
    when it is damaged.
    """
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            unpacked = packed.read(limit + 1)
    except (OSError, EOFError, zlib.error):
        raise Unreadable("It is a damaged gzip file.") from None
    if len(unpacked) > limit:
        raise Unreadable(f"Unpacked it is larger than {limit // 1024**2} MB.")
    return unpacked


def detect_format(path: str, head: bytes) -> Format:
    """The format of a file by its first bytes. Raises Unreadable with the reason."""
    suffix = os.path.splitext(path.lower().removesuffix(".gz"))[1]
    head = head[:SNIFF_BYTES]
    packed = _packed(head, suffix)
    if packed:
        return packed
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        head = head.decode("utf-16", "replace").encode()
    elif head.count(0) > len(head) // 100:
        raise Unreadable("It is a binary file, not text.")
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()
    lowered = start.lower()
    told = _by_name(path, suffix, start)
    if told:
        return told
    if lowered.startswith(b"<?xml") or suffix == ".xml":
        return _xml(lowered)
    if suffix == ".json" or (not suffix and start[:1] in (b"{", b"[")):
        return _json(head, suffix)
    if suffix in _HTML_SUFFIXES or lowered.startswith((b"<!doctype html", b"<html")):
        return _html(start)
    if not suffix and start.startswith((b"# ", b"---\n", b"+++\n")):
        return Format.MARKDOWN
    known = _OTHERS.get(suffix)
    if known:
        raise Unreadable(known)
    named = (
        f"{suffix} files are not read"
        if suffix
        else "it has no suffix and does not look like Markdown or HTML"
    )
    raise Unreadable(f"Neither Markdown, HTML nor a forum export: {named}.")


_OTHERS = {
    ".adoc": (
        "AsciiDoc is read through its HTML; convert it (asciidoctor page.adoc) and point to "
        "the result."
    ),
    ".asciidoc": (
        "AsciiDoc is read through its HTML; convert it (asciidoctor page.asciidoc) and "
        "point to the result."
    ),
    ".doc": "Word's old format is not read; save it as DOCX.",
    ".chm": "A compiled help file is not read; unpack it (7z x) and point to its HTML.",
}


def _packed(head: bytes, suffix: str) -> Format | None:
    """Formats that are binary, by their first bytes."""
    if head.startswith(b"%PDF-") or (suffix == ".pdf" and b"%PDF-" in head[:1024]):
        return Format.PDF
    return Format.DOCX if head.startswith(b"PK\x03\x04") and suffix == ".docx" else None


def is_redirect_list(path: str) -> bool:
    """Whether a file of this name holds old addresses (DocFX, Netlify)."""
    name = os.path.basename(path)
    return name == "_redirects" or (
        name.startswith(".openpublishing.redirection") and name.endswith(".json")
    )


def _by_name(path: str, suffix: str, start: bytes) -> Format | None:
    """Formats that the name tells, as far as the content does not object."""
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


_MAILBOX = re.compile(rb"From \S+.{0,80}\d\d:\d\d.{0,40}\n(?:[\w-]+:|>?From )")
_FAQ_PAGE = re.compile(
    rb"\A#{2,4} ?YamlMime: ?FAQ\b|^[ \t]*-?[ \t]*questions?:[ \t]*", re.MULTILINE
)


def _xml(lowered: bytes) -> Format:
    if b"<posts" in lowered[:2048]:
        return Format.STACK_EXCHANGE
    if _PAGE.search(lowered[:4096]):
        return Format.HTML
    if any(root in lowered[:2048] for root in _COMPANIONS):
        return Format.COMPANION
    raise Unreadable("It is XML, but neither a page nor a Stack Exchange Posts.xml.")


def _json(head: bytes, suffix: str) -> Format:
    if b'"post_stream"' in head:
        return Format.DISCOURSE
    if suffix == ".json" and head[:1] in (b"{", b"["):
        # The key may come late in a long topic; the reader looks again at the whole.
        return (
            Format.DISCOURSE
            if len(head) == SNIFF_BYTES and b'"posts_count"' in head
            else _no_topic()
        )
    return _no_topic()


def _no_topic() -> Format:
    raise Unreadable("It is JSON, but no Discourse topic.")


def _html(start: bytes) -> Format:
    is_page = _PAGE.search(start[:4096])
    if _TEMPLATE.search(start[:1500] if is_page else start):
        raise Unreadable("It is a template, not a page.")
    return Format.HTML


_DECLARED = re.compile(
    rb"""<meta[^>]{0,200}charset=["']?([\w-]{2,30})|<\?xml[^>]{0,200}encoding=["']([\w-]{2,30})""",
    re.I,
)


def decode_text(data: bytes) -> tuple[str, str]:
    """(text, encoding): BOM, then UTF-8, then what the page declares, then a guess; never fails;
    NUL removed.
    """
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return _tidy(data[len(bom) :].decode(encoding, "replace")), encoding
    try:
        return _tidy(data.decode("utf-8")), "utf-8"
    except UnicodeDecodeError:
        pass
    declared = _DECLARED.search(data[:2048])
    name = (declared[1] or declared[2]).decode("ascii", "replace") if declared else ""
    for encoding in (name, _guess(data), "cp1252"):
        try:
            return _tidy(data.decode(encoding)), encoding
        except (LookupError, UnicodeDecodeError, ValueError):
            continue
    return _tidy(data.decode("latin-1")), "latin-1"


#: What no text means and no tree can hold: control characters but tab, line feed and carriage
#: return.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


def _tidy(text: str) -> str:
    return _CONTROLS.sub("", text).replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")


def _guess(data: bytes) -> str:
    if sum(byte > 127 for byte in data[: 32 * 1024]) < _ENOUGH_TO_GUESS:
        return "cp1252"  # a guess from a few letters is worse than the most frequent case
    from charset_normalizer import from_bytes  # slow to import, seldom needed

    best = from_bytes(data[: 32 * 1024]).best()
    return best.encoding if best else ""


def remove_control_characters(text: str) -> str:
    """``text`` without what cannot be stored: control characters and lone surrogates (JSON may hold
    both).
    """
    return _CONTROLS.sub("", text).encode("utf-8", "replace").decode("utf-8")
