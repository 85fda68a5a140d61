"""Here is a number: what was written under it?

Values in the order of their numbers, in one file that is mapped and read in a microsecond: what
hits show of a document and of a passage. Written front to back while a generation is built, so that
memory is bounded by one record. Not for finding a number: that is the matrix.
"""

from __future__ import annotations

import json
import mmap
import struct
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.errors import Unavailable

_MAGIC = b"KBRECORD"
_FOOT = struct.Struct(
    "<8sQ"
)  # magic, number of records; before it their offsets and the end, 8 bytes each
_ALIGN = 8
_decode = (
    json.JSONDecoder().raw_decode
)  # as json.loads, which looks for encodings and white space first


class RecordWriter:
    """Writes one record after the other; the first has the number 0. Syncing is left to the
    generation.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._offsets = array("q", [0])

    def add(self, value: Any) -> None:
        """Take up one value that JSON can hold."""
        raw = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
        self._file.write(raw)
        self._offsets.append(self._offsets[-1] + len(raw))

    def copy(self, records: Records, first: int, last: int) -> None:
        """Take over the records from ``first`` to ``last`` (half-open) as they are."""
        ends = records.ends(first, last)
        self._file.write(records.raw(first, last))
        self._offsets.frombytes((ends - (ends[0] - self._offsets[-1]))[1:].tobytes())

    def close(self) -> None:
        """End the file; done twice, it changes nothing."""
        if self._file.closed:
            return
        with self._file as file:
            file.write(b"\0" * (-self._offsets[-1] % _ALIGN))
            file.write(self._offsets.tobytes())
            file.write(_FOOT.pack(_MAGIC, len(self._offsets) - 1))


class Records:
    """The records of one file, by number; safe to share between threads."""

    def __init__(self, path: Path) -> None:
        """Raises Unavailable when ``path`` is not such a file or is cut short."""
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            magic, count = _FOOT.unpack(self._map[-_FOOT.size :])
            end = len(self._map) - _FOOT.size
            start = end - 8 * (count + 1)
            if magic != _MAGIC or start < 0:
                raise ValueError("not a file of records")
        except (OSError, ValueError, struct.error) as error:
            raise Unavailable(
                f"The index file {path.name} cannot be read: {error}. Run `kb index --full`."
            ) from error
        self._offsets = memoryview(self._map)[start:end].cast("q")

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def ends(self, first: int, last: int) -> npt.NDArray[np.int64]:
        """Where the records from ``first`` to ``last`` begin in the file, and where the last one
        ends.
        """
        return np.frombuffer(self._offsets[first : last + 1], dtype=np.int64)

    def raw(self, first: int, last: int) -> bytes:
        """The bytes of the records from ``first`` to ``last``, one after the other."""
        return self._map[self._offsets[first] : self._offsets[last]]

    def __getitem__(self, number: int) -> Any:
        if not 0 <= number < len(self):
            raise IndexError(number)
        value, _ = _decode(self._map[self._offsets[number] : self._offsets[number + 1]].decode())
        return value
