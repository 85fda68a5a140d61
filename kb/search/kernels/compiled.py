"""How loops are compiled: by numba, without the interpreter's lock, kept on disk.

Inner loops run over slices, from 0: only then does the compiler know that no position is negative,
and handles eight numbers at a time. Constants and tuples of other modules are compiled in: a module
that loops import belongs to ``compilation.SOURCES``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

_config: Any = numba.config
_Loop = TypeVar("_Loop", bound=Callable[..., Any])


def compiled(function: _Loop) -> _Loop:
    """``function``, compiled for the types that it is first called with."""
    compile_it: Any = numba.njit(cache=bool(_config.CACHE_DIR), nogil=True, boundscheck=False)
    loop: _Loop = compile_it(function)
    return loop
