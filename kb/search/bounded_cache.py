"""Bounded cache: values that were computed before, up to a number of them.

For what never changes and comes again while somebody types. Bounded, because queries are made by
strangers; when it is full all entries go, which costs less than knowing which was used last. A
suggestion has two on its way: whole answers (``snapshot``) and query terms (``expansion``), which
carry what each structure of the index has worked out for them.
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
