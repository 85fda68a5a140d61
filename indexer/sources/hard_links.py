"""Hard links: whether a file of a tree is also a file outside of it.

Such a file may be anything that the disk holds, as with a symbolic link. The tree is only looked
through when a file with several names turns up.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

#: (tree, device, inode, names, change time) -> names within the tree
_SEEN: dict[tuple[str, int, int, int, int], int] = {}


def is_linked_outside(facts: os.stat_result, tree: str) -> bool:
    """Whether the file with these ``facts`` has a name outside of the folder ``tree``."""
    # What installers link from their caches is as trustworthy as this program.
    if facts.st_nlink < 2 or Path(tree).is_relative_to(sys.prefix):
        return False
    if _key(tree, facts) not in _SEEN:
        _SEEN.clear()
        names: Counter[tuple[str, int, int, int, int]] = Counter()
        for folder, _, files in os.walk(tree):
            for name in files:
                try:
                    found = os.lstat(f"{folder}/{name}")
                except OSError:
                    continue
                if found.st_nlink > 1:
                    names[_key(tree, found)] += 1
        _SEEN.update(names)
        _SEEN.setdefault(_key(tree, facts), 0)
    return _SEEN[_key(tree, facts)] < facts.st_nlink


def _key(tree: str, facts: os.stat_result) -> tuple[str, int, int, int, int]:
    return tree, facts.st_dev, facts.st_ino, facts.st_nlink, facts.st_ctime_ns
