"""Where the pieces of large files are until their upload ends: a folder, or a shared store.

Each request of an upload may reach another machine: with a store, every machine can receive the
next piece. How much has arrived and who may send is decided elsewhere (see ``unfinished``).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Protocol

from kb.blobs import BlobStore
from kb.disk import sync
from kb.errors import Conflict, Unavailable

_READ = 256 * 1024  # bytes that are read at once
_BLOB = 4 * 1024 * 1024  # bytes of a file in the store that are written at once
_FREE_SPACE = 1024**3  # bytes that no upload may use up: tickets must still be saved
_PREFIX = "uploads/"

#: Records that the bytes between two offsets have arrived; False if another request has already
#: recorded bytes from the first offset on.
Advance = Callable[[int, int], bool]


class ByteStream(Protocol):
    """What the pieces of a file are read from."""

    def read(self, size: int, /) -> bytes: ...


class Pieces(Protocol):
    """Files are named by their ``ref``. Every method raises Unavailable if the disk or the store
    fails.
    """

    def begin(self, ref: str, size: int) -> None:
        """An empty file that will have ``size`` bytes."""

    def arrived(self, ref: str, noted: int) -> int | None:
        """How many bytes of a file have arrived, of which ``noted`` were recorded; None if it is
        gone.
        """

    def append(self, ref: str, size: int, offset: int, stream: ByteStream, advance: Advance) -> int:
        """Adds what the stream contains, and returns how much has arrived. If the stream breaks
        off, what was read before is kept.

        Raises Conflict for an offset that is not the end of the file, or while another request
        writes to it.
        """

    def complete(self, ref: str, size: int) -> AbstractContextManager[Path]:
        """The whole file, for the time of the block. Raises Conflict."""

    def remove(self, refs: Iterable[str]) -> None:
        """No error for files that are gone."""

    def sweep(self, kept: Callable[[], frozenset[str]], before: float) -> int:
        """Removes files written ``before`` an instant that are not ``kept``; returns how many."""


class LocalPieces:
    """A folder of this machine. A file is as long as what has arrived of it: whatever was
    acknowledged survives a killed process.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, ref: str, size: int) -> None:
        try:
            self._require_room(size)
            os.close(os.open(self._path(ref), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            sync(self._folder)
        except OSError as error:
            raise _not_written(error) from error

    def _require_room(self, size: int) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if shutil.disk_usage(self._folder).free - size < _FREE_SPACE:
            raise Unavailable(
                "There is no room for a file of this size at the moment. Tell support.",
                retry_after=3600,
            )

    def arrived(self, ref: str, noted: int) -> int | None:
        del noted
        try:
            return self._path(ref).stat().st_size
        except OSError:  # removed with what an operator cleaned up
            return None

    def append(self, ref: str, size: int, offset: int, stream: ByteStream, advance: Advance) -> int:
        del advance
        with self._held(ref) as content:
            end = content.seek(0, os.SEEK_END)
            if end != offset:
                raise wrong_offset(end)
            try:
                while end < size and (piece := stream.read(min(_READ, size - end))):
                    content.write(piece)
                    end += len(piece)
            finally:
                _save(content)
            return end

    @contextlib.contextmanager
    def complete(self, ref: str, size: int) -> Iterator[Path]:
        del size
        with self._held(ref):
            yield self._path(ref)

    @contextlib.contextmanager
    def copy_of(self, ref: str, size: int) -> Iterator[Path]:
        """An empty file for a copy of ``size`` bytes, which is removed after the block. Raises
        Conflict while another request of this machine has one.
        """
        path = self._path(ref)
        try:
            self._require_room(size)
            path.touch(0o600)
        except OSError as error:
            raise _not_written(error) from error
        with self._held(ref) as content:
            # The request before may have removed the file that was opened here.
            if not _is_at(path, content):
                raise _busy()
            try:
                yield path
            finally:
                path.unlink(missing_ok=True)

    def remove(self, refs: Iterable[str]) -> None:
        for ref in refs:
            self._path(ref).unlink(missing_ok=True)

    def sweep(self, kept: Callable[[], frozenset[str]], before: float) -> int:
        old = [path.name for path in self._folder.glob("*") if path.stat().st_mtime < before]
        return _removed(self, old, kept)

    def _path(self, ref: str) -> Path:
        return self._folder / ref

    @contextlib.contextmanager
    def _held(self, ref: str) -> Iterator[BinaryIO]:
        """The file, which nobody else writes meanwhile. Raises Conflict."""
        try:
            content = self._path(ref).open("r+b")
        except OSError as error:
            raise _not_written(error) from error
        with content:
            try:
                fcntl.flock(content, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise _busy() from None
            yield content


class SharedPieces:
    """A store, in which a file is several blobs; their names contain the offsets of their bytes.

    A blob counts once its end is recorded. A blob of a request that died or came too late is never
    recorded, and does no harm: it contains bytes of the same file.
    """

    def __init__(self, store: BlobStore, local: LocalPieces) -> None:
        self._store = store
        # For whole files while they are attached, and uploads from before the store was set.
        self._local = local

    def begin(self, ref: str, size: int) -> None:
        """Nothing is there until the first piece."""

    def arrived(self, ref: str, noted: int) -> int | None:
        del ref
        return noted

    def append(self, ref: str, size: int, offset: int, stream: ByteStream, advance: Advance) -> int:
        end = offset
        while end < size:
            blob, most = bytearray(), min(_BLOB, size - end)
            try:
                while len(blob) < most and (data := stream.read(min(_READ, most - len(blob)))):
                    blob += data
            finally:
                if blob:
                    self._store.write(_name(ref, end, end + len(blob)), bytes(blob))
                    if not advance(end, end + len(blob)):
                        raise _busy()
                    end += len(blob)
            if len(blob) < most:
                break
        return end

    @contextlib.contextmanager
    def complete(self, ref: str, size: int) -> Iterator[Path]:
        with self._local.copy_of(ref, size) as whole:
            piece = whole.with_name(f"{ref}.piece")
            try:
                with whole.open("wb") as file:
                    for name in self._chain(ref, size):
                        if not self._store.download(name, piece):
                            raise _lost()
                        with piece.open("rb") as content:
                            shutil.copyfileobj(content, file)
                        piece.unlink()
            except OSError as error:
                raise _not_written(error) from error
            finally:
                piece.unlink(missing_ok=True)
            yield whole

    def _chain(self, ref: str, size: int) -> list[str]:
        """The names of blobs that make up the whole file, in order."""
        before: dict[int, tuple[int, str]] = {}  # end -> start and name
        for start, end, name in sorted(
            (*_bounds(name), name) for name, _ in self._store.names(f"{_PREFIX}{ref}.")
        ):
            if start == 0 or start in before:
                before[end] = start, name
        names, place = [], size
        while place > 0:
            if place not in before:
                raise _lost()
            place, name = before[place]
            names.append(name)
        return names[::-1]

    def remove(self, refs: Iterable[str]) -> None:
        for ref in refs:
            self._local.remove([ref])
            for name, _ in list(self._store.names(f"{_PREFIX}{ref}.")):
                self._store.delete(name)

    def sweep(self, kept: Callable[[], frozenset[str]], before: float) -> int:
        written: dict[str, float] = {}
        for name, at in self._store.names(_PREFIX):
            ref = name.removeprefix(_PREFIX).rpartition(".")[0]
            written[ref] = max(at, written.get(ref, at))
        old = [ref for ref, at in written.items() if at < before]
        return _removed(self, old, kept) + self._local.sweep(frozenset, before)


def _removed(pieces: Pieces, old: list[str], kept: Callable[[], frozenset[str]]) -> int:
    refs = kept() if old else frozenset()
    orphans = [ref for ref in old if ref not in refs]
    pieces.remove(orphans)
    return len(orphans)


def _name(ref: str, start: int, end: int) -> str:
    return f"{_PREFIX}{ref}.{start}-{end}"


def _bounds(name: str) -> tuple[int, int]:
    start, _, end = name.rpartition(".")[2].partition("-")
    return int(start), int(end)


def _is_at(path: Path, content: BinaryIO) -> bool:
    """Whether an open file is still the one with this path."""
    try:
        return os.path.samestat(os.fstat(content.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _save(content: BinaryIO) -> None:
    try:
        content.flush()
        os.fsync(content.fileno())
    except OSError as error:
        raise _not_written(error) from error


def wrong_offset(end: int) -> Conflict:
    """For a piece that does not begin where the last one ended."""
    return Conflict(f"{end} bytes have arrived. Continue from there.", field="Upload-Offset")


def _busy() -> Conflict:
    return Conflict("Another request is sending this file. Try again in a moment.", retry_after=2)


def _lost() -> Unavailable:
    return Unavailable("A part of this file is missing in the store. Start the upload again.")


def _not_written(error: OSError) -> Unavailable:
    return Unavailable(
        f"The file could not be written ({error.strerror}). Try again later.", retry_after=60
    )
