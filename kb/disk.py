"""Durability: waiting until a file or a folder is on disk.

What has to survive a power loss is synced before anybody is told of it, and then the folder that
names it. What is written where is its owner's business.
"""

from __future__ import annotations

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Wait until a file or folder is on disk. Raises OSError."""
    # A failed fsync is never tried again: the kernel may have dropped the pages (PostgreSQL's
    # "fsyncgate" of 2018).
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
