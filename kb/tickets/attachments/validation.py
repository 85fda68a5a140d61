"""Validation of attachments: which files are allowed, judged by their bytes.

The file name that the client sends is not trusted. Nothing is ever unpacked: an archive is judged
by its table of contents. A file is read in pieces, since an uploaded one may be larger than memory;
``kb.tickets.attachments.files`` stores the files.
"""

from __future__ import annotations

import codecs
import io
import os
import re
import unicodedata
import zipfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from kb.tickets.ticket import Upload

ALLOWED_FILES = "PNG, GIF, JPG, PDF, text, log, CSV, JSON, ZIP, RAR and EVTX files"


def allowed_files(xml_endings: Collection[str] = ()) -> str:
    """The kinds of files that can be attached, for people.

    >>> allowed_files({"xml"}).endswith("CSV, JSON, XML, ZIP, RAR and EVTX files")
    True
    """
    own = "".join(f", {ending.upper()}" for ending in sorted(xml_endings))
    return ALLOWED_FILES.replace(", ZIP", f"{own}, ZIP")


@dataclass(frozen=True, slots=True)
class AttachmentLimits:
    """Sizes in bytes. The zip rules hold for the table of contents of one archive."""

    file_bytes: int = 10 * 1024 * 1024
    files: int = 20
    zip_entries: int = 2000
    zip_bytes: int = 500 * 1024 * 1024
    #: Unpacked to packed, over the whole file, so that overlapping entries do not hide.
    zip_ratio: int = 200
    #: Of a file that is uploaded through the link of a ticket; 0 if there are no such links.
    upload_bytes: int = 0
    #: Endings of the site's own XML files, which are accepted as text.
    xml_endings: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class FileKind:
    """A file type: its magic bytes, the media type it is served with, and its endings.

    The first ending is the default.
    """

    magic: bytes
    media_type: str
    endings: tuple[str, ...]


_FILE_KINDS: tuple[FileKind, ...] = (
    FileKind(b"\x89PNG\r\n\x1a\n", "image/png", ("png",)),
    FileKind(b"GIF87a", "image/gif", ("gif",)),
    FileKind(b"GIF89a", "image/gif", ("gif",)),
    FileKind(b"\xff\xd8\xff", "image/jpeg", ("jpg", "jpeg")),
    FileKind(b"%PDF-", "application/pdf", ("pdf",)),
    FileKind(b"PK\x03\x04", "application/zip", ("zip",)),
    FileKind(b"Rar!\x1a\x07", "application/vnd.rar", ("rar",)),
    FileKind(b"ElfFile\x00", "application/octet-stream", ("evtx",)),
)
_TEXT = FileKind(
    b"",
    "text/plain",
    ("txt", "log", "csv", "json", "md", "ini", "cfg", "conf", "yaml", "yml", "toml"),
)
_TEXT_TYPES = {"csv": "text/csv", "json": "application/json"}
_MARKUP = re.compile(r"\s*<[a-z!?/]", re.IGNORECASE)
_PAGE_XML = re.compile(
    r"<(?:[\w.-]+:)?(?:html|svg|script|xsl|stylesheet|iframe|object|embed)\b|<!DOCTYPE|<!ENTITY"
    r"|<\?xml-stylesheet|http://www\.w3\.org/(?:1999/xhtml|2000/svg|1999/XSL)",
    re.IGNORECASE,
)
_MAIL = re.compile(
    r"^(mime-version\s*:|content-type\s*:\s*multipart/)", re.IGNORECASE | re.MULTILINE
)
_HEAD = 16  # bytes, more than any magic
_PIECE = 1024 * 1024  # bytes that are read at once
_PAGE_XML_LENGTH = 200  # characters, at least those of anything that ``_PAGE_XML`` matches
#: All but tab, line ends, and the escape character of coloured logs.
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def errors(uploads: Sequence[Upload], limits: AttachmentLimits) -> list[str]:
    """One sentence for every file that cannot be attached; empty when all can."""
    sentences = []
    if len(uploads) > limits.files:
        sentences.append(
            f"{len(uploads)} files are too many. Attach up to {limits.files}, or pack them into "
            f"one ZIP."
        )
    for upload in uploads[: limits.files]:
        sentence = error_of(upload, limits)
        if sentence:
            sentences.append(sentence)
    return sentences


def error_of(upload: Upload, limits: AttachmentLimits) -> str | None:
    """Why this file cannot be attached; None when it can."""
    return content_error(upload.name, io.BytesIO(upload.data), limits)


def content_error(name: str, file: BinaryIO, limits: AttachmentLimits) -> str | None:
    """As ``error_of``, for a file on the disk."""
    name = safe_name(name)
    size = file.seek(0, os.SEEK_END)
    if not size:
        return f"{name} is empty. Attach it again."
    if size > limits.file_bytes:
        return f"{name} is larger than {megabytes(limits.file_bytes)}. {_larger_file(limits, size)}"
    kind = sniff(file)
    if kind is None:
        if ending_of(name) in limits.xml_endings and _is_harmless_xml(file):
            return None
        return _refused(name, file)
    if kind.media_type == "application/zip":
        return _zip_error(name, file, size, limits)
    return None


def start_error(name: str, start: bytes, limits: AttachmentLimits) -> str | None:
    """Why a file that begins with these bytes cannot be attached, whatever follows; None when it
    may be.
    """
    if len(start) < _HEAD:
        return None
    name, file = safe_name(name), io.BytesIO(start)
    if sniff(file) is None and not (
        ending_of(name) in limits.xml_endings and _is_harmless_xml(file)
    ):
        return _refused(name, file)
    return None


def _larger_file(limits: AttachmentLimits, size: int) -> str:
    """What to do with a file that is too large to be attached."""
    if limits.file_bytes < size <= limits.upload_bytes:
        return (
            "Leave it out here, and upload it through a link on the page of the ticket (up to "
            f"{megabytes(limits.upload_bytes)})."
        )
    return "Pack it into a ZIP file, or send a part of it."


def megabytes(size: int) -> str:
    """
    >>> megabytes(2000 * 1024 * 1024)
    '2000 MB'
    """
    return f"{size // (1024 * 1024)} MB"


def sniff(file: BinaryIO) -> FileKind | None:
    """The kind that the bytes show; None for one that is not allowed."""
    head = _head(file)
    for kind in _FILE_KINDS:
        if head.startswith(kind.magic):
            return kind
    start = _text_start(file)
    if start is None or _MARKUP.match(start) or _MAIL.search(start[:4096]):
        return None
    return _TEXT


def name_and_type(name: str, file: BinaryIO) -> tuple[str, str]:
    """The name to store, with an ending that suits the content, and the media type.

    For a file without an error.
    """
    kind, name = sniff(file), safe_name(name)
    if kind is None:  # XML of the site's own, which no browser may open as a page
        return name, _TEXT.media_type
    ending = ending_of(name)
    if ending not in kind.endings:
        name, ending = f"{name}.{kind.endings[0]}", kind.endings[0]
    return name, _TEXT_TYPES.get(ending, kind.media_type) if kind is _TEXT else kind.media_type


def ending_of(name: str) -> str:
    """
    >>> ending_of("Model.XML"), ending_of("model")
    ('xml', '')
    """
    return name.rpartition(".")[2].lower() if "." in name else ""


def safe_name(name: str, *, limit: int = 120) -> str:
    """The last part of a path, without control or direction characters, never empty or hidden.

    >>> safe_name("..\\\\..\\\\boot.ini"), safe_name("../"), safe_name("a\\u202egpj.exe")
    ('boot.ini', 'file', 'agpj.exe')
    """
    last = re.split(r"[/\\]", name)[-1]
    shown = "".join(c for c in last if unicodedata.category(c)[0] not in "CZ" or c == " ")
    cleaned = re.sub(r'[<>:"|?*]', "_", unicodedata.normalize("NFC", shown)).strip(". ")
    stem, dot, ending = cleaned.rpartition(".")
    if len(cleaned) > limit and dot and len(ending) <= 10:
        return f"{stem[: limit - len(ending) - 1]}.{ending}"
    return cleaned[:limit].strip(". ") or "file"


def _head(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read(_HEAD)


def _texts(file: BinaryIO) -> Iterator[str]:
    """The file as text, piece by piece."""
    encoding = "utf-16" if _head(file).startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    decoder = codecs.getincrementaldecoder(encoding)()
    file.seek(0)
    while piece := file.read(_PIECE):
        try:
            yield decoder.decode(piece)
        except UnicodeDecodeError:
            # Logs of old Windows programs, in which any byte is a letter: control characters
            # decide.
            decoder = codecs.getincrementaldecoder("latin-1")()
            yield decoder.decode(piece)


def _text_start(file: BinaryIO) -> str | None:
    """The piece of the text in which the first visible letter is; None for what is no text."""
    start = ""
    for words in _texts(file):
        if _CONTROLS.search(words):
            return None
        if not start.strip():
            start = words
    return start


def _is_harmless_xml(file: BinaryIO) -> bool:
    """Whether it is XML in which nothing is a web page, a picture or a script."""
    start = _text_start(file)
    if start is None or _MAIL.search(start[:4096]):
        return False
    end = ""
    for words in _texts(file):
        if _PAGE_XML.search(end + words):
            return False
        end = words[-_PAGE_XML_LENGTH:]
    return True


def _refused(name: str, file: BinaryIO) -> str:
    if _head(file).startswith(b"BM"):
        return f"{name} is a BMP image. Pack it into a ZIP, or save it as PNG."
    if _text_start(file) is not None:
        return (
            f"{name} is a web page, SVG, XML or mail, which can contain a script. Pack it into a "
            f"ZIP."
        )
    return f"{name} cannot be attached. Attach {ALLOWED_FILES}, or pack it into a ZIP."


def _zip_error(name: str, file: BinaryIO, size: int, limits: AttachmentLimits) -> str | None:
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, OSError):
        return f"{name} is not a readable ZIP. Pack it again."
    if not entries:
        return f"{name} is an empty ZIP. Pack it again."
    if len(entries) > limits.zip_entries:
        return f"{name} contains {len(entries)} files. The limit is {limits.zip_entries}."
    total = sum(entry.file_size for entry in entries)
    if total > limits.zip_bytes or total > size * limits.zip_ratio:
        return (
            f"{name} would unpack to {total // (1024 * 1024)} MB, which is too much for its "
            f"size. Pack fewer files into it."
        )
    if any(entry.flag_bits & 0x1 for entry in entries):
        return f"{name} is protected by a password. Pack it without one."
    outside = next((entry for entry in entries if _leads_out(entry)), None)
    if outside is not None:
        inner = safe_name(outside.filename)
        return f"{name} contains {inner} outside of its own folder. Pack it again."
    return None


def _leads_out(entry: zipfile.ZipInfo) -> bool:
    path = entry.orig_filename.replace("\\", "/")
    link = (entry.external_attr >> 16) & 0o170000 == 0o120000
    return (
        link
        or path.startswith("/")
        or re.match(r"[a-zA-Z]:", path) is not None
        or ".." in path.split("/")
    )
