"""A Word document (DOCX) becomes one Document.

mammoth makes HTML of its styles, and that goes the way of every page. Pictures stay behind. Needs
the extra ``docx``.
"""

from __future__ import annotations

import io
import re
import zipfile

from indexer.html import sections, tree
from indexer.readers import metadata
from indexer.readers.context import ReadContext
from indexer.sources.format_detection import Unreadable, remove_control_characters
from kb.search.documents import Document

UNPACKED = 100 * 1024 * 1024  # bytes of all parts together: a small file may unpack to anything
_TITLE = re.compile(rb"<dc:title>([^<]{1,500})</dc:title>")


def read(data: bytes, context: ReadContext) -> tuple[Document, ...]:
    """The document in a DOCX. Raises Unreadable when it is damaged or a bomb, or mammoth is not
    installed.
    """
    try:
        import mammoth
    except ImportError:
        raise Unreadable(
            "Word documents are read with mammoth: pip install 'askfirst[docx]'."
        ) from None
    title = _title(data)
    try:
        nothing = mammoth.images.img_element(lambda _image: {"src": ""})
        made = mammoth.convert_to_html(
            io.BytesIO(data), convert_image=nothing, external_file_access=False
        )
    except (RecursionError, MemoryError):
        raise
    except Exception as error:  # mammoth raises whatever its parts raise
        raise Unreadable(f"The Word document is damaged ({type(error).__name__}).") from None
    cut = sections.to_article(
        tree.parse_html(remove_control_characters(made.value), context), context
    )
    if not any(section.text for section in cut.sections):
        context.note("It holds no text.", skipped=True)
        return ()
    facts = metadata.parse_metadata({}, context)
    return (
        metadata.make_document(
            context, facts, cut.sections, titles=(title, cut.title), html=cut.html
        ),
    )


def _title(data: bytes) -> str:
    """The title that the document's properties give; checks that it is no bomb and declares no
    document type.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            parts = packed.infolist()
            if sum(part.file_size for part in parts) > UNPACKED:
                raise Unreadable(f"Unpacked it is larger than {UNPACKED // 1024**2} MB.")
            texts = {
                part.filename: packed.read(part)
                for part in parts
                if part.filename.endswith((".xml", ".rels"))
            }
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, ValueError):
        raise Unreadable("It is a damaged Word document.") from None
    except Exception as error:  # zlib.error and what else a damaged archive raises
        if isinstance(error, Unreadable):
            raise
        raise Unreadable("It is a damaged Word document.") from None
    if any(b"<!DOCTYPE" in text or b"<!ENTITY" in text for text in texts.values()):
        raise Unreadable("The Word document declares a document type, so it is not read.")
    found = _TITLE.search(texts.get("docProps/core.xml", b""))
    return " ".join(found[1].decode("utf-8", "replace").split()) if found else ""
