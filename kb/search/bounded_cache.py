"""Bounded cache: results by key, all dropped when it is full.

Queries are made by strangers, so memory is bounded; dropping everything costs less than knowing
which entry was used last. For what a key always gives the same result for, such as the terms of a
query in one index.
"""

from __future__ import annotations

from typing import TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class BoundedCache(dict[_Key, _Value]):
    """A dictionary of at most ``most`` entries. Safe to share between threads: at worst something
    is computed twice.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def keep(self, key: _Key, value: _Value) -> _Value:
        """Store ``value``, and return it."""
        if len(self) >= self._most:
            self.clear()
        self[key] = value
        return value
