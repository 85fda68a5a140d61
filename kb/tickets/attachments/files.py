"""Where do attached files lie, so that a saved ticket never misses one?

Content-addressed: the name is the hash of the bytes, written aside, fsynced and renamed before the
ticket's transaction commits; a file whose ticket was never saved is only wasted space. Which files
are allowed is decided in ``kb.tickets.attachments.validation``, who may read one by the desk.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path

from kb.disk import sync
from kb.errors import NotFound, Unavailable
from kb.tickets.attachments import validation as uploads
from kb.tickets.ticket import Attachment, Upload


class Attachments:
    """The folder of attached files. Two uploads of the same bytes are kept once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, files: Iterable[Upload]) -> tuple[Attachment, ...]:
        """Keeps files that are already checked. Raises Unavailable when the disk does not take
        them.
        """
        return tuple(self._put(file) for file in files)

    def path(self, attachment: Attachment) -> Path:
        """The file to read. Raises NotFound when it is gone."""
        path = self._path(attachment.key)
        if not path.is_file():
            raise NotFound(
                f"The file {attachment.name} is missing from the store; ask support to restore it."
            )
        return path

    def sweep(self, kept: Callable[[], frozenset[str]], *, before: dt.datetime) -> int:
        """Removes files written ``before`` that no ticket refers to; how many.

        ``kept`` is asked after the folder was read, so that a ticket saved meanwhile keeps its
        files.
        """
        old = [path for path in self._folder.glob("*/*") if _written(path) < before.timestamp()]
        known = kept() if old else frozenset()
        gone = [path for path in old if path.name not in known]
        for path in gone:
            path.unlink(missing_ok=True)
        return len(gone)

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / key

    def _put(self, file: Upload) -> Attachment:
        key = hashlib.blake2b(file.data, digest_size=32).hexdigest()
        path = self._path(key)
        try:
            if path.is_file():
                os.utime(
                    path
                )  # as if it were written now: the sweep of unsaved files leaves it alone for a day
            else:
                _write(path, file.data)
        except OSError as error:
            sentence = (
                f"{uploads.safe_name(file.name)} could not be kept ({error.strerror}); "
                f"nothing was saved."
            )
            raise Unavailable(sentence, field="attachments", retry_after=60) from error
        name, media_type = uploads.described(file)
        return Attachment(secrets.token_urlsafe(16), name, media_type, len(file.data), key)


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime if path.is_file() else float("inf")
    except OSError:  # somebody else removed it
        return float("inf")


def _write(path: Path, data: bytes) -> None:
    """Whole and on the disk under its name, or not there at all."""
    # For the owner only, whatever the umask: what customers attach is nobody else's business.
    path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(
            os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb"
        ) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.rename(path)
        sync(path.parent)
        sync(path.parent.parent)
    finally:
        aside.unlink(missing_ok=True)
