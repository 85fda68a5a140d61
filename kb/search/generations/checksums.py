"""Checksums: the size and SHA-256 of each file of a generation, and whether it is on disk.

Files of a generation being built are synced and hashed by threads while the rest of it is still
being computed; both let other threads run. Which files belong to a generation is decided in
``generation``.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from kb.disk import sync

FileChecksum = tuple[int, str]  # size, SHA-256

_THREADS = 2
_MAX_REMEMBERED = 4096

#: Digests that this process computed or verified, each with the state of the file at that time.
_remembered: dict[Path, tuple[tuple[int, ...], str]] = {}


def sha256(file: Path) -> str:
    """The digest of the bytes that are there now. Raises OSError."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def known_sha256(file: Path) -> str:
    """The remembered digest while the file's size and times are unchanged, else a fresh one.

    Raises OSError.
    """
    state = _state(file)
    remembered = _remembered.get(file)
    if remembered is not None and remembered[0] == state:
        return remembered[1]

    digest = sha256(file)
    _remember(file, state, digest)
    return digest


def remember_sha256(file: Path, digest: str) -> None:
    """Let ``known_sha256`` trust what this process has just written to ``file``."""
    with contextlib.suppress(OSError):
        _remember(file, _state(file), digest)


def _remember(file: Path, state: tuple[int, ...], digest: str) -> None:
    if len(_remembered) >= _MAX_REMEMBERED:
        _remembered.clear()
    _remembered[file] = state, digest


def _state(file: Path) -> tuple[int, ...]:
    stat = file.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def differing(
    folder: Path, files: Mapping[str, FileChecksum], hashed: Callable[[Path], str]
) -> str | None:
    """The first of ``files`` whose size or digest differs in ``folder``; None when all match."""
    with ThreadPoolExecutor(_THREADS) as threads:
        matches = threads.map(lambda name: _matches(folder / name, *files[name], hashed), files)
        return next((name for name, match in zip(files, matches, strict=True) if not match), None)


def _matches(file: Path, size: int, expected: str, hashed: Callable[[Path], str]) -> bool:
    try:
        return file.stat().st_size == size and hashed(file) == expected
    except OSError:
        return False


class ChecksumWriter:
    """Syncs and hashes the files below ``folder`` in background threads.

    ``previous`` is the folder of the generation before with its checksums: a file that is a hard
    link to one of these is neither synced nor read again.
    """

    def __init__(
        self, folder: Path, previous: tuple[Path, Mapping[str, FileChecksum]] | None = None
    ) -> None:
        self._folder, self._previous = folder, previous
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="checksums")
        self._pending: dict[str, Future[FileChecksum]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._threads.shutdown(cancel_futures=True)

    def begin(self, names: Iterable[str]) -> None:
        """Begin with these files, which will not change any more."""
        for name in names:
            if name not in self._pending:
                self._pending[name] = self._threads.submit(self._checksum, name)

    def run_in_background(self, work: Callable[[], None]) -> Future[None]:
        """Let one of the threads run ``work``, which writes files and lets other threads run."""
        return self._threads.submit(work)

    def checksums(self) -> dict[str, FileChecksum]:
        """The checksum of every file that is there, when all are on disk. Raises OSError."""
        files = (path for path in self._folder.rglob("*") if path.is_file())
        names = sorted(path.relative_to(self._folder).as_posix() for path in files)
        self.begin(names)
        return {name: self._pending[name].result() for name in names}

    def _checksum(self, name: str) -> FileChecksum:
        file = self._folder / name

        # A link to a file of the previous generation: that was synced then, and never changes.
        if self._previous is not None and name in self._previous[1]:
            folder, checksums = self._previous
            with contextlib.suppress(OSError):
                if os.path.samefile(file, folder / name):
                    return checksums[name]

        sync(file)
        return file.stat().st_size, sha256(file)
