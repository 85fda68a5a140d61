"""Verification: which files of a generation are known to be what was published, on this machine.

Hashing a large generation takes seconds. So it is done once, by whoever wrote the files, and once
by each machine that comes by them in another way; nobody who opens the generation afterwards waits
for it. The record of it is a file beside the others that says which file was verified, by inode,
size and time of change. A file that was touched since counts as unknown, as do all of them after
the machine has started again: a power failure may take bytes that could be read before.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path

from kb.disk import FileIdentity, file_identity

RECORD_FILE = "verified.json"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # Linux
#: The times of files are coarse: in so many nanoseconds, one could be changed twice unnoticed.
_COARSEST = 10_000_000


class VerificationRecord:
    """The record of the generation in one folder."""

    def __init__(self, generation: Path) -> None:
        self._folder = generation
        self._path = generation / RECORD_FILE

    def exists(self) -> bool:
        return self._path.exists()

    def read(self) -> dict[str, FileIdentity]:
        """The files that were verified, as they were; none without a valid record of this boot."""
        try:
            values = json.loads(self._path.read_text("ascii"))
            if values.pop("digest") != _digest(values) or values["boot"] != _boot_id():
                return {}
            return {name: (inode, size, time) for name, (inode, size, time) in values["files"]}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def covers(self, names: Mapping[str, object]) -> bool:
        """Whether all these files are as they were when they were verified."""
        verified, folder = self.read(), str(self._folder)
        try:
            return all(file_identity(f"{folder}/{n}") == verified.get(n) for n in names)
        except OSError:
            return False

    def write(self, files: Mapping[str, FileIdentity]) -> None:
        """Record that ``files`` were verified when they were so; not written on a full disk."""
        newest = max((changed for _, _, changed in files.values()), default=0)
        age = time.time_ns() - newest
        if 0 <= age < _COARSEST:
            time.sleep((_COARSEST - age) / 1e9)

        values = {"boot": _boot_id(), "files": [[n, list(files[n])] for n in sorted(files)]}
        draft = self._folder / f".{RECORD_FILE}.{os.getpid()}"
        # Without a record, the files are verified again.
        with contextlib.suppress(OSError):
            try:
                draft.write_text(json.dumps(values | {"digest": _digest(values)}), "ascii")
                os.replace(draft, self._path)
            finally:
                draft.unlink(missing_ok=True)

    def remove(self) -> None:
        """Make everybody verify the files again, also those who have opened them."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def _digest(values: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


@functools.cache
def _boot_id() -> str:
    """This start of this machine; where the system does not tell, this process."""
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return secrets.token_hex(16)
