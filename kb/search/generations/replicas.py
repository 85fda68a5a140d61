"""Replicas: the published generation in a blob store, for portals on other machines.

A generation is immutable and its manifest names every file with its SHA-256, so a file is stored
once under its hash, whichever generations have it, and a machine fetches only what it lacks. In the
store::

    objects/SHA256.gz             the files of generations, compressed; the hash is of the file
    media/NAME                    images of articles, whose names are hashes of their content
    generations/NAME.json         the sealed manifest without the ledger, and the images' names
    CURRENT                       the name of the generation that machines pull

Earlier versions pushed ``objects/SHA256`` as they are; a record tells which of both it needs.

A push writes ``CURRENT`` last, and a pull publishes as a build does: whoever is interrupted, or
cannot reach the store, leaves what was live as it was.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kb.blobs import BlobStore
from kb.blobs.compressed import download_compressed, upload_compressed
from kb.disk import file_identity, sync
from kb.errors import Conflict, NotFound, Unavailable
from kb.search.generations.checksums import sha256
from kb.search.generations.generation import (
    LEDGER_FILE,
    MANIFEST_FILE,
    Generation,
    Generations,
    Manifest,
    write_errors_as_unavailable,
)
from kb.search.generations.verification import VerificationRecord
from kb.temporary_folder import temporary_folder

_CURRENT = "CURRENT"
_SHARED = ("objects/", "media/")  # prefixes of what several generations use
#: How long files stay that no generation in the store needs, for pulls that have begun.
_GRACE = 3600  # seconds


@dataclass(frozen=True, slots=True)
class Transfer:
    """``files`` of ``bytes`` were moved; ``changed`` tells whether another generation is live."""

    generation: str
    files: int
    bytes: int
    changed: bool

    def json(self) -> dict[str, Any]:
        return {
            "generation": self.generation,
            "files": self.files,
            "bytes": self.bytes,
            "changed": self.changed,
        }


def push(
    generations: Generations, media: Path, store: BlobStore, *, keep: int, full: bool = False
) -> Transfer:
    """Stores the published generation, and removes what the newest ``keep`` do not need.

    A ``full`` push trusts nothing in the store: every file is written, and other generations,
    whose files may be damaged, are removed at once, so that no later push relies on them.

    Raises NotFound when nothing was published, Unavailable when the store cannot be used.
    """
    generation = generations.current(trusted=True)
    if generation is None:
        raise NotFound(generations.absence())

    manifest = generation.manifest.for_replicas()
    # A blob is whole where there is one: its name is enough.
    held = set() if full else {name for prefix in _SHARED for name, _ in store.names(prefix)}
    moved = []
    with temporary_folder("askfirst-push-") as scratch:
        for name, (_, digest) in manifest.files.items():
            blob = _object(digest, is_compressed=True)
            if blob not in held:
                moved.append(upload_compressed(store, blob, generation.path / name, scratch))
                held.add(blob)  # two files may have the same content
    images = sorted(path for path in media.glob("*") if path.is_file())
    for path in images:
        if f"media/{path.name}" not in held:
            store.upload(f"media/{path.name}", path)
            moved.append(path.stat().st_size)

    record = _record(manifest, [path.name for path in images])
    before = store.read(_CURRENT)
    store.write(_record_name(generation.name), record)
    store.write(_CURRENT, f"{generation.name}\n".encode())
    if full:
        records = {name for name, _ in store.names("generations/")}
        for other in records - {_record_name(generation.name)}:
            store.delete(other)
    _remove_surplus(store, keep, at_once=full)
    changed = before is None or before.decode(errors="replace").strip() != generation.name
    return Transfer(generation.name, len(moved), sum(moved), changed)


def pull(generations: Generations, media: Path, store: BlobStore, *, keep: int) -> Transfer:
    """Publishes the generation of the store here, if it is another one than the live one.

    Raises NotFound when the store has none, Conflict when this data folder has built one of the
    same name itself, Unavailable when the store or the disk cannot be used, or when what the store
    holds is damaged. What was found to be damaged here, by ``kb.search.generations.index_check`` or
    a reader, is fetched anew.
    """
    name = _current_name(store)
    record = _Record.read(store, name)
    manifest = _parsed(store, name, record.manifest_text)
    with write_errors_as_unavailable():
        generations.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with generations.lock():
            live = generations.published_name()
            moved = _pull_images(store, media, record.images)
            if name in generations.names():
                _refuse_another(generations.path(name), manifest)
            if not _is_sound(generations, name):
                moved += _pull_generation(generations, store, manifest, record)
            if generations.published_name() != name:
                generations.point_to(name)
            moved += _mend_others(generations, store, name)
            for surplus in generations.surplus(keep):
                _remove_generation(generations, surplus)
    return Transfer(name, len(moved), sum(moved), changed=live != name)


def problems(generations: Generations) -> str:
    """Why some of the kept generations cannot be used, after reading all of them; or ""."""
    sentences = []
    for name in generations.names():
        try:
            generations.verified(name)
        except Unavailable as error:
            sentences.append(error.sentence)
    return " ".join(sentences)


# --- the store


def _object(digest: str, *, is_compressed: bool) -> str:
    return f"objects/{digest}.gz" if is_compressed else f"objects/{digest}"


def _record_name(generation: str) -> str:
    return f"generations/{generation}.json"


def _record(manifest: Manifest, images: list[str]) -> bytes:
    record = {"manifest": manifest.text(), "media": images, "compressed": True}
    return json.dumps(record).encode()


def _current_name(store: BlobStore) -> str:
    current = store.read(_CURRENT)
    if current is None:
        raise NotFound(
            f"{store} contains no index yet. Run `kb index push` on the machine that builds it."
        )
    name = current.decode("ascii", errors="replace").strip()
    if not name.isdigit():
        raise _damaged(store, _CURRENT)
    return name


@dataclass(frozen=True, slots=True)
class _Record:
    """A generation in the store."""

    manifest_text: str
    images: list[str]
    is_compressed: bool

    @classmethod
    def read(cls, store: BlobStore, name: str) -> _Record:
        record = store.read(_record_name(name))
        try:
            values = json.loads(record or b"")
            images = [str(image) for image in values["media"]]
            if any("/" in image or image.startswith(".") for image in images):
                raise ValueError(images)
            return cls(str(values["manifest"]), images, values.get("compressed") is True)
        except (ValueError, KeyError, TypeError) as error:
            raise _damaged(store, _record_name(name)) from error


def _parsed(store: BlobStore, name: str, manifest_text: str) -> Manifest:
    try:
        manifest = Manifest.parse(manifest_text)
    except ValueError as error:
        raise Unavailable(
            f"The generation {name} in {store} is damaged, or of another version of Askfirst; "
            "nothing was changed here. Use the same version on all machines."
        ) from error
    if manifest.name != name:
        raise _damaged(store, _record_name(name))
    return manifest


def _remove_surplus(store: BlobStore, keep: int, *, at_once: bool) -> None:
    """Remove the records of all but the newest ``keep``, and then the files that no record has:
    those that a pull that has begun may need stay for now, unless all have to go ``at_once``.
    """
    records = sorted((name for name, _ in store.names("generations/")), reverse=True)
    for name in records[keep:]:
        store.delete(name)

    used: set[str] = set()
    for name in records[:keep]:
        record = _Record.read(store, Path(name).stem)
        files = json.loads(record.manifest_text)["files"].values()
        used |= {_object(digest, is_compressed=record.is_compressed) for _, digest in files}
        used |= {f"media/{image}" for image in record.images}
    for prefix in _SHARED:
        for name, written_at in list(store.names(prefix)):
            if name not in used and (at_once or time.time() - written_at > _GRACE):
                store.delete(name)


def _damaged(store: BlobStore, name: str) -> Unavailable:
    return Unavailable(
        f"{name} in {store} is damaged; nothing was changed here. Run "
        "`kb index push --full` on the machine that builds the index."
    )


# --- this machine


def _refuse_another(folder: Path, manifest: Manifest) -> None:
    try:
        here = Manifest.read(folder)
    except Unavailable:  # it is damaged, and will be fetched anew
        return
    if here.for_replicas() != manifest.for_replicas():  # an earlier version pushed the ledger, too
        raise Conflict(
            f"This data folder has a generation {folder.name.removeprefix('gen-')} of its own. "
            "Pull into a data folder in which no index is built."
        )


def _is_sound(generations: Generations, name: str) -> bool:
    try:
        generations.verified(name, trusted=True)
    except Unavailable:
        return False
    return True


def _pull_images(store: BlobStore, media: Path, images: list[str]) -> list[int]:
    media.mkdir(mode=0o700, parents=True, exist_ok=True)
    moved = []
    for image in images:
        if not (media / image).exists():
            draft = media / f".{image}.{os.getpid()}"
            try:
                if not store.download(f"media/{image}", draft):
                    raise _damaged(store, f"media/{image}")
                moved.append(draft.stat().st_size)
                os.replace(draft, media / image)
            finally:
                draft.unlink(missing_ok=True)
    sync(media)
    return moved


def _pull_generation(
    generations: Generations, store: BlobStore, manifest: Manifest, record: _Record
) -> list[int]:
    """The bytes of each file that was fetched; generations that are here have the others.

    A damaged generation of the same name is replaced when all files are there.
    """
    here = _files_by_digest(generations) | _sound_files(generations.path(manifest.name), manifest)
    with _building(generations.folder) as folder:
        (folder / MANIFEST_FILE).write_text(record.manifest_text, "utf-8")
        sync(folder / MANIFEST_FILE)

        moved = []
        for file, (size, digest) in manifest.files.items():
            target = _inside(folder, file, store)
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if digest in here and _link(here[digest], target):
                continue
            blob = _object(digest, is_compressed=record.is_compressed)
            transferred = _fetch(store, blob, target, size, record.is_compressed)
            if transferred is None or sha256(target) != digest:
                raise _damaged(store, blob)
            here[digest] = target
            moved.append(transferred)
        for parent in {(folder / file).parent for file in manifest.files} | {folder}:
            sync(parent)
        identities = {file: file_identity(folder / file) for file in manifest.files}
        _remove_generation(generations, manifest.name)
        generations.adopt(folder, manifest, identities, publish=False)
    return moved


def _mend_others(generations: Generations, store: BlobStore, live: str) -> list[int]:
    """The bytes of each file of an earlier generation that was found to be damaged and is fetched
    anew, so that the portal can fall back to it.

    A generation that the store no longer has is removed: it could only fail to serve.
    """
    moved: list[int] = []
    for name in generations.names():
        folder = generations.path(name)
        is_suspect = name != live and not VerificationRecord(folder).exists()
        if not is_suspect or _is_sound(generations, name) or (folder / LEDGER_FILE).exists():
            continue
        if store.read(_record_name(name)) is None:
            _remove_generation(generations, name)
        else:
            record = _Record.read(store, name)
            manifest = _parsed(store, name, record.manifest_text)
            moved += _pull_generation(generations, store, manifest, record)
    return moved


def _fetch(store: BlobStore, blob: str, target: Path, size: int, is_compressed: bool) -> int | None:
    """The bytes that moved; None if this is not a blob of a file of ``size`` bytes."""
    if is_compressed:
        return download_compressed(store, blob, target, size)
    found = store.download(blob, target)
    return size if found and target.stat().st_size == size else None


@contextlib.contextmanager
def _building(folder: Path) -> Iterator[Path]:
    """A folder beside the generations; the next build removes one that a dead process left."""
    building = Path(tempfile.mkdtemp(prefix="building-", dir=folder))
    try:
        yield building
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _inside(folder: Path, file: str, store: BlobStore) -> Path:
    target = (folder / file).resolve()
    if not target.is_relative_to(folder.resolve()) or target == folder.resolve():
        raise _damaged(store, file)
    return target


def _files_by_digest(generations: Generations) -> dict[str, Path]:
    """SHA-256 -> a file of a generation that is sound."""
    files: dict[str, Path] = {}
    for name in generations.names():
        generation: Generation | None = generations.recorded(name)
        if generation is not None:
            files |= {
                digest: generation.path / file
                for file, (_, digest) in generation.manifest.files.items()
            }
    return files


def _sound_files(folder: Path, manifest: Manifest) -> dict[str, Path]:
    """SHA-256 -> a file of the damaged generation in ``folder`` that is as it should be."""
    files: dict[str, Path] = {}
    for name, (_, digest) in manifest.files.items():
        with contextlib.suppress(OSError):
            if sha256(folder / name) == digest:
                files[digest] = folder / name
    return files


def _link(source: Path, target: Path) -> bool:
    """One file with two names: neither generation ever changes it."""
    try:
        os.link(source, target)
    except OSError:  # a file system without links: it is fetched
        return False
    return True


def _remove_generation(generations: Generations, name: str) -> None:
    """The manifest first, so that a removal that is interrupted leaves no generation."""
    folder = generations.path(name)
    with contextlib.suppress(FileNotFoundError):
        (folder / MANIFEST_FILE).unlink()
    shutil.rmtree(folder, ignore_errors=True)
