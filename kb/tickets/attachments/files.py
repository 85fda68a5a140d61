"""Storage of attached files, so that a saved ticket never lacks one.

Content-addressed: a file is named by the hash of its bytes, and stored before the ticket's
transaction commits. A file whose ticket was never saved only takes up space until it is removed.
Where the contents are, ``contents`` says; which files are allowed is decided in ``validation``.
"""

from __future__ import annotations

import datetime as dt
import io
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from kb.blobs import BlobStore
from kb.errors import NotFound, Unavailable
from kb.tickets.attachments.contents import (
    PICTURE_SUFFIX,
    Contents,
    LocalContents,
    SharedContents,
    content_digest,
    content_key,
)
from kb.tickets.attachments.pictures import SHOWN_FORMATS, encode_again
from kb.tickets.attachments.pieces import LocalPieces, Pieces, SharedPieces
from kb.tickets.attachments.validation import name_and_type, safe_name
from kb.tickets.ticket import Attachment, Upload


class Attachments:
    """Attached files, in ``folder`` or in a store that machines share. Two uploads of the same
    bytes are stored once.
    """

    def __init__(self, folder: Path, store: BlobStore | None = None) -> None:
        local = LocalContents(folder)
        self._contents: Contents = SharedContents(store, local) if store else local
        # Beside the others, so that storing a large file takes only a name.
        local_pieces = LocalPieces(folder.parent / "uploads")
        #: The pieces of large files whose upload has not ended.
        self.pieces: Pieces = SharedPieces(store, local_pieces) if store else local_pieces

    def put(self, files: Iterable[Upload]) -> tuple[Attachment, ...]:
        """Stores files that are already checked. Raises Unavailable when the disk refuses."""
        return tuple(self._put(file) for file in files)

    def adopt(self, name: str, path: Path) -> Attachment:
        """Stores a checked file that is on the disk already, and leaves it where it is. Raises
        Unavailable.
        """
        with path.open("rb") as file:
            key = content_key(file)
            stored_name, media_type = name_and_type(name, file)
        try:
            self._contents.adopt(key, path)
        except OSError as error:
            raise _not_stored(name, error) from error
        return _attachment(stored_name, media_type, path.stat().st_size, key)

    def open(self, attachment: Attachment) -> BinaryIO:
        """The file to read. Raises NotFound when it is gone, Unavailable."""
        with self._contents.held(attachment.key) as path:
            if path is None:
                raise _missing(attachment)
            return path.open("rb")

    def picture(self, attachment: Attachment) -> tuple[BinaryIO, str]:
        """The attachment as a picture, and its media type. Raises NotFound for other files.

        It is kept beside the content until the sweep, which removes what no ticket refers to: then
        it is made again.
        """
        not_shown = NotFound(f"{attachment.name} cannot be shown as a picture. Download it.")
        if attachment.media_type not in SHOWN_FORMATS:
            raise not_shown
        media_type = f"image/{SHOWN_FORMATS[attachment.media_type].lower()}"
        name = f"{attachment.key}{PICTURE_SUFFIX}"
        with self._contents.held(name) as shown:
            if shown is not None:
                return shown.open("rb"), media_type

        with self._contents.held(attachment.key) as path:
            if path is None:
                raise _missing(attachment)
            data = encode_again(path, attachment.media_type)
        if data is None:
            raise not_shown
        try:
            self._contents.write(name, data)
        except OSError as error:
            raise Unavailable(
                f"{attachment.name} could not be shown ({error.strerror}). Download it.",
                retry_after=60,
            ) from error
        return io.BytesIO(data), media_type

    def held(self, key: str) -> AbstractContextManager[Path | None]:
        """The file with this content for the time of the block, None when it is gone."""
        return self._contents.held(key)

    def elsewhere(self) -> Iterator[str]:
        """The keys of contents that are in a store and not in the folder."""
        return self._contents.elsewhere()

    def erase(self, keys: Iterable[str], uploads: Iterable[str] = ()) -> None:
        """Removes contents that no ticket refers to, and ``uploads`` that had not ended, at once
        and not only when they are swept.
        """
        self.pieces.remove(uploads)
        for key in keys:
            self._contents.remove(key)
            self._contents.remove(f"{key}{PICTURE_SUFFIX}")

    def sweep(self, referenced: Callable[[], frozenset[str]], *, before: dt.datetime) -> int:
        """Removes files written ``before`` that no ticket refers to; returns how many.

        ``referenced`` is called after the files were listed, so that a ticket that is saved
        meanwhile keeps its files.
        """
        self._contents.settle(referenced)
        old = list(self._contents.written_before(before.timestamp()))
        keys = referenced() if old else frozenset()
        orphans = [name for name in old if name not in keys]
        for name in orphans:
            self._contents.remove(name)
        return len(orphans)

    def _put(self, file: Upload) -> Attachment:
        key = content_digest(file.data).hexdigest()
        try:
            self._contents.write(key, file.data)
        except OSError as error:
            raise _not_stored(file.name, error) from error
        name, media_type = name_and_type(file.name, io.BytesIO(file.data))
        return _attachment(name, media_type, len(file.data), key)


def _attachment(name: str, media_type: str, size: int, key: str) -> Attachment:
    return Attachment(secrets.token_urlsafe(16), name, media_type, size, key)


def _not_stored(name: str, error: OSError) -> Unavailable:
    sentence = f"{safe_name(name)} could not be stored ({error.strerror}). Nothing was saved."
    return Unavailable(sentence, field="attachments", retry_after=60)


def _missing(attachment: Attachment) -> NotFound:
    return NotFound(f"The file {attachment.name} is missing. Ask support to restore it.")
