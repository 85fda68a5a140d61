"""Files on disk: waiting until one is there, and telling whether it is the same as before.

What has to survive a power loss is synced before anybody is told of it, and then the folder that
names it. What is written where is its owner's business.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

FileIdentity = tuple[int, int, int]  # inode, size, time of the last change in nanoseconds


def sync(path: Path) -> None:
    """Wait until a file or folder is on disk. Raises OSError."""
    # A failed fsync is never tried again: the kernel may have dropped the pages (PostgreSQL's
    # "fsyncgate" of 2018).
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_identity(path: str | Path) -> FileIdentity:
    """What changes when a file is replaced or written to. Raises OSError."""
    stat = os.stat(path)
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def link_file(source: Path, target: Path) -> None:
    """Another name for a file that never changes; a copy where the file system has no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
