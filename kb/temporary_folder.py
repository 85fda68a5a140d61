"""Temporary folders that outlive no process: where a check or an evaluation builds its index.

A lock holds each folder for as long as its process lives. A process that is killed cannot clean up,
so the next one removes what dead processes left. Published generations live elsewhere
(``kb.search.generations``).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """An empty folder for this process alone, removed afterwards; what dead processes left under
    ``prefix`` is removed too.
    """
    # A lock, not a process id, tells who lives: ids are given again, and containers share none.
    for leftover in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        _remove_if_abandoned(leftover)

    folder, descriptor = _create(prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _remove_if_abandoned(folder: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = _open(folder)
        try:
            if os.fstat(descriptor).st_uid == os.geteuid():  # others may write there too
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises when it is held
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)


def _create(prefix: str) -> tuple[Path, int]:
    """The folder, and the descriptor that holds its lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix))
        # Another process may remove the folder before it is locked; then try again.
        with contextlib.suppress(FileNotFoundError):
            descriptor = _open(folder)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if folder.exists():
                return folder, descriptor
            os.close(descriptor)


def _open(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
