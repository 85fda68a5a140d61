"""Which pictures do published articles show, and which files of the media folder can go?

A picture's name is the hash of its bytes, so that generations share it. What no kept generation
names is removed after a publish, never before. Not for deciding what is a picture (``visit``).
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
from pathlib import Path

MEDIA_FOLDER = "media"
_NAMED = re.compile(r"/media/([0-9a-f]{16}\.(?:png|jpg|gif|webp))")
_OURS = re.compile(r"[0-9a-f]{16}\.(?:png|jpg|gif|webp)|\.[0-9a-f]{16}\.\w+\.\d+")


def image_names(html: str) -> list[str]:
    """The names of the pictures in an article.

    >>> image_names('<img src="/media/0123456789abcdef.png">')
    ['0123456789abcdef.png']
    """
    return _NAMED.findall(html) if "/media/" in html else []


def remove_unused(data: Path) -> int:
    """Remove the pictures that no kept generation names; how many there were. Called while the
    index is locked.
    """
    # Brings numpy, which workers do not need.
    from kb.search.generations.generation import LEDGER_FILE, Generations

    wanted: set[str] = set()
    generations = Generations(data)
    for name in generations.names():
        shown = _shown(generations.path(name) / LEDGER_FILE)
        if shown is None:
            return 0  # which pictures this generation shows is not known, so all stay
        wanted |= shown
    gone = 0
    with contextlib.suppress(OSError):  # what cannot be removed now goes the next time
        for file in (data / MEDIA_FOLDER).iterdir():
            if _OURS.fullmatch(file.name) and file.name not in wanted:
                file.unlink()
                gone += 1
    return gone


def _shown(ledger: Path) -> frozenset[str] | None:
    """The pictures that the documents of a generation show, as its ledger says."""
    try:
        facts = ledger.stat()
        return _read(ledger, (facts.st_ino, facts.st_size, facts.st_mtime_ns))
    except (OSError, ValueError, KeyError):
        return None


@functools.lru_cache(maxsize=8)
def _read(ledger: Path, _state: tuple[int, ...]) -> frozenset[str]:
    """A generation never changes, so who publishes all day reads each ledger once."""
    return frozenset(json.loads(ledger.read_text("utf-8"))["media"])
