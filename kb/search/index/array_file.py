"""Array file: many arrays in one file that opens in a millisecond.

A header (JSON: name, dtype, shape, offset) and then the arrays, each on a 64-byte boundary. The
file is mapped, not read, so all server processes share its pages. Our own format, because ``.npz``
cannot be mapped and ``.npy`` takes one file for each array; nothing in the file can run code.
Checksums belong to the generation.
"""

from __future__ import annotations

import json
import math
import mmap
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kb.errors import Unavailable

Arrays = dict[str, NDArray[Any]]  # by name; each writer documents dtypes and shapes of its own

_MAGIC = b"KBARRAY1"
_HEADER_LENGTH = struct.Struct("<I")
_HEADER_START = len(_MAGIC) + _HEADER_LENGTH.size
_ALIGNMENT = 64
_PAGE_SIZE = 4096


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write ``arrays`` to ``path``; syncing it to disk is left to the generation."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    rows, offset = [], 0
    for name, array in contiguous.items():
        rows.append([name, array.dtype.str, list(array.shape), offset])
        offset += _aligned(array.nbytes)

    header = json.dumps(rows).encode()
    head = _MAGIC + _HEADER_LENGTH.pack(len(header)) + header
    with path.open("wb") as file:
        file.write(head.ljust(_aligned(len(head)), b"\0"))
        for array in contiguous.values():
            if array.size:
                # From where it lies: a copy could be large.
                file.write(array.reshape(-1).view(np.uint8).data)
            file.write(b"\0" * (-array.nbytes % _ALIGNMENT))


def load_arrays(path: Path) -> Arrays:
    """Map ``path`` and return its arrays, read-only.

    Raises Unavailable when it is not an array file or is cut short.
    """
    return _load(path, mmap.ACCESS_READ)


def load_private_arrays(path: Path) -> Arrays:
    """The same arrays, writable in memory: only pages that are written to are copied."""
    return _load(path, mmap.ACCESS_COPY)


def map_arrays(path: Path) -> Callable[[], Arrays]:
    """Map ``path`` now, but read its directory only when the returned function is called.

    Files whose arrays are never used therefore open quickly.
    """
    view = _mapped(path, mmap.ACCESS_READ)
    return lambda: _parsed(path, view)


def _load(path: Path, access: int) -> Arrays:
    return _parsed(path, _mapped(path, access))


def _mapped(path: Path, access: int) -> memoryview:
    try:
        with path.open("rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=access))
    except (OSError, ValueError) as error:
        raise Unavailable(
            f"The index file {path.name} cannot be read: {error}. Run `kb index --full`."
        ) from error


def _parsed(path: Path, view: memoryview) -> Arrays:
    try:
        if view[: len(_MAGIC)] != _MAGIC:
            raise ValueError("not an array file")
        (length,) = _HEADER_LENGTH.unpack_from(view, len(_MAGIC))
        header_end = _HEADER_START + length
        rows = json.loads(bytes(view[_HEADER_START:header_end]))
        start = _aligned(header_end)
        return {
            name: _array(view, start + offset, dtype, shape) for name, dtype, shape, offset in rows
        }
    except (ValueError, TypeError, KeyError, struct.error) as error:
        raise Unavailable(
            f"The index file {path.name} is damaged. Run `kb index --full`."
        ) from error


def touch_arrays(arrays: Arrays) -> None:
    """Read one byte of every page, so that no query waits for the disk; other threads run
    meanwhile.
    """
    for array in arrays.values():
        if array.nbytes:
            array.reshape(-1).view(np.uint8)[::_PAGE_SIZE].max()


def _array(view: memoryview, start: int, dtype_name: str, shape: list[int]) -> NDArray[Any]:
    dtype = np.dtype(dtype_name)
    if dtype.hasobject:
        raise ValueError("objects are never stored")  # they would be unpickled
    count = math.prod(shape)
    return np.frombuffer(view, dtype=dtype, count=count, offset=start).reshape(shape)


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
