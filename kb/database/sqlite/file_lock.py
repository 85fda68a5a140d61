"""Lock of a file among threads and processes: the queue of the writers, and of migrations."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

from kb.database.busy import database_busy


@contextlib.contextmanager
def file_lock(path: Path, seconds: float) -> Iterator[None]:
    """Holds an exclusive lock on ``path`` among threads and processes.

    Raises Unavailable after ``seconds``. The file is opened each time, because a lock belongs to
    the open file and a fork would share it.
    """
    end = time.monotonic() + seconds
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not _try_lock(descriptor):
            if time.monotonic() >= end:
                raise database_busy()
            time.sleep(random.uniform(0.001, 0.004))  # noqa: S311 - only spreads the waiters
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
