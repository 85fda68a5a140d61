"""How are many arrays kept in one file that opens in a millisecond?

A header (JSON: name, dtype, shape, offset) and then the arrays, each on a 64-byte boundary. The
file is mapped, not read: all server processes share its pages. Our own because ``.npz`` cannot be
mapped and ``.npy`` costs one file an array; nothing in the file can run code. Checksums are the
generation's business.
"""

from __future__ import annotations

import json
import mmap
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.errors import Unavailable

MAGIC = b"KBARRAY1"
_ALIGN = 64
_PAGE = 4096
Arrays = dict[str, npt.NDArray[Any]]


def save_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write ``arrays`` to ``path``; syncing it to disk is left to the generation."""
    flat = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    rows, offset = [], 0
    for name, array in flat.items():
        rows.append([name, array.dtype.str, list(array.shape), offset])
        offset += -(-array.nbytes // _ALIGN) * _ALIGN
    header = json.dumps(rows).encode()
    start = -(-(len(MAGIC) + 4 + len(header)) // _ALIGN) * _ALIGN
    with path.open("wb") as file:
        file.write((MAGIC + struct.pack("<I", len(header)) + header).ljust(start, b"\0"))
        for array in flat.values():
            if array.size:
                file.write(
                    array.reshape(-1).view(np.uint8).data
                )  # as it lies there: a copy could be large
            file.write(b"\0" * (-array.nbytes % _ALIGN))


def load_arrays(path: Path) -> Arrays:
    """Map ``path`` and return its arrays, read-only. Raises Unavailable when it is not such a file
    or is cut short.
    """
    try:
        with path.open("rb") as file:
            view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:
        raise Unavailable(
            f"The index file {path.name} cannot be read: {error}. Run `kb index --full`."
        ) from error
    try:
        return _arrays(view)
    except (ValueError, TypeError, KeyError, struct.error) as error:
        raise Unavailable(
            f"The index file {path.name} is damaged. Run `kb index --full`."
        ) from error


def touch_arrays(arrays: Arrays) -> None:
    """Read one byte of every page, so that nobody's query waits for the system to find them (other
    threads run on).
    """
    for array in arrays.values():
        if array.nbytes:
            array.reshape(-1).view(np.uint8)[::_PAGE].max()


def _arrays(view: memoryview) -> Arrays:
    if view[: len(MAGIC)] != MAGIC:
        raise ValueError("not an array file")
    (length,) = struct.unpack_from("<I", view, len(MAGIC))
    head = len(MAGIC) + 4
    rows = json.loads(bytes(view[head : head + length]))
    start = -(-(head + length) // _ALIGN) * _ALIGN
    return {name: _array(view, start + offset, dtype, shape) for name, dtype, shape, offset in rows}


def _array(view: memoryview, start: int, dtype: str, shape: list[int]) -> npt.NDArray[Any]:
    kind = np.dtype(dtype)
    if kind.hasobject:
        raise ValueError("objects are never stored")
    count = int(np.prod(shape)) if shape else 1
    return np.frombuffer(view, dtype=kind, count=count, offset=start).reshape(shape)
