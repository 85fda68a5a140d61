"""Where the contents of attached files are kept: in a folder, or in a store that machines share.

A content is named by the hash of its bytes; a picture made from it has the suffix ``.shown``.
Content is written before the ticket that refers to it is saved. Content that no ticket refers to is
deleted after a day.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from io import BufferedReader
from pathlib import Path
from typing import Protocol

from kb.blobs import BlobStore
from kb.disk import link_file, sync
from kb.errors import Unavailable
from kb.temporary_folder import temporary_folder

PICTURE_SUFFIX = ".shown"
_PREFIX = "attachments/"


class Contents(Protocol):
    """Every method raises OSError or Unavailable if the disk or the store fails."""

    def write(self, name: str, data: bytes) -> None:
        """Stores bytes; if they are already there, they count as written now."""

    def adopt(self, name: str, path: Path) -> None:
        """Stores a file that stays where it is."""

    def held(self, name: str) -> AbstractContextManager[Path | None]:
        """The content as a file for the time of the block; None when there is none."""

    def remove(self, name: str) -> None: ...

    def written_before(self, instant: float) -> Iterator[str]:
        """The names of those that nobody has written since."""

    def elsewhere(self) -> Iterator[str]:
        """The names of those that are not in the folder, without pictures."""

    def settle(self, names: Callable[[], frozenset[str]]) -> None:
        """Moves the contents with these names to where they belong, if they are elsewhere."""


class LocalContents:
    """A folder of this machine. A content that is on its disk already is only named again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, data: bytes) -> None:
        path = self.path(name)
        if path.is_file():
            os.utime(path)
        else:
            self._place(path, lambda draft: _write_synced(draft, data))

    def adopt(self, name: str, path: Path) -> None:
        content = self.path(name)
        if content.is_file():
            os.utime(content)
        else:
            self._place(content, lambda draft: _link_synced(path, draft))

    @contextlib.contextmanager
    def held(self, name: str) -> Iterator[Path | None]:
        path = self.path(name)
        yield path if path.is_file() else None

    def remove(self, name: str) -> None:
        self.path(name).unlink(missing_ok=True)

    def written_before(self, instant: float) -> Iterator[str]:
        for path in self._folder.glob("*/*"):
            if _written_at(path) < instant:
                yield path.name

    def elsewhere(self) -> Iterator[str]:
        return iter(())

    def settle(self, names: Callable[[], frozenset[str]]) -> None:
        """This is where they belong."""

    def all(self) -> Iterator[Path]:
        return (path for path in self._folder.glob("*/*") if path.name[0] != ".")

    def path(self, name: str) -> Path:
        return self._folder / name.lstrip(".")[:2] / name  # a draft is beside its content

    def _place(self, path: Path, fill: Callable[[Path], None]) -> None:
        """The whole file under its name and on the disk, or no file at all."""
        # For the owner only, whatever the umask: customers attach confidential files.
        path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            fill(draft)
            draft.rename(path)
            sync(path.parent)
            sync(path.parent.parent)
        finally:
            draft.unlink(missing_ok=True)


class SharedContents:
    """A store, and this machine's folder with the files that were attached before the store was
    set.

    No content of the store stays on this machine, so erasing it once erases it everywhere.
    """

    def __init__(self, store: BlobStore, local: LocalContents) -> None:
        self._store = store
        self._local = local

    def write(self, name: str, data: bytes) -> None:
        self._store.write(_blob(name), data)

    def adopt(self, name: str, path: Path) -> None:
        self._store.upload(_blob(name), path)

    @contextlib.contextmanager
    def held(self, name: str) -> Iterator[Path | None]:
        with self._local.held(name) as path:
            if path is not None:
                yield path
                return
        with temporary_folder("askfirst-content-") as folder:
            path = folder / "content"
            if not self._store.download(_blob(name), path):
                yield None
                return
            if not name.endswith(PICTURE_SUFFIX):
                self._check(name, path)
            yield path

    def remove(self, name: str) -> None:
        self._local.remove(name)
        self._store.delete(_blob(name))

    def written_before(self, instant: float) -> Iterator[str]:
        yield from self._local.written_before(instant)
        for blob, written_at in self._store.names(_PREFIX):
            if written_at < instant:
                yield blob.rpartition("/")[2]

    def elsewhere(self) -> Iterator[str]:
        local = {path.name for path in self._local.all()}
        for blob, _ in self._store.names(_PREFIX):
            name = blob.rpartition("/")[2]
            if name not in local and not name.endswith(PICTURE_SUFFIX):
                yield name

    def settle(self, names: Callable[[], frozenset[str]]) -> None:
        """Moves what is in the folder to the store: every machine can read it there."""
        paths = [path for path in self._local.all() if path.is_file()]
        named = names() if paths else frozenset()
        for path in paths:
            if path.name in named:
                self._store.upload(_blob(path.name), path)
                path.unlink(missing_ok=True)

    def _check(self, key: str, path: Path) -> None:
        with path.open("rb") as file:
            if content_key(file) != key:
                raise Unavailable(
                    f"A file in the store {self._store} is damaged. Ask support to restore it.",
                    retry_after=60,
                )


def content_key(file: BufferedReader) -> str:
    """The name of a content, of which ``file`` reads the bytes."""
    return hashlib.file_digest(file, content_digest).hexdigest()


def content_digest(data: bytes = b"") -> hashlib.blake2b:
    return hashlib.blake2b(data, digest_size=32)


def _blob(name: str) -> str:
    return f"{_PREFIX}{name[:2]}/{name}"


def _write_synced(path: Path, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _link_synced(source: Path, path: Path) -> None:
    link_file(source, path)
    sync(path)
    os.utime(path)


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime if path.is_file() else float("inf")
    except OSError:  # another process removed it
        return float("inf")
