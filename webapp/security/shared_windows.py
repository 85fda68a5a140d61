"""Counts of fixed windows that all server processes share: a table in a mapped file.

A key has one bucket of eight slots; its bucket is locked while it is counted, by a record lock that
the system releases when a process dies. The table has room for 65,536 windows and never grows: in
a full bucket the lowest count makes way, so that whoever asks most stays counted. The file holds
keyed hashes and no addresses.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import logging
import mmap
import os
import struct
import threading
import time
import weakref
from pathlib import Path
from typing import Any

from limits.storage import Storage

LOG = logging.getLogger("askfirst.limits")

FILE = "rate-limits.v1"
_BUCKETS, _SLOTS = 8192, 8
_SALT = 16  # bytes at the beginning
_BUCKET = struct.Struct(f"<{'QId' * _SLOTS}")  # key, count, end of the window
_SLOT = struct.Struct("<QId")
_SIZE = _SALT + _BUCKETS * _BUCKET.size


class SharedWindows(Storage):
    """A storage for ``limits``. Without room on the disk each process counts for itself."""

    STORAGE_SCHEME = None

    def __init__(self, folder: Path) -> None:
        super().__init__()
        # Record locks belong to the process: among its threads this one decides.
        self._lock = threading.Lock()
        self._file = -1
        try:
            self._file, self._table = _opened(folder / FILE)
            weakref.finalize(self, os.close, self._file)
        except OSError as error:
            LOG.warning("Limits are counted by each server process for itself: %s", error)
            self._table = mmap.mmap(-1, _SIZE)
            self._table[:_SALT] = os.urandom(_SALT)
        self._salt = self._table[:_SALT]
        # As a method of each table, whose salt is its own.
        self._place = functools.lru_cache(4096)(self._find_place)

    @property
    def base_exceptions(self) -> type[Exception]:
        return OSError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        name, bucket = self._place(key)
        now = time.time()
        self._acquire(bucket)
        try:
            slots = _BUCKET.unpack_from(self._table, bucket)
            slot = _slot(slots, name, now)
            count, end = slots[3 * slot + 1 : 3 * slot + 3]
            is_open = slots[3 * slot] == name and end > now
            count, end = (count + amount, end) if is_open else (amount, now + expiry)
            _SLOT.pack_into(self._table, bucket + slot * _SLOT.size, name, count, end)
        finally:
            self._release(bucket)
        return int(count)

    def get(self, key: str) -> int:
        count, end = self._window(key)
        return count if end > time.time() else 0

    def get_expiry(self, key: str) -> float:
        return self._window(key)[1] or time.time()

    def check(self) -> bool:
        return True

    def reset(self) -> int:
        """Forget all windows; how many there were."""
        now, count = time.time(), 0
        for bucket in range(_SALT, _SIZE, _BUCKET.size):
            self._acquire(bucket)
            try:
                ends = _BUCKET.unpack_from(self._table, bucket)[2::3]
                count += sum(1 for end in ends if end > now)
                self._table[bucket : bucket + _BUCKET.size] = bytes(_BUCKET.size)
            finally:
                self._release(bucket)
        return count

    def clear(self, key: str) -> None:
        name, bucket = self._place(key)
        self._acquire(bucket)
        try:
            names = _BUCKET.unpack_from(self._table, bucket)[::3]
            if name in names:
                place = bucket + names.index(name) * _SLOT.size
                self._table[place : place + _SLOT.size] = bytes(_SLOT.size)
        finally:
            self._release(bucket)

    def _window(self, key: str) -> tuple[int, float]:
        name, bucket = self._place(key)
        self._acquire(bucket)
        try:
            slots = _BUCKET.unpack_from(self._table, bucket)
        finally:
            self._release(bucket)
        if name not in slots[::3]:
            return 0, 0.0
        slot = slots[::3].index(name)
        return slots[3 * slot + 1], slots[3 * slot + 2]

    def _find_place(self, key: str) -> tuple[int, int]:
        """A key's name in the table, never 0, and where its bucket is."""
        digest = hashlib.blake2b(key.encode(), digest_size=8, key=self._salt).digest()
        name = int.from_bytes(digest, "little") or 1
        return name, _SALT + name % _BUCKETS * _BUCKET.size

    def _acquire(self, bucket: int) -> None:
        # A context manager would cost as much as both locks.
        self._lock.acquire()
        try:
            if self._file >= 0:
                fcntl.lockf(self._file, fcntl.LOCK_EX, 1, bucket)
        except BaseException:
            self._lock.release()
            raise

    def _release(self, bucket: int) -> None:
        try:
            if self._file >= 0:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, bucket)
        finally:
            self._lock.release()


def _slot(slots: tuple[Any, ...], name: int, now: float) -> int:
    """The slot of ``name``, else one that is free or has to make way for it."""
    names = slots[::3]
    if name in names:
        return names.index(name)
    return min(range(_SLOTS), key=lambda i: slots[3 * i + 1] if slots[3 * i + 2] > now else 0)


def _opened(path: Path) -> tuple[int, mmap.mmap]:
    """The table in the file, which is made first; the first of several processes makes it."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(file, fcntl.LOCK_EX)
        if os.fstat(file).st_size != _SIZE:
            os.ftruncate(file, 0)
            # Writing to a mapped page for which there is no room would end the process.
            os.posix_fallocate(file, 0, _SIZE)
            os.pwrite(file, os.urandom(_SALT), 0)
        fcntl.lockf(file, fcntl.LOCK_UN)
        return file, mmap.mmap(file, _SIZE)
    except OSError:
        os.close(file)
        raise
