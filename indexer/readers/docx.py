"""Word documents (DOCX): one file becomes one Document. Requires the extra ``docx``.

mammoth makes HTML of its styles, which is then read as any page. Pictures are lost.
"""

from __future__ import annotations

import io
import re
import zipfile

from indexer.html.sections import to_article
from indexer.html.tree import parse_html
from indexer.readers.context import ReadContext
from indexer.readers.metadata import make_document, parse_metadata
from indexer.sources.format_detection import Unreadable, remove_control_characters
from kb.search.documents import Document

#: Bytes of all parts together: a small file may unpack to anything.
MAX_UNPACKED = 100 * 1024 * 1024
_TITLE = re.compile(rb"<dc:title>([^<]{1,500})</dc:title>")


def read(data: bytes, context: ReadContext) -> tuple[Document, ...]:
    """The document in a DOCX. Raises Unreadable when it is damaged or unsafe, or when mammoth is
    not installed."""
    try:
        import mammoth
    except ImportError:
        raise Unreadable(
            "missing-package", format="DOCX", package="mammoth", extra="docx"
        ) from None

    parts = _unpack(data)
    if any(b"<!DOCTYPE" in part or b"<!ENTITY" in part for part in parts.values()):
        raise Unreadable("docx-document-type")
    title = _TITLE.search(parts.get("docProps/core.xml", b""))

    try:
        no_image = mammoth.images.img_element(lambda _image: {"src": ""})
        page = mammoth.convert_to_html(
            io.BytesIO(data), convert_image=no_image, external_file_access=False
        )
    except (RecursionError, MemoryError):
        raise
    except Exception as error:  # mammoth raises whatever its parts raise
        raise Unreadable("damaged-docx", reason=f" ({type(error).__name__})") from None

    article = to_article(parse_html(remove_control_characters(page.value), context), context)
    if not article.has_text:
        context.note("no-text")
        return ()
    declared = " ".join(title[1].decode("utf-8", "replace").split()) if title else ""
    titles = (declared, article.title)
    metadata = parse_metadata({}, context)
    return (make_document(context, metadata, article.sections, titles=titles, html=article.html),)


def _unpack(data: bytes) -> dict[str, bytes]:
    """The XML parts by name. Raises Unreadable for damaged archives and zip bombs."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            if sum(part.file_size for part in parts) > MAX_UNPACKED:
                raise Unreadable("too-large-unpacked", limit=MAX_UNPACKED // 1024**2)
            return {
                part.filename: archive.read(part)
                for part in parts
                if part.filename.endswith((".xml", ".rels"))
            }
    except Unreadable:
        raise
    except Exception:  # zlib.error, and whatever else a damaged archive raises
        raise Unreadable("damaged-docx", reason="") from None
