"""Blob stores: named bytes that several machines share, in a folder or in an object store.

A blob is written as a whole or not at all, and never changes under readers: most are named by the
hash of their content. What the names mean is the caller's business. The contract suite is
``tests/contracts/test_blob_store.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from kb.blobs.folder import FolderStore
from kb.errors import Misconfigured


class BlobStore(Protocol):
    """Names are parts of letters, digits, ``.``, ``_`` and ``-`` between slashes.

    Every method raises Unavailable when the store cannot be used, within the time that a person
    would wait for it.
    """

    def __str__(self) -> str:
        """For messages; without secrets."""

    def read(self, name: str) -> bytes | None:
        """A small blob as a whole, None when there is none."""

    def write(self, name: str, data: bytes) -> None: ...

    def upload(self, name: str, file: Path) -> None: ...

    def download(self, name: str, file: Path) -> bool:
        """Writes the new ``file``, synced; whether there was such a blob."""

    def names(self, prefix: str) -> Iterator[tuple[str, float]]:
        """Those that begin with ``prefix``, and when each was written, in seconds since 1970."""

    def delete(self, name: str) -> None:
        """Removes a blob; no error if there is none."""


def open_store(address: str) -> BlobStore:
    """``s3://BUCKET/PREFIX``, or a folder. Raises Misconfigured without boto3, and for the
    address of another kind of store.
    """
    if "://" not in address:
        return FolderStore(Path(address))

    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    if not address.startswith("s3://") or not bucket:
        raise Misconfigured(f"{address!r} is not a store; give a folder, or s3://BUCKET/PREFIX.")
    try:
        from kb.blobs.s3 import S3Store
    except ModuleNotFoundError as error:
        raise Misconfigured("An address of S3 needs boto3: pip install 'askfirst[s3]'.") from error
    return S3Store(bucket, prefix)
