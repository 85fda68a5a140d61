"""Blobs in a folder, which may be on a network file system."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from kb.blobs.local_disk import full_disk_as_unavailable
from kb.disk import sync
from kb.errors import Unavailable


class FolderStore:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __str__(self) -> str:
        return str(self._folder)

    def read(self, name: str) -> bytes | None:
        with self._errors():
            try:
                return self._path(name).read_bytes()
            except FileNotFoundError:
                if not self._folder.is_dir():  # such as a network folder that is not mounted
                    raise Unavailable(f"The folder {self} does not exist.") from None
                return None

    def write(self, name: str, data: bytes) -> None:
        self._place(name, lambda draft: draft.write_bytes(data))

    def upload(self, name: str, file: Path) -> None:
        self._place(name, lambda draft: shutil.copyfile(file, draft))

    def download(self, name: str, file: Path) -> bool:
        with self._errors(), full_disk_as_unavailable():
            try:
                shutil.copyfile(self._path(name), file)
            except FileNotFoundError:
                return False
            sync(file)
            return True

    def names(self, prefix: str) -> Iterator[tuple[str, float]]:
        with self._errors():
            within = self._folder / prefix.rpartition("/")[0]
            for path in sorted(within.rglob("*")):
                name = path.relative_to(self._folder).as_posix()
                # A name with a dot in front is a blob that is being written.
                if name.startswith(prefix) and path.is_file() and not path.name.startswith("."):
                    yield name, path.stat().st_mtime

    def delete(self, name: str) -> None:
        with self._errors():
            self._path(name).unlink(missing_ok=True)

    def _place(self, name: str, fill: Callable[[Path], object]) -> None:
        """Writes to another name, syncs and renames: a reader sees the whole blob or none."""
        path = self._path(name)
        with self._errors():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
            try:
                fill(draft)
                sync(draft)
                os.replace(draft, path)
            finally:
                draft.unlink(missing_ok=True)
            sync(path.parent)

    def _path(self, name: str) -> Path:
        return self._folder / name

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable(
                f"The store {self} cannot be used: {error.strerror or error}.", retry_after=60
            ) from error
