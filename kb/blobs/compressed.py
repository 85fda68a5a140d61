"""Files that travel to and from a blob store compressed."""

from __future__ import annotations

import gzip
import shutil
import zlib
from pathlib import Path

from kb.blobs import BlobStore
from kb.disk import sync

_LEVEL = 6  # half a second for 20 MB; what bz2 and lzma save more takes 3 to 10 times as long
_CHUNK = 1024 * 1024  # bytes


def upload_compressed(store: BlobStore, name: str, file: Path, scratch: Path) -> int:
    """The bytes that moved. The folder ``scratch`` has room for one compressed file."""
    packed = scratch / "packed"
    # Without name and time, the same file is always the same blob.
    with (
        file.open("rb") as source,
        packed.open("wb") as target,
        gzip.GzipFile("", "wb", _LEVEL, target, mtime=0) as gzipped,
    ):
        shutil.copyfileobj(source, gzipped, _CHUNK)
    store.upload(name, packed)
    return packed.stat().st_size


def download_compressed(store: BlobStore, name: str, file: Path, size: int) -> int | None:
    """Writes the new ``file`` of ``size`` bytes, synced; the bytes that moved.

    None if there is no such blob, or another file in it: no more than ``size`` bytes are unpacked.
    """
    packed = file.with_name(f"{file.name}.gz")
    try:
        if not store.download(name, packed) or not _unpack(packed, file, size):
            return None
        sync(file)
        return packed.stat().st_size
    finally:
        packed.unlink(missing_ok=True)


def _unpack(packed: Path, file: Path, size: int) -> bool:
    """Whether ``packed`` holds exactly ``size`` bytes."""
    left = size
    with gzip.open(packed) as source, file.open("wb") as target:
        try:
            while chunk := source.read(min(_CHUNK, left + 1)):
                left -= len(chunk)
                if left < 0:
                    return False
                target.write(chunk)
        except (gzip.BadGzipFile, EOFError, zlib.error):
            return False
    return left == 0
