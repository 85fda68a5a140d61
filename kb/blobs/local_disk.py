"""The disk of this machine, to which blobs are fetched."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator

from kb.errors import Unavailable


@contextlib.contextmanager
def full_disk_as_unavailable() -> Iterator[None]:
    """Whoever fetches a blob writes only here: if a disk is full, it is not that of the store."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise Unavailable("The disk of this machine is full; free some space.") from error
