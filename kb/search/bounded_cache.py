"""Bounded cache: values that were computed before, up to a number of them.

For values that never change and are needed again while somebody types. Bounded, because anybody can
send queries; when the cache is full, all entries are dropped, which is cheaper than tracking which
was used last. A suggestion uses two caches: whole answers (``snapshot``) and query terms
(``expansion``), which carry what each structure of the index has computed for them.
"""

from __future__ import annotations

from typing import TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class BoundedCache(dict[_Key, _Value]):
    """A dictionary of ``size`` entries at most.

    Safe to share between threads: at worst something is computed twice.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def keep(self, key: _Key, value: _Value) -> _Value:
        """Store ``value``, and return it."""
        if len(self) >= self._size:
            self.clear()
        self[key] = value
        return value
