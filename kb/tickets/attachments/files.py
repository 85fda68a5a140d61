"""Storage of attached files, so that a saved ticket never lacks one.

Content-addressed: a file is named by the hash of its bytes, written to a temporary name, synced and
renamed before the ticket's transaction commits. A file whose ticket was never saved only takes up
space until it is removed. Which files are allowed is decided in ``validation``.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import os
import secrets
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from kb.disk import sync
from kb.errors import NotFound, Unavailable
from kb.tickets.attachments.pictures import SHOWN_FORMATS, encode_again
from kb.tickets.attachments.validation import name_and_type, safe_name
from kb.tickets.ticket import Attachment, Upload


class Attachments:
    """The folder of attached files. Two uploads of the same bytes are stored once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        #: Where large files arrive: beside the others, so that storing one takes only a name.
        self.incoming = folder.parent / "uploads"

    def put(self, files: Iterable[Upload]) -> tuple[Attachment, ...]:
        """Stores files that are already checked. Raises Unavailable when the disk refuses."""
        return tuple(self._put(file) for file in files)

    def adopt(self, name: str, path: Path) -> Attachment:
        """Stores a checked file that is on the disk already, and leaves it where it is: it takes
        no further space until its other name is removed. Raises Unavailable.
        """
        with path.open("rb") as file:
            key = hashlib.file_digest(file, _digest).hexdigest()
            stored_name, media_type = name_and_type(name, file)
        content = self._path(key)
        try:
            if content.is_file():
                os.utime(content)
            else:
                _make_folders(content)
                _link(path, content)
        except OSError as error:
            raise _not_stored(name, error) from error
        return _attachment(stored_name, media_type, path.stat().st_size, key)

    def path(self, attachment: Attachment) -> Path:
        """The file to read. Raises NotFound when it is gone."""
        path = self._path(attachment.key)
        if not path.is_file():
            raise NotFound(f"The file {attachment.name} is missing. Ask support to restore it.")
        return path

    def picture(self, attachment: Attachment) -> tuple[Path, str]:
        """The attachment as a picture, and its media type. Raises NotFound for other files.

        It is kept beside the content until the sweep, which removes what no ticket refers to: then
        it is made again.
        """
        not_shown = NotFound(f"{attachment.name} cannot be shown as a picture. Download it.")
        if attachment.media_type not in SHOWN_FORMATS:
            raise not_shown
        shown = self._shown(attachment.key)
        if not shown.is_file():
            data = encode_again(self.path(attachment), attachment.media_type)
            if data is None:
                raise not_shown
            try:
                _write(shown, data)
            except OSError as error:
                raise Unavailable(
                    f"{attachment.name} could not be shown ({error.strerror}). Download it.",
                    retry_after=60,
                ) from error
        return shown, f"image/{SHOWN_FORMATS[attachment.media_type].lower()}"

    def content(self, key: str) -> Path | None:
        """The file with this content, None when it is gone."""
        path = self._path(key)
        return path if path.is_file() else None

    def erase(self, keys: Iterable[str], uploads: Iterable[str] = ()) -> None:
        """Removes contents that no ticket refers to, and ``uploads`` that had not ended, at once
        and not only when they are swept.
        """
        for ref in uploads:
            (self.incoming / ref).unlink(missing_ok=True)
        for key in keys:
            self._path(key).unlink(missing_ok=True)
            self._shown(key).unlink(missing_ok=True)

    def sweep(self, referenced: Callable[[], frozenset[str]], *, before: dt.datetime) -> int:
        """Removes files written ``before`` that no ticket refers to; returns how many.

        ``referenced`` is called after the folder was read, so that a ticket that is saved meanwhile
        keeps its files.
        """
        old = [path for path in self._folder.glob("*/*") if _written_at(path) < before.timestamp()]
        keys = referenced() if old else frozenset()
        orphans = [path for path in old if path.name not in keys]
        for path in orphans:
            path.unlink(missing_ok=True)
        return len(orphans)

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / key

    def _shown(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.shown"

    def _put(self, file: Upload) -> Attachment:
        key = _digest(file.data).hexdigest()
        path = self._path(key)
        try:
            if path.is_file():
                # As if it were written now, so that the sweep leaves it alone for a day.
                os.utime(path)
            else:
                _write(path, file.data)
        except OSError as error:
            raise _not_stored(file.name, error) from error
        name, media_type = name_and_type(file.name, io.BytesIO(file.data))
        return _attachment(name, media_type, len(file.data), key)


def _digest(data: bytes = b"") -> hashlib.blake2b:
    return hashlib.blake2b(data, digest_size=32)


def _attachment(name: str, media_type: str, size: int, key: str) -> Attachment:
    return Attachment(secrets.token_urlsafe(16), name, media_type, size, key)


def _not_stored(name: str, error: OSError) -> Unavailable:
    sentence = f"{safe_name(name)} could not be stored ({error.strerror}). Nothing was saved."
    return Unavailable(sentence, field="attachments", retry_after=60)


def _make_folders(path: Path) -> None:
    # For the owner only, whatever the umask: customers attach confidential files.
    path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.mkdir(mode=0o700, exist_ok=True)


def _link(source: Path, path: Path) -> None:
    """A further name of a synced file, or a copy where the file system has no such names."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)
            sync(temporary)
        os.utime(temporary)
        temporary.rename(path)
        sync(path.parent)
        sync(path.parent.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime if path.is_file() else float("inf")
    except OSError:  # another process removed it
        return float("inf")


def _write(path: Path, data: bytes) -> None:
    """The whole file under its name and on the disk, or no file at all."""
    _make_folders(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb"
        ) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
        sync(path.parent)
        sync(path.parent.parent)
    finally:
        temporary.unlink(missing_ok=True)
