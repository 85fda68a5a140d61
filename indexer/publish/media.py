"""Media: the images that published articles show, in the data folder.

An image's name is the hash of its bytes, so that generations share it. What no kept generation
shows is removed after a publish, never before. What counts as an image is decided in
``indexer.readers.context``.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
from collections.abc import Iterable
from pathlib import Path

MEDIA_FOLDER = "media"

_IMAGE_URL = re.compile(r"/media/([0-9a-f]{16}\.(?:png|jpg|gif|webp|svg))")
#: Images, and what a process left that was killed while it wrote one.
_OWN_FILE = re.compile(r"[0-9a-f]{16}\.(?:png|jpg|gif|webp|svg)|\.[0-9a-f]{16}\.\w+\.\d+")


def image_names(html: str) -> list[str]:
    """The names of the images in an article.

    >>> image_names('<img src="/media/0123456789abcdef.png">')
    ['0123456789abcdef.png']
    """
    return _IMAGE_URL.findall(html) if "/media/" in html else []


def remove_unused(folder: Path, ledgers: Iterable[Path]) -> int:
    """Remove the images in ``folder`` that no kept generation shows; how many there were.

    ``ledgers`` are those of all kept generations. Called while the index is locked.
    """
    used: set[str] = set()
    for ledger in ledgers:
        try:
            used |= _shown_images(ledger)
        except (OSError, ValueError, KeyError):
            return 0  # which images this generation shows is unknown, so all stay

    removed = 0
    with contextlib.suppress(OSError):  # what cannot be removed now is removed the next time
        for file in folder.iterdir():
            if _OWN_FILE.fullmatch(file.name) and file.name not in used:
                file.unlink()
                removed += 1
    return removed


def _shown_images(ledger: Path) -> frozenset[str]:
    """The images that the documents of a generation show, by its ledger."""
    facts = ledger.stat()
    return _read_images(ledger, (facts.st_ino, facts.st_size, facts.st_mtime_ns))


@functools.lru_cache(maxsize=8)
def _read_images(ledger: Path, _state: tuple[int, ...]) -> frozenset[str]:
    """A generation never changes: a process that publishes all day reads each ledger once."""
    return frozenset(json.loads(ledger.read_text("utf-8"))["media"])
