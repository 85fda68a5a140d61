"""What was worked out lately?

Words come again while somebody types, and what they mean in an index never changes: it is worked
out once and kept. Bounded, as queries are made by strangers: when ``most`` are held, all are
forgotten, which costs less than knowing which was used last. Not for answers: those are the
snapshot's.
"""

from __future__ import annotations

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BoundedCache(dict[K, V]):
    """A dictionary of ``most`` entries. Safe to share between threads: at worst something is worked
    out twice.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def keep(self, key: K, value: V) -> V:
        """Take up ``value``, and give it back."""
        if len(self) >= self._most:
            self.clear()
        self[key] = value
        return value
