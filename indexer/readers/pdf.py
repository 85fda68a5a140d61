"""A PDF becomes one Document with a Section for each page.

Text only: pictures and layout stay behind. The title comes from the file's own facts, else from its
first line. Needs the extra ``pdf``.
"""

from __future__ import annotations

import html
import io
import logging
import re
from collections.abc import Iterator
from typing import Any

from indexer.readers import metadata
from indexer.readers.context import ReadContext
from indexer.readers.site_index import ID_PREFIX
from indexer.sources.format_detection import Unreadable, remove_control_characters
from kb.search.documents import Document, Section

PAGES = 1000
_HYPHEN = re.compile(r"(\w)-\n(?=[a-zß-ÿ])")


def read(data: bytes, context: ReadContext) -> tuple[Document, ...]:
    """The document in a PDF. Raises Unreadable when it is locked or damaged, or pypdf is not
    installed.
    """
    try:
        import pypdf
    except ImportError:
        raise Unreadable("PDF files are read with pypdf: pip install 'askfirst[pdf]'.") from None
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what is wrong becomes a finding
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("The PDF is locked with a password.")
        pages = list(_pages(reader, context))
        title = _title(reader)
    except (Unreadable, RecursionError, MemoryError):
        raise
    except Exception as error:  # pypdf raises whatever its parsers meet
        raise Unreadable(f"The PDF is damaged ({type(error).__name__}).") from None
    if not any(text for _, text in pages):
        context.note(
            "The PDF holds no text, only pictures of it; give it a text layer (OCR).", skipped=True
        )
        return ()
    sections = tuple(
        Section(f"{ID_PREFIX}page-{page}", (f"Page {page}",), text) for page, text in pages if text
    )
    first = next(text for _, text in pages if text).split("\n")[0][:120]
    shown = "\n".join(_shown(page, text) for page, text in pages if text)
    facts = metadata.parse_metadata({}, context)
    return (metadata.make_document(context, facts, sections, titles=(title, first), html=shown),)


def _pages(reader: Any, context: ReadContext) -> Iterator[tuple[int, str]]:
    if len(reader.pages) > PAGES:
        context.note(f"Only the first {PAGES} of its {len(reader.pages)} pages were read.")
    for number, page in enumerate(reader.pages[:PAGES], 1):
        lines = remove_control_characters(_HYPHEN.sub(r"\1", page.extract_text() or "")).split("\n")
        yield number, "\n".join(line.strip() for line in lines).strip()


def _title(reader: Any) -> str:
    title = remove_control_characters(str((reader.metadata or {}).get("/Title") or ""))
    title = " ".join(title.split())
    # Word processors leave the name of the file, or nothing that a reader wrote.
    return "" if re.search(r"\.\w{2,5}$|^untitled|^microsoft word", title, re.I) else title[:200]


def _shown(page: int, text: str) -> str:
    blocks = (html.escape(block.strip()) for block in re.split(r"\n\s*\n", text))
    paragraphs = "".join(f"<p>{block}</p>" for block in blocks if block)
    return f'<h2 id="{ID_PREFIX}page-{page}">Page {page}</h2>\n{paragraphs}'
