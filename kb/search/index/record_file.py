"""Record file: values by number, in one mapped file from which each is read in a microsecond.

Holds what hits show of a document and of a passage. Written front to back while a generation is
built, so memory is bounded by one record. Finding a number is the partition's work.
"""

from __future__ import annotations

import json
import mmap
import struct
from array import array
from pathlib import Path
from typing import Any

from kb.errors import Unavailable

_MAGIC = b"KBRECORD"
#: Magic and number of records; before it the offset of each record and of the end, 8 bytes each.
_FOOTER = struct.Struct("<8sQ")
_OFFSET_SIZE = 8
# Like json.loads, but that looks for encodings and white space first.
_decode = json.JSONDecoder().raw_decode


class RecordWriter:
    """Writes one record after the other; the first has number 0. Syncing is left to the
    generation.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._offsets = array("q", [0])

    def add(self, value: Any) -> None:
        """Write one value that JSON can hold."""
        raw = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
        self._file.write(raw)
        self._offsets.append(self._offsets[-1] + len(raw))

    def close(self) -> None:
        """Write the footer; closing twice changes nothing."""
        if self._file.closed:
            return
        with self._file as file:
            file.write(b"\0" * (-self._offsets[-1] % _OFFSET_SIZE))
            file.write(self._offsets.tobytes())
            file.write(_FOOTER.pack(_MAGIC, len(self._offsets) - 1))


class Records:
    """The records of one file, by number; safe to share between threads."""

    def __init__(self, path: Path) -> None:
        """Raises Unavailable when ``path`` is not a record file or is cut short."""
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            magic, count = _FOOTER.unpack(self._map[-_FOOTER.size :])
            end = len(self._map) - _FOOTER.size
            start = end - _OFFSET_SIZE * (count + 1)
            if magic != _MAGIC or start < 0:
                raise ValueError("not a record file")
        except (OSError, ValueError, struct.error) as error:
            raise Unavailable(
                f"The index file {path.name} cannot be read: {error}. Run `kb index --full`."
            ) from error
        self._offsets = memoryview(self._map)[start:end].cast("q")

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, number: int) -> Any:
        if not 0 <= number < len(self):
            raise IndexError(number)
        value, _ = _decode(self._map[self._offsets[number] : self._offsets[number + 1]].decode())
        return value

    def raw(self, first: int, last: int) -> bytes:
        """The bytes of the records from ``first`` to ``last`` (half-open)."""
        return self._map[self._offsets[first] : self._offsets[last]]
