"""PDF: one file becomes one Document with a Section for each page. Requires the extra ``pdf``.

Text only: pictures and layout are lost. The title comes from the file's properties, else from its
first line.
"""

from __future__ import annotations

import html
import io
import logging
import re
from collections.abc import Iterator
from typing import Any

from indexer.readers.context import ReadContext
from indexer.readers.metadata import make_document, parse_metadata
from indexer.readers.site_index import ID_PREFIX
from indexer.sources.format_detection import Unreadable, remove_control_characters
from kb.search.documents import Document, Section

MAX_PAGES = 1000
_HYPHENATED = re.compile(r"(\w)-\n(?=[a-zß-ÿ])")

#: Titles that word processors set by themselves.
_GENERATED_TITLE = re.compile(r"\.\w{2,5}$|^untitled|^microsoft word", re.I)


def read(data: bytes, context: ReadContext) -> tuple[Document, ...]:
    """The document in a PDF. Raises Unreadable when it is locked or damaged, or when pypdf is not
    installed."""
    try:
        import pypdf
    except ImportError:
        raise Unreadable("missing-package", format="PDF", package="pypdf", extra="pdf") from None
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what is wrong becomes a finding

    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("locked-pdf")
        pages = [(number, text) for number, text in _pages(reader, context) if text]
        title = _title(reader)
    except (Unreadable, RecursionError, MemoryError):
        raise
    except Exception as error:  # pypdf raises whatever its parsers meet
        raise Unreadable("damaged-pdf", reason=type(error).__name__) from None

    if not pages:
        context.note("pdf-without-text")
        return ()
    sections = tuple(
        Section(f"{ID_PREFIX}page-{number}", (f"Page {number}",), text) for number, text in pages
    )
    first_line = pages[0][1].split("\n")[0][:120]
    markup = "\n".join(_to_html(number, text) for number, text in pages)
    metadata = parse_metadata({}, context)
    return (make_document(context, metadata, sections, titles=(title, first_line), html=markup),)


def _pages(reader: Any, context: ReadContext) -> Iterator[tuple[int, str]]:
    if len(reader.pages) > MAX_PAGES:
        context.note("too-many-pages", limit=MAX_PAGES, count=len(reader.pages))
    for number, page in enumerate(reader.pages[:MAX_PAGES], 1):
        text = remove_control_characters(_HYPHENATED.sub(r"\1", page.extract_text() or ""))
        yield number, "\n".join(line.strip() for line in text.split("\n")).strip()


def _title(reader: Any) -> str:
    title = remove_control_characters(str((reader.metadata or {}).get("/Title") or ""))
    title = " ".join(title.split())
    return "" if _GENERATED_TITLE.search(title) else title[:200]


def _to_html(number: int, text: str) -> str:
    blocks = (html.escape(block.strip()) for block in re.split(r"\n\s*\n", text))
    paragraphs = "".join(f"<p>{block}</p>" for block in blocks if block)
    return f'<h2 id="{ID_PREFIX}page-{number}">Page {number}</h2>\n{paragraphs}'
