"""Where is an index built that nobody is to read?

In a folder of the temporary folder, held by a lock as long as its process lives. A process that is
killed cannot tidy up, so whoever comes next takes away what the dead left. Not for what is
published (``generations``).
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
def folder(prefix: str) -> Iterator[Path]:
    """An empty folder for this process alone, that is gone afterwards; what dead ones left under
    ``prefix`` is gone too. A lock and not a number tells who lives: numbers of processes are given
    again, and containers share none."""
    for left in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        _clear(left)
    made, held = _made(prefix)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        os.close(held)


def _clear(left: Path) -> None:
    with contextlib.suppress(OSError):
        held = _opened(left)
        try:
            if os.fstat(held).st_uid == os.geteuid():  # others may write there too
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises where somebody holds it
                shutil.rmtree(left, ignore_errors=True)
        finally:
            os.close(held)


def _made(prefix: str) -> tuple[Path, int]:
    """The folder, and the descriptor that holds its lock."""
    while True:
        made = Path(tempfile.mkdtemp(prefix=prefix))
        with contextlib.suppress(FileNotFoundError):  # somebody tidied up before it was held
            held = _opened(made)
            fcntl.flock(held, fcntl.LOCK_EX)
            if made.exists():
                return made, held
            os.close(held)


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
