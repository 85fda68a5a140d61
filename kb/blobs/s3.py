"""Blobs in an object store with the protocol of S3, by boto3.

Address, region and keys are those of boto3's own settings (``AWS_ACCESS_KEY_ID``,
``AWS_ENDPOINT_URL_S3`` for stores other than Amazon's). A put is atomic, and a read after it sees
it: all stores with this protocol promise that since 2020.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    ReadTimeoutError,
)

from kb.blobs.local_disk import full_disk_as_unavailable
from kb.breaker import Breaker
from kb.disk import sync
from kb.errors import Unavailable

_ABSENT = ("404", "NoSuchKey", "NotFound")


class S3Store:
    """``seconds`` is how long the client waits for the next bytes of an answer, at most twice. A
    store that does not answer must not block a request, but a large file may take longer in all.
    """

    def __init__(
        self, bucket: str, prefix: str, *, seconds: float = 4.0, breaker: Breaker | None = None
    ) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._breaker = breaker or Breaker()
        config = Config(
            connect_timeout=seconds,
            read_timeout=seconds,
            retries={"mode": "standard", "total_max_attempts": 2},
        )
        with self._errors():
            self._client: Any = boto3.client("s3", config=config)

    def __str__(self) -> str:
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def read(self, name: str) -> bytes | None:
        with self._errors(), contextlib.suppress(_NoBlob), self._absence():
            found = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)
            return bytes(found["Body"].read())
        return None

    def write(self, name: str, data: bytes) -> None:
        with self._errors():
            self._client.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=data)

    def upload(self, name: str, file: Path) -> None:
        with self._errors():
            self._client.upload_file(str(file), self._bucket, self._prefix + name)

    def download(self, name: str, file: Path) -> bool:
        with (
            self._errors(),
            full_disk_as_unavailable(),
            contextlib.suppress(_NoBlob),
            self._absence(),
        ):
            self._client.download_file(self._bucket, self._prefix + name, str(file))
            sync(file)
            return True
        return False

    def names(self, prefix: str) -> Iterator[tuple[str, float]]:
        with self._errors():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix
            )
            for page in pages:
                for blob in page.get("Contents", ()):
                    name = blob["Key"].removeprefix(self._prefix)
                    yield name, blob["LastModified"].timestamp()

    def delete(self, name: str) -> None:
        with self._errors():
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + name)

    @contextlib.contextmanager
    def _absence(self) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _ABSENT:
                raise _NoBlob from error
            raise

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        if not self._breaker.allows():
            raise Unavailable(f"The store {self} does not answer.", retry_after=60)
        try:
            yield
            self._breaker.answered()
        except (ConnectTimeoutError, ReadTimeoutError) as error:
            self._breaker.timed_out()
            raise Unavailable(f"The store {self} does not answer.", retry_after=60) from error
        except (BotoCoreError, Boto3Error, ClientError, OSError) as error:
            raise Unavailable(
                f"The store {self} cannot be used: {error}", retry_after=60
            ) from error


class _NoBlob(Exception):
    """There is no blob of that name."""
