"""Bytes to Documents: which reader makes what of a file?

``read`` looks into one file and yields its Documents as they are made; everything that goes wrong
becomes a finding of the visit, never an exception. Not for deciding which files are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from indexer.readers import (
    discourse,
    discussion,
    docx,
    faq,
    html,
    mailbox,
    markdown,
    pdf,
    rst,
    stackexchange,
    topic,
    yaml_faq,
)
from indexer.readers.context import ReadContext
from indexer.sources import format_detection, redirects
from indexer.sources.format_detection import Format, Unreadable
from indexer.sources.walk import SIZE_LIMIT
from kb.search.documents import Document, DocumentKind


def read_file(context: ReadContext) -> Iterator[Document]:
    """The documents of ``context.file``. Errors of the file become findings with ``skipped`` set."""
    try:
        yield from _read(context)
    except Unreadable as reason:
        context.note(str(reason), skipped=True)
    except OSError as error:
        context.note(f"It cannot be read: {error.strerror or error}.", skipped=True)
    except (RecursionError, MemoryError):
        context.note("It is nested too deeply or needs too much memory to be read.", skipped=True)


def _read(context: ReadContext) -> Iterator[Document]:
    path = Path(context.file.absolute)
    with path.open("rb") as opened:
        head = opened.read(format_detection.SNIFF_BYTES)
    if head.startswith(b"\x1f\x8b"):
        head = format_detection.decompress(path.read_bytes(), SIZE_LIMIT)
    found = format_detection.detect_format(context.file.path, head)
    if found is Format.COMPANION:
        return
    if found is Format.REDIRECTS:
        _look_at_redirects(path, context)
        return
    if found is Format.STACK_EXCHANGE:
        yield from stackexchange.read(path, context)
        return
    if found in _BINARY:
        yield from _BINARY[found](path.read_bytes(), context)
        return
    text, encoding = format_detection.decode_text(
        format_detection.decompress(path.read_bytes(), SIZE_LIMIT)
    )
    if encoding != "utf-8":
        context.note(f"It is not UTF-8; it was read as {encoding}.")
    yield from _text(found, text, context)


def _look_at_redirects(path: Path, context: ReadContext) -> None:
    try:
        redirects.parse_redirects(
            format_detection.decode_text(path.read_bytes())[0], context.file.path
        )
    except redirects.RedirectsError as damaged:
        context.note(damaged.sentence, line=damaged.line, skipped=True)


#: Formats that are read as bytes.
_BINARY: Mapping[Format, Callable[[bytes, ReadContext], Iterable[Document]]] = MappingProxyType(
    {Format.PDF: pdf.read, Format.DOCX: docx.read, Format.MBOX: mailbox.read}
)


def _text(found: Format, text: str, context: ReadContext) -> tuple[Document, ...]:
    kind = context.file.kind
    if found is Format.DISCOURSE:
        return discourse.read(text, context)
    if found is Format.RST:
        return rst.read(text, context)
    if found is Format.YAML_FAQ:
        return yaml_faq.read(text, context)
    if found is Format.HTML:
        return _page(text, context)
    if kind is DocumentKind.FAQ:
        return faq.read(text, context)
    return topic.read(text, context) if kind is DocumentKind.FORUM else markdown.read(text, context)


def _page(text: str, context: ReadContext) -> tuple[Document, ...]:
    if context.file.kind is DocumentKind.FAQ:
        return faq.read_page(text, context)
    found = discussion.read(text, context) or html.read(text, context)
    if not found and "FAQPage" in text:
        # The questions are only in what the page tells machines.
        found = faq.read_page(text, context)
        if found:
            context.findings[:] = [finding for finding in context.findings if not finding.skipped]
    return found
