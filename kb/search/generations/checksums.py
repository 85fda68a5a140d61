"""What is in a file, told by its SHA-256, and is it on disk?

Files of a generation being built are synced and hashed in threads while the rest of it is still
worked out: both let other threads run. Not for deciding what belongs to a generation
(``generations``).
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

_THREADS = 2
_MOST_KNOWN = 4096
#: Hashes that this process took or checked, and of which state of the file.
_known: dict[Path, tuple[tuple[int, ...], str]] = {}
Seal = tuple[int, str]


def sha256(file: Path) -> str:
    """Of every byte that is there now. Raises OSError."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def known_sha256(file: Path) -> str:
    """The same, unless this process knows it and the file's size and times are what they were.
    Raises OSError.
    """
    state, found = _state(file), _known.get(file)
    if found is not None and found[0] == state:
        return found[1]
    digest = sha256(file)
    _keep(file, state, digest)
    return digest


def remember(file: Path, digest: str) -> None:
    """Let ``known_sha256`` know what this process has just written to ``file``."""
    with contextlib.suppress(OSError):
        _keep(file, _state(file), digest)


def _keep(file: Path, state: tuple[int, ...], digest: str) -> None:
    if len(_known) >= _MOST_KNOWN:
        _known.clear()
    _known[file] = state, digest


def _state(file: Path) -> tuple[int, ...]:
    found = file.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def differing(folder: Path, files: Mapping[str, Seal], hashed: Callable[[Path], str]) -> str | None:
    """The first of ``files`` that is not in ``folder`` as its (size, SHA-256) says; None when all
    are.
    """
    with ThreadPoolExecutor(_THREADS) as threads:
        good = threads.map(lambda name: _matches(folder / name, *files[name], hashed), files)
        return next((name for name, is_good in zip(files, good, strict=True) if not is_good), None)


def _matches(file: Path, size: int, expected: str, hashed: Callable[[Path], str]) -> bool:
    try:
        return file.stat().st_size == size and hashed(file) == expected
    except OSError:
        return False


class ChecksumWriter:
    """Syncs and hashes the files below ``folder``; ``before`` is a sealed folder of which some may
    be links.
    """

    def __init__(self, folder: Path, before: tuple[Path, Mapping[str, Seal]] | None = None) -> None:
        self._folder, self._before = folder, before
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="sealing")
        self._begun: dict[str, Future[Seal]] = {}

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
        """These files will not change any more."""
        for name in names:
            if name not in self._begun:
                self._begun[name] = self._threads.submit(self._seal, name)

    def aside(self, work: Callable[[], None]) -> Future[None]:
        """Let one of the threads do ``work`` that makes files, and lets other threads run, too."""
        return self._threads.submit(work)

    def seals(self) -> dict[str, Seal]:
        """(size, SHA-256) of every file that is there, when all are on disk. Raises OSError."""
        found = sorted(
            p.relative_to(self._folder).as_posix() for p in self._folder.rglob("*") if p.is_file()
        )
        self.begin(found)
        return {name: self._begun[name].result() for name in found}

    def _seal(self, name: str) -> Seal:
        file = self._folder / name
        linked = self._linked(file, name)
        if linked is not None:
            return linked
        sync(file)
        return file.stat().st_size, sha256(file)

    def _linked(self, file: Path, name: str) -> Seal | None:
        """The seal of a file that is the very one of the folder before: it was on disk then, and
        never changes.
        """
        if self._before is None or name not in self._before[1]:
            return None
        with contextlib.suppress(OSError):
            if os.path.samefile(file, self._before[0] / name):
                return self._before[1][name]
        return None
