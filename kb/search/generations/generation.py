"""Generations: the published states of the index, and which of them is live.

A generation is a folder that is built separately, verified, synced to disk and then published by
one rename, so no reader ever sees an incomplete one. Its manifest names every file with its
SHA-256; a generation that does not match is refused, and the one before it stays live. Building
belongs to ``kb.search.build.builder``, searching to ``kb.search.searcher``.

``data/index/CURRENT`` names the published generation; ``gen-000012/`` holds it; ``building-*`` is
left over from a build that died and is removed by the next.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any, Self

from kb.disk import FileIdentity, sync
from kb.errors import Conflict, KbError, NotFound, Unavailable
from kb.search.documents import PUBLIC
from kb.search.generations.checksums import DamagedFile, verify_files
from kb.search.generations.findings import Finding, FindingsFile
from kb.search.generations.previews import PreviewFile
from kb.search.generations.verification import VerificationRecord
from kb.search.index.document_store import STORE_FILE, STORE_WRITE_ERRORS, DocumentStore
from kb.search.index.edits import load_partition

LOG = logging.getLogger(__name__)
MANIFEST_FILE = "manifest.json"
LEDGER_FILE = "ledger.json"
CURATIONS_FILE = "curations.json"
CALIBRATION_FILE = "calibration.json"
PICTURES_FILE = "pictures.json"
_PICTURE_URL = re.compile(r"/media/([\w.-]+)")
#: Raised when the files or the analysis change, so that an old index is rebuilt instead of misread.
INDEX_FORMAT = 17
#: Older formats that are still read. 10: rows of half a byte (see ``widen_nibble_rows``); up to 11:
#: one file of documents (see ``earlier_store``); up to 12: one file of words; up to 13: no vacant
#: numbers (see ``index.edits``); up to 14: all keys of ids in the catalogue of documents; up to 15:
#: no deleted documents in segments; up to 16: directions of an encoder without its adapter.
READABLE_FORMATS = (10, 11, 12, 13, 14, 15, 16, INDEX_FORMAT)
#: The formats whose documents and words are stored as today, to be carried over.
CARRIED_FORMATS = (13, 14, 15, 16, INDEX_FORMAT)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a generation holds. ``partitions`` maps each audience to its file of arrays; ``files``
    gives the size and SHA-256 of every file.
    """

    name: str
    format: int
    created: str
    documents: int
    kinds: dict[str, int]
    partitions: dict[str, str]
    settings: dict[str, Any]
    files: dict[str, tuple[int, str]]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The manifest of the generation in ``folder``. Raises Unavailable when there is no valid
        one.
        """
        try:
            return cls.parse((folder / MANIFEST_FILE).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise Unavailable(
                f"{folder.name} has no valid manifest: {error}. Run `kb index --full`, or "
                "`kb index pull` on a machine that pulls its index."
            ) from error

    @classmethod
    def parse(cls, text: str) -> Self:
        """The manifest that was written as ``text``. Raises ValueError when it is not valid."""
        try:
            values = json.loads(text)
            seal = values.pop("seal")
            if seal != _seal(values) or values["format"] not in READABLE_FORMATS:
                raise ValueError("seal or format differ")

            values["files"] = {name: tuple(row) for name, row in values["files"].items()}
            return cls(**values)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(str(error)) from error

    def write(self, folder: Path) -> None:
        """Write the manifest into ``folder``, sealed, and sync it to disk. Raises OSError."""
        path = folder / MANIFEST_FILE
        path.write_text(self.text(), "utf-8")
        sync(path)

    def text(self) -> str:
        """What is written, with its seal."""
        values = json.loads(json.dumps(asdict(self)))
        return json.dumps(values | {"seal": _seal(values)})

    @property
    def is_earlier(self) -> bool:
        """Whether the index lacks something by which pages are found today, because an earlier
        version wrote it. The next build writes it anew.
        """
        return self.format not in CARRIED_FORMATS

    def for_replicas(self) -> Self:
        """The manifest without the ledger, which is large, changes at each build, and is only
        needed where the sources are.
        """
        files = {name: row for name, row in self.files.items() if name != LEDGER_FILE}
        return replace(self, files=files)


def _seal(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Generation:
    """One verified generation."""

    path: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def store(self) -> DocumentStore:
        return DocumentStore(self.path / STORE_FILE)

    def partition(self, audience: str) -> Path:
        """The file of what ``audience`` may see; an unknown group sees what customers see."""
        partitions = self.manifest.partitions
        default = partitions["customers"] if audience != PUBLIC else partitions[PUBLIC]
        return self.path / partitions.get(audience, default)

    def visible_rows(self, audience: str) -> list[int]:
        """The rows, in the document store, of all that ``audience`` can reach in this index."""
        rows = load_partition(self.partition(audience))["row"]
        visible: list[int] = rows[rows >= 0].tolist()
        return visible

    def ledger(self) -> dict[str, Any]:
        """What the indexer recorded about its sources, in the indexer's own format; {} for a
        generation that was pulled from another machine.
        """
        if LEDGER_FILE not in self.manifest.files:
            return {}
        ledger: dict[str, Any] = json.loads((self.path / LEDGER_FILE).read_text("utf-8"))
        return ledger

    def findings(self) -> tuple[Finding, ...] | None:
        """What the run that published this generation found (see ``FindingsFile.read``)."""
        return FindingsFile(self.path).read()

    def pictures(self) -> dict[str, frozenset[str]]:
        """The audiences of the documents that show each picture."""
        try:
            written = json.loads((self.path / PICTURES_FILE).read_text("utf-8"))
            return {name: frozenset(audiences) for name, audiences in written.items()}
        except FileNotFoundError:
            pass  # of an earlier version: the documents tell

        found: dict[str, set[str]] = {}
        with contextlib.closing(self.store) as store:
            for document in store.all():
                for name in _PICTURE_URL.findall(document.html):
                    found.setdefault(name, set()).add(document.audience)
        return {name: frozenset(audiences) for name, audiences in found.items()}

    def calibrations(self) -> dict[str, Any]:
        """What was measured for each audience (see ``kb.search.build.calibration``)."""
        try:
            measured: dict[str, Any] = json.loads((self.path / CALIBRATION_FILE).read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return {
            audience: measured[file]
            for audience, file in self.manifest.partitions.items()
            if file in measured
        }

    def curations(self) -> dict[str, Any]:
        """What editors decided about queries (see ``kb.search.query.curations``)."""
        try:
            curations: dict[str, Any] = json.loads((self.path / CURATIONS_FILE).read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return curations


@dataclass(frozen=True, slots=True)
class PastGeneration:
    """One kept generation, for people who decide about a rollback. ``created`` is ISO 8601 in UTC;
    ``serves`` marks the one that readers open. One that is not ``sound`` was changed after it was
    published, which ``problem`` describes; its counts are 0.
    """

    name: str
    serves: bool
    sound: bool
    created: str = ""
    documents: int = 0
    kinds: tuple[tuple[str, int], ...] = ()
    problem: str = ""

    def json(self) -> dict[str, Any]:
        return asdict(self) | {"kinds": dict(self.kinds)}


class Generations:
    """The generations of one data folder.

    Methods that take ``trusted`` verify every byte by default. With ``trusted=True`` a file is not
    read again while it is what was last verified on this machine (see ``verification``).
    """

    def __init__(self, data: Path, announce: Callable[[Manifest], str] = lambda _: "") -> None:
        """``announce`` tells others which generation is live, and returns a warning or ""."""
        self._data = data
        self._announce = announce

    @property
    def folder(self) -> Path:
        return self._data / "index"

    @property
    def previews(self) -> PreviewFile:
        """The articles that the last check kept for the editor's page."""
        return PreviewFile.in_folder(self._data)

    def path(self, name: str) -> Path:
        """The folder of generation ``name``, whether it exists or not."""
        return self.folder / f"gen-{name}"

    def names(self) -> list[str]:
        """All kept generations, newest first."""
        names = [p.name.removeprefix("gen-") for p in self.folder.glob("gen-*") if p.is_dir()]
        return sorted((name for name in names if name.isdigit()), reverse=True)

    def next_name(self) -> str:
        names = (*self.names(), self.published_name() or "0")
        return f"{max((int(name) for name in names if name.isdigit()), default=0) + 1:06}"

    def origin(self, name: str) -> str:
        """The generation whose content ``name`` has: its own name, unless it refines another."""
        try:
            return str(Manifest.read(self.path(name)).settings.get("refines", name))
        except Unavailable:
            return name

    def surplus(self, keep: int) -> list[str]:
        """Those beyond the newest ``keep``, of which all with the same content count as one."""
        origins = {name: self.origin(name) for name in self.names()}
        kept = list(dict.fromkeys(origins.values()))[:keep]
        return [name for name, origin in origins.items() if origin not in kept]

    def adopt(
        self,
        folder: Path,
        manifest: Manifest,
        identities: Mapping[str, FileIdentity],
        *,
        publish: bool = True,
    ) -> str:
        """Make what was built in ``folder`` the published generation, or one that is only kept;
        returns a warning or "".

        ``identities`` are those of the files when their checksums were computed. Raises OSError
        when it was not published.
        """
        target = self.path(manifest.name)
        os.rename(folder, target)
        sync(self.folder)
        VerificationRecord(target).write({name: identities[name] for name in manifest.files})
        return self.point_to(manifest.name) if publish else ""

    def ledgers(self) -> list[Path]:
        """What the indexer noted for each kept generation, damaged ones included."""
        return [self.path(name) / LEDGER_FILE for name in self.names()]

    def published_name(self) -> str | None:
        """The name in CURRENT, unverified; cheap enough to be read ten times a second."""
        try:
            return (self.folder / "CURRENT").read_text("ascii").strip() or None
        except (OSError, UnicodeDecodeError):
            return None

    def pointer(self) -> tuple[str | None, bool]:
        """The published name, and whether its files were verified on this machine and nobody has
        found damage since: what a reader follows. As cheap as ``published_name``.
        """
        name = self.published_name()
        return name, name is not None and VerificationRecord(self.path(name)).exists()

    def problem(self) -> str:
        """Why the published generation cannot be used; "" if it can, or there is none."""
        name = self.published_name()
        try:
            if name is not None:
                self.verified(name)
        except Unavailable as error:
            return error.sentence
        return ""

    def recorded(self, name: str) -> Generation | None:
        """Generation ``name``, if all its files are as they were when they were last verified on
        this machine; reads none of them, so that it takes as long for a large one.
        """
        path = self.path(name)
        with contextlib.suppress(Unavailable):
            manifest = Manifest.read(path)
            if VerificationRecord(path).covers(manifest.files):
                return Generation(path, manifest)
        return None

    def current(self, *, trusted: bool = False) -> Generation | None:
        """The published generation, or the newest other one that verifies; None when there is none
        at all.
        """
        published = self.published_name()
        for name in dict.fromkeys([*([published] if published else []), *self.names()]):
            with contextlib.suppress(Unavailable):
                return self.verified(name, trusted=trusted)
        return None

    def verified(self, name: str, *, trusted: bool = False) -> Generation:
        """Generation ``name``. Raises Unavailable naming the first file that differs."""
        path, record = self.path(name), VerificationRecord(self.path(name))
        try:
            manifest = Manifest.read(path)
        except Unavailable:
            record.remove()
            raise
        verified = record.read()
        try:
            identities = verify_files(path, manifest.files, verified if trusted else {})
        except DamagedFile as damage:
            record.remove()
            remedy = "--full" if LEDGER_FILE in manifest.files else "pull"  # not built here
            raise Unavailable(
                f"Generation {name} is damaged: {damage.name} is not what was published. "
                f"Run `kb index {remedy}`."
            ) from damage
        if identities != verified:
            record.write(identities)
        return Generation(path, manifest)

    def history(self, *, trusted: bool = False) -> tuple[PastGeneration, ...]:
        """All kept generations with their counts, newest first."""
        current = self.current(trusted=trusted)
        serving = current.name if current else ""

        past = []
        for name in self.names():
            try:
                manifest = self.verified(name, trusted=trusted).manifest
            except Unavailable as error:
                past.append(PastGeneration(name, serves=False, sound=False, problem=error.sentence))
                continue
            kinds = tuple(sorted(manifest.kinds.items()))
            past.append(
                PastGeneration(
                    name, name == serving, True, manifest.created, manifest.documents, kinds
                )
            )
        return tuple(past)

    def absence(self) -> str:
        """A sentence for people: why no generation serves, and what to do about it."""
        name = self.published_name() or next(iter(self.names()), None)
        if name is None:
            return "There is no search index yet; run `kb index`."
        try:
            generation = self.verified(name, trusted=True)
        except Unavailable as error:
            return (
                f"The search index in {self.folder} is damaged, and no older one can serve. "
                f"{error.sentence}"
            )
        return f"Generation {generation.name} was published just now; ask again."

    def rollback(self, name: str | None = None) -> Generation:
        """Let generation ``name`` serve, by default the newest one before the published one.

        Raises NotFound when there is none, Unavailable when it is damaged, Conflict while a build
        runs.
        """
        with write_errors_as_unavailable(), self.lock():
            published = self.published_name()
            names = self.names()

            if name is None:
                same = self.origin(published or "")
                earlier = (other for other in names if published and other < published)
                name = next((other for other in earlier if self.origin(other) != same), None)
                target = "generation with earlier content"
            else:
                target = f"generation {name}"
            if name is None or name not in names:
                kept = ", ".join(names) or "none"
                raise NotFound(f"There is no {target}. Available: {kept}.")

            generation = self.verified(name)
            warning = self.point_to(name)
            if warning:
                LOG.warning(warning)
            return generation

    def point_to(self, name: str) -> str:
        """Make ``name`` the published generation: written aside, synced, renamed.

        A sentence when the disk does not confirm the rename: readers see it, but a power failure
        may undo it. Raises OSError when it was not renamed.
        """
        draft = self.folder / "CURRENT.new"
        draft.write_text(f"{name}\n", "ascii")
        sync(draft)
        os.replace(draft, self.folder / "CURRENT")
        warning = ""
        try:
            sync(self.folder)
        except OSError as error:
            warning = (
                f"Generation {name} is live, but the disk did not confirm it "
                f"({error.strerror or error}): after a power failure, the previous one may be live "
                "again. Check the disk."
            )
        return " ".join(filter(None, (warning, self._announce(Manifest.read(self.path(name))))))

    @contextlib.contextmanager
    def lock(self) -> Iterator[IO[str]]:
        """Hold the lock of whoever changes what is published. Raises Conflict when it is held."""
        with (self.folder / ".lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise Conflict(
                    f"Another index build is running on {self.folder}; wait for it to end."
                ) from None
            yield file


@contextlib.contextmanager
def write_errors_as_unavailable() -> Iterator[None]:
    """Turn errors of the disk into Unavailable with one sentence for people."""
    try:
        yield
    except KbError:
        raise
    except STORE_WRITE_ERRORS as error:
        full = getattr(error, "errno", None) == errno.ENOSPC or "disk is full" in str(error)
        reason = "the disk is full; free some space" if full else str(error)
        raise Unavailable(
            f"The index could not be written: {reason}. The previous generation is still live."
        ) from error
