"""Is it on disk?

What must survive a power loss is synced before anybody is told of it, and then the folder that
names it. Not for what is written where: that is its owner's business.
"""

from __future__ import annotations

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Wait until a file or folder is on disk. Raises OSError."""
    # A failed fsync is never tried again: the kernel may have dropped the pages (PostgreSQL's
    # "fsyncgate").
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
