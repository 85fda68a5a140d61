"""The reader of each format, and the one way to call them.

``read_file`` detects the format of a file and yields its Documents as they are made. Whatever goes
wrong becomes a finding, never an exception. Which files are read is decided elsewhere
(``indexer.sources``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from indexer.readers import docx, faq, html, markdown, pdf, rst, yaml_faq
from indexer.readers.context import ReadContext
from indexer.readers.forums import discourse, mailbox, markdown_thread, schema_org, stackexchange
from indexer.sources.format_detection import (
    SNIFF_BYTES,
    Format,
    Unreadable,
    decode_text,
    decompress,
    detect_format,
    is_gzip,
)
from indexer.sources.redirects import parse_redirects
from indexer.sources.walk import SIZE_LIMIT
from kb.search.documents import Document, DocumentKind

Reader = Callable[[ReadContext], Iterable[Document]]


def read_file(context: ReadContext) -> Iterator[Document]:
    """The documents of ``context.file``. Errors become findings of ``context``."""
    try:
        yield from READERS[_format_of(context)](context)
    except Unreadable as error:
        context.note(error.code, line=error.line, **error.values)
    except OSError as error:
        context.note("file-unreadable", reason=error.strerror or error)
    except (RecursionError, MemoryError):
        context.note("too-complex")


def _format_of(context: ReadContext) -> Format:
    path = Path(context.file.absolute)
    with path.open("rb") as opened:
        head = opened.read(SNIFF_BYTES)
    if is_gzip(head):
        head = decompress(path.read_bytes(), SIZE_LIMIT)
    return detect_format(context.file.path, head)


def _from_bytes(read: Callable[[bytes, ReadContext], Iterable[Document]]) -> Reader:
    return lambda context: read(Path(context.file.absolute).read_bytes(), context)


def _from_text(read: Callable[[str, ReadContext], Iterable[Document]]) -> Reader:
    def reader(context: ReadContext) -> Iterable[Document]:
        data = Path(context.file.absolute).read_bytes()
        text, encoding = decode_text(decompress(data, SIZE_LIMIT))
        if encoding != "utf-8":
            context.note("not-utf8", encoding=encoding)
        return read(text, context)

    return reader


def _read_markdown(text: str, context: ReadContext) -> Iterable[Document]:
    """What a Markdown file holds depends on the kind of its source."""
    if context.file.kind is DocumentKind.FAQ:
        return faq.read(text, context)
    if context.file.kind is DocumentKind.FORUM:
        return markdown_thread.read(text, context)
    return markdown.read(text, context)


def _read_page(text: str, context: ReadContext) -> Iterable[Document]:
    if context.file.kind is DocumentKind.FAQ:
        return faq.read_page(text, context)

    documents = schema_org.read(text, context) or html.read(text, context)
    if not documents and "FAQPage" in text:
        # The questions are only in the metadata for search engines. That the page itself holds no
        # text is then nothing to report.
        documents = faq.read_page(text, context)
        if documents:
            context.findings[:] = [f for f in context.findings if not f.skipped]
    return documents


def _check_redirects(data: bytes, context: ReadContext) -> Iterable[Document]:
    """A list of old addresses makes no document; it is parsed to report what is wrong with it."""
    text, _ = decode_text(data)
    parse_redirects(text, context.file.path)
    return ()


READERS: Mapping[Format, Reader] = MappingProxyType(
    {
        Format.MARKDOWN: _from_text(_read_markdown),
        Format.HTML: _from_text(_read_page),
        Format.RST: _from_text(rst.read),
        Format.PDF: _from_bytes(pdf.read),
        Format.DOCX: _from_bytes(docx.read),
        Format.YAML_FAQ: _from_text(yaml_faq.read),
        Format.DISCOURSE: _from_text(discourse.read),
        Format.STACK_EXCHANGE: stackexchange.read,
        Format.MBOX: _from_bytes(mailbox.read),
        Format.REDIRECTS: _from_bytes(_check_redirects),
        Format.COMPANION: lambda _: (),
    }
)
