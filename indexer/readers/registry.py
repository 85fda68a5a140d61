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
from indexer.readers.context import Visit
from indexer.sources import format_detection as formats
from indexer.sources import redirects
from indexer.sources.format_detection import Format, Unreadable
from indexer.sources.walk import SIZE_LIMIT
from kb.search.documents import Document, Kind


def read(visit: Visit) -> Iterator[Document]:
    """The documents of ``visit.file``. Errors of the file become findings with ``skipped`` set."""
    try:
        yield from _read(visit)
    except Unreadable as reason:
        visit.note(str(reason), skipped=True)
    except OSError as error:
        visit.note(f"It cannot be read: {error.strerror or error}.", skipped=True)
    except (RecursionError, MemoryError):
        visit.note("It is nested too deeply or needs too much memory to be read.", skipped=True)


def _read(visit: Visit) -> Iterator[Document]:
    path = Path(visit.file.absolute)
    with path.open("rb") as opened:
        head = opened.read(formats.SNIFFED)
    if head.startswith(b"\x1f\x8b"):
        head = formats.bare(path.read_bytes(), SIZE_LIMIT)
    found = formats.sniff(visit.file.path, head)
    if found is Format.COMPANION:
        return
    if found is Format.REDIRECTS:
        _look_at_redirects(path, visit)
        return
    if found is Format.STACK_EXCHANGE:
        yield from stackexchange.read(path, visit)
        return
    if found in _BINARY:
        yield from _BINARY[found](path.read_bytes(), visit)
        return
    text, encoding = formats.decode(formats.bare(path.read_bytes(), SIZE_LIMIT))
    if encoding != "utf-8":
        visit.note(f"It is not UTF-8; it was read as {encoding}.")
    yield from _text(found, text, visit)


def _look_at_redirects(path: Path, visit: Visit) -> None:
    try:
        redirects.pairs(formats.decode(path.read_bytes())[0], visit.file.path)
    except redirects.Damaged as damaged:
        visit.note(damaged.sentence, line=damaged.line, skipped=True)


#: Formats that are read as bytes.
_BINARY: Mapping[Format, Callable[[bytes, Visit], Iterable[Document]]] = MappingProxyType(
    {Format.PDF: pdf.read, Format.DOCX: docx.read, Format.MBOX: mailbox.read}
)


def _text(found: Format, text: str, visit: Visit) -> tuple[Document, ...]:
    kind = visit.file.kind
    if found is Format.DISCOURSE:
        return discourse.read(text, visit)
    if found is Format.RST:
        return rst.read(text, visit)
    if found is Format.YAML_FAQ:
        return yaml_faq.read(text, visit)
    if found is Format.HTML:
        return _page(text, visit)
    if kind is Kind.FAQ:
        return faq.read(text, visit)
    return topic.read(text, visit) if kind is Kind.FORUM else markdown.read(text, visit)


def _page(text: str, visit: Visit) -> tuple[Document, ...]:
    if visit.file.kind is Kind.FAQ:
        return faq.read_page(text, visit)
    found = discussion.read(text, visit) or html.read(text, visit)
    if not found and "FAQPage" in text:
        # The questions are only in what the page tells machines.
        found = faq.read_page(text, visit)
        if found:
            visit.findings[:] = [finding for finding in visit.findings if not finding.skipped]
    return found
