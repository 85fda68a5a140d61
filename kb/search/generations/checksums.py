"""Checksums: the size and SHA-256 of each file of a generation, and whether it is on disk.

Files of a generation being built are synced and hashed by threads while the rest of it is still
being computed; both let other threads run. Which files belong to a generation is decided in
``generation``.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from kb.disk import FileIdentity, file_identity, sync
from kb.search.generations.verification import VerificationRecord

FileChecksum = tuple[int, str]  # size, SHA-256

_THREADS = 2


class DamagedFile(Exception):
    """A file is not what its checksum says."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def sha256(file: Path) -> str:
    """The digest of the bytes that are there now. Raises OSError."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def verify_files(
    folder: Path, files: Mapping[str, FileChecksum], verified: Mapping[str, FileIdentity]
) -> dict[str, FileIdentity]:
    """The identity of each of ``files`` in ``folder``, all of which are as they should be.

    One that is still what ``verified`` says is not read. Raises DamagedFile for the first whose
    size or digest differs.
    """
    identities: dict[str, FileIdentity] = {}
    unknown: list[str] = []
    for name, (size, _) in files.items():
        with contextlib.suppress(OSError):
            identities[name] = file_identity(f"{folder}/{name}")
        identity = identities.get(name)
        if identity is None or identity != verified.get(name) or identity[1] != size:
            unknown.append(name)

    def is_sound(name: str) -> bool:
        size, digest = files[name]
        try:
            return identities[name][1] == size and sha256(folder / name) == digest
        except (OSError, KeyError):
            return False

    with ThreadPoolExecutor(_THREADS) as threads:
        for name, sound in zip(unknown, threads.map(is_sound, unknown), strict=True):
            if not sound:
                threads.shutdown(cancel_futures=True)
                raise DamagedFile(name)
    return identities


class ChecksumWriter:
    """Syncs and hashes the files below ``folder`` in background threads.

    ``previous`` is the folder of the generation before with its checksums: a file that is a hard
    link to one of these, and was verified as it is, is neither synced nor read again.
    """

    def __init__(
        self, folder: Path, previous: tuple[Path, Mapping[str, FileChecksum]] | None = None
    ) -> None:
        self._folder = folder
        self._checksums_then: Mapping[str, FileChecksum] = previous[1] if previous else {}
        self._verified_then = VerificationRecord(previous[0]).read() if previous else {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="checksums")
        self._pending: dict[str, Future[FileChecksum]] = {}
        self._kept: dict[str, FileChecksum] = {}
        #: Of each file with a checksum, what it was when that was computed.
        self.identities: dict[str, FileIdentity] = {}

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
            if name in self._pending or name in self._kept:
                continue
            identity = self.identities[name] = file_identity(self._folder / name)
            # A link to a file of the previous generation: that was synced then, and never changes.
            if name in self._checksums_then and identity == self._verified_then.get(name):
                self._kept[name] = self._checksums_then[name]
            else:
                self._pending[name] = self._threads.submit(self._checksum, name)

    def checksums(self) -> dict[str, FileChecksum]:
        """The checksum of every file that is there, when all are on disk. Raises OSError."""
        names = sorted(
            os.path.relpath(os.path.join(folder, name), self._folder)
            for folder, _, files in os.walk(self._folder)
            for name in files
        )
        self.begin(names)
        return {
            name: self._kept[name] if name in self._kept else self._pending[name].result()
            for name in names
        }

    def _checksum(self, name: str) -> FileChecksum:
        file = self._folder / name
        sync(file)
        return self.identities[name][1], sha256(file)
