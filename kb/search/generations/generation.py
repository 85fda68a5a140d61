"""How does an index change without anyone seeing it change?

A ``Generation`` is a folder that is built aside, verified, synced to disk and then published by one
rename; readers hold one generation for the length of a request and never see half of one. A
manifest seals every file with its SHA-256; what does not match is refused and the generation before
it serves. Not for searching: see ``searcher``.

``data/index/CURRENT`` names the published one; ``gen-000012/`` holds it; ``building-*`` is litter
of a build that died and is removed by the next.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import fcntl
import functools
import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np

from kb.disk import sync
from kb.errors import Conflict, KbError, NotFound, Unavailable
from kb.search.build import forward_index as corpus
from kb.search.build import partition_writer as postings
from kb.search.documents import AUDIENCES, PUBLIC, Document, visible_to
from kb.search.generations import checksums as sealing
from kb.search.index import array_file as arrays
from kb.search.index import resolved_tickets as solved
from kb.search.index.document_store import FILE as STORE_FILE
from kb.search.index.document_store import (
    FILES,
    Difference,
    DocumentStore,
    StoreWriter,
    without_surrogates,
)
from kb.search.index.previous import PreviousPartition
from kb.search.index.resolved_tickets import ResolvedTicket
from kb.search.index.spill import Spill

CURATIONS_FILE = "curations.json"
FORMAT = (
    10  # raised when the files or the analysis change, so that an old index is rebuilt, not misread
)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a generation holds. ``partitions`` maps each audience to its arrays; ``files`` gives
    (size, SHA-256).
    """

    name: str
    format: int
    created: str
    documents: int
    kinds: dict[str, int]
    partitions: dict[str, str]
    settings: dict[str, Any]
    files: dict[str, tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Generation:
    """A published, verified generation."""

    path: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def store(self) -> DocumentStore:
        return DocumentStore(self.path / STORE_FILE)

    def ledger(self) -> dict[str, Any]:
        """What the indexer noted about its sources."""
        noted: dict[str, Any] = json.loads((self.path / "ledger.json").read_text("utf-8"))
        return noted

    def curations(self) -> dict[str, Any]:
        """What editors decided about queries when it was published (see
        ``kb.search.query.parser.curations``).
        """
        try:
            decided: dict[str, Any] = json.loads((self.path / CURATIONS_FILE).read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return decided

    def partition(self, audience: str) -> Path:
        """The file of what ``audience`` may see; an unknown group sees what customers see."""
        partitions = self.manifest.partitions
        wider = partitions["customers"] if audience != PUBLIC else partitions[PUBLIC]
        return self.path / partitions.get(audience, wider)


def folder(data: Path) -> Path:
    return data / "index"


def published(data: Path) -> str | None:
    """The name in CURRENT, unverified; cheap enough to look at ten times a second."""
    try:
        return (folder(data) / "CURRENT").read_text("ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def names(data: Path) -> list[str]:
    """All published generations, newest first."""
    found = [p.name.removeprefix("gen-") for p in folder(data).glob("gen-*") if p.is_dir()]
    return sorted((name for name in found if name.isdigit()), reverse=True)


def current(data: Path, *, anew: bool = True) -> Generation | None:
    """The published generation, or the newest other one that verifies; None when there is none at
    all.

    ``anew`` is that of ``verified``.
    """
    first = published(data)
    for name in dict.fromkeys([*([first] if first else []), *names(data)]):
        with contextlib.suppress(Unavailable):
            return verified(data, name, anew=anew)
    return None


def absence(data: Path) -> str:
    """Why no generation serves: there is none yet, or what is wrong with the published one, and
    what to do.
    """
    name = published(data) or next(iter(names(data)), None)
    if name is None:
        return "There is no search index yet; run `kb index`."
    try:
        found = verified(data, name, anew=False)
    except Unavailable as error:
        return (
            f"The search index in {folder(data)} is damaged, and no older one can serve. "
            f"{error.sentence}"
        )
    return f"Generation {found.name} was published just now; ask again."


def rollback(data: Path, name: str | None = None) -> Generation:
    """Let generation ``name`` serve again, by default the newest one before the published one.

    Raises NotFound when there is none, Unavailable when it is damaged, Conflict while a build runs.
    """
    with _told(), _lock(folder(data) / ".lock"):
        now = published(data)
        known = names(data)
        wanted = name or next((other for other in known if now and other < now), None)
        if wanted is None or wanted not in known:
            kept = ", ".join(known) or "none"
            raise NotFound(
                f"There is no {f'generation {name}' if name else 'older generation'}; kept are: "
                f"{kept}."
            )
        found = verified(data, wanted)
        point_to(data, wanted)
        return found


def verified(data: Path, name: str, *, anew: bool = True) -> Generation:
    """Generation ``name`` with every byte checked. Raises Unavailable naming the file that is
    wrong.

    Without ``anew``, files are taken as they were when this process wrote or checked them last, as
    long as their sizes and times are the same: for pages that only tell of a generation and for the
    next build, never for opening one.
    """
    path = folder(data) / f"gen-{name}"
    manifest = _manifest(path)
    wrong = sealing.differing(
        path, manifest.files, sealing.sha256 if anew else sealing.known_sha256
    )
    if wrong is not None:
        raise Unavailable(
            f"Generation {name} is damaged: {wrong} is not what was published. Run `kb index "
            f"--full`."
        )
    return Generation(path, manifest)


def _manifest(path: Path) -> Manifest:
    try:
        values = json.loads((path / "manifest.json").read_text("utf-8"))
        seal = values.pop("seal")
        if seal != _seal(values) or values["format"] != FORMAT:
            raise ValueError("seal or format differ")
        values["files"] = {name: tuple(row) for name, row in values["files"].items()}
        return Manifest(**values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unavailable(
            f"{path.name} has no valid manifest: {error}. Run `kb index --full`."
        ) from error


def _seal(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


class Builder:
    """Builds the next generation aside; ``with Builder(data) as b: b.add(...); b.publish(...)``.

    One at a time: a second builder on the same data folder raises Conflict. Leaving without
    ``publish`` leaves no trace. A full disk or a file error raises Unavailable, and what was
    published before goes on serving.
    """

    def __init__(
        self, data: Path, *, keep: int = 3, progress: Progress | None = None, operators: bool = True,
        previous: Generation | None = None, semantic: bool = False,
    ) -> None:  # fmt: skip
        """``previous`` is the published generation, where the caller has verified it already;
        ``semantic`` says that meanings are compared by a model too (see
        ``kb.search.index.embeddings``)."""
        self._root = folder(data)
        self._data = data
        self._keep = keep
        self._operators = operators
        self.progress: Progress = progress or (lambda _stage, _done, _total: None)
        self.previous = previous
        self._semantic = semantic
        self.curations: Mapping[str, Any] = {}  # copied into the generation, see ``curations``
        self._kinds: Counter[str] = Counter()
        self._took_over = False
        self._copied: Callable[[], None] = lambda: (
            None
        )  # waits until the store has what was taken over
        self._solved: tuple[ResolvedTicket, ...] = ()
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with _told(), contextlib.ExitStack() as opened:
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
            opened.enter_context(_lock(self._root / ".lock"))
            for litter in self._root.glob("building-*"):
                shutil.rmtree(litter, ignore_errors=True)
            if self.previous is None or published(self._data) != self.previous.name:
                self.previous = current(self._data)
            self._aside = Path(tempfile.mkdtemp(prefix="building-", dir=self._root))
            opened.callback(shutil.rmtree, self._aside, ignore_errors=True)
            self._store = StoreWriter(self._aside / STORE_FILE)
            opened.callback(self._store.close)
            spill = Spill(self._aside)
            opened.callback(spill.close)
            self._corpus = corpus.ForwardIndex(semantic=self._semantic, spill=spill)
            before = (self.previous.path, self.previous.manifest.files) if self.previous else None
            self._sealer = opened.enter_context(sealing.ChecksumWriter(self._aside, before))
            self._open = opened.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # What is closed here unpublished is thrown away: on a full disk, that it cannot be ended
        # well is no news.
        with contextlib.suppress(OSError, sqlite3.Error):
            self._open.close()

    def add(self, document: Document) -> None:
        """Take up one document. Raises Conflict when its id was added before."""
        with _told():
            document = without_surrogates(document)
            self._copied()
            row, cuts = self._store.add(document)
            self._corpus.add(document, row, cuts)
            self._kinds[document.kind] += 1

    def keep(self, ids: Iterable[str]) -> int:
        """Take over these documents of the last generation, unread; before anything is added.
        Returns how many there are; the rest have to be added."""
        if self.previous is None:
            return 0
        with _told(), contextlib.closing(self.previous.store) as store:
            known = store.rows()
            rows = sorted(known[id_] for id_ in ids if id_ in known)
            if not rows:
                return 0
            saved = arrays.load(self.previous.path / corpus.FILE)
            copying = functools.partial(
                self._store.keep, self.previous.path / STORE_FILE, rows, *corpus.ranges(saved, rows)
            )
            self._copied = self._sealer.aside(copying).result
            self._corpus.keep(saved, np.array(rows, dtype=np.int64), store.passage)
            self._took_over = True
            self._kinds.update(str(facts.kind) for facts in self._corpus.facts)
        return len(rows)

    def alias(self, old: str, document_id: str) -> None:
        """Let an old id lead to a document that was or will be added."""
        with _told():
            self._copied()
            self._store.alias(old, document_id)

    def solved(self, tickets: Iterable[ResolvedTicket]) -> None:
        """Let these resolved tickets vote, and no others: one that is left out has stopped voting."""
        self._solved = tuple(tickets)

    def prepare(self, *, ledger: Mapping[str, Any], settings: Mapping[str, Any]) -> Generation:
        """Build, seal and verify what was added, aside: to be looked at, and then released or left."""
        with _told():
            self._copied()
            self._store.close()
            self._sealer.begin(FILES)
            self._whoosh()
            partitions = self._partitions()
            self._corpus.save(self._aside / corpus.FILE)
            self._sealer.begin((corpus.FILE,))
            (self._aside / "ledger.json").write_text(
                json.dumps(ledger), "ascii"
            )  # file names may be no UTF-8
            (self._aside / CURATIONS_FILE).write_text(
                json.dumps(self.curations, ensure_ascii=False), "utf-8"
            )
            manifest = self._sealed(partitions, settings)
            self._check(manifest)
            return Generation(self._aside, manifest)

    def release(self, prepared: Generation) -> Manifest:
        """Publish what ``prepare`` gave: from now on it is the generation that readers open."""
        with _told():
            return self._swap(prepared.manifest)

    def publish(self, *, ledger: Mapping[str, Any], settings: Mapping[str, Any]) -> Manifest:
        """Build, verify, sync and publish what was added; returns the new generation's manifest."""
        return self.release(self.prepare(ledger=ledger, settings=settings))

    def _whoosh(self) -> None:
        if not self._operators:
            return
        from kb.search import (
            whoosh_build,
        )  # spawns a process for large corpora; not needed to read a generation

        previous = self.previous.path if self.previous else None
        self._building = whoosh_build.start(
            self._aside, previous, self._difference, documents=self._kinds.total()
        )

    def _partitions(self) -> dict[str, str]:
        """One set of arrays for each distinct set of visible documents: {audience: file}."""
        present = Counter(f.audience for f in self._corpus.facts)
        files: dict[frozenset[str], str] = {}
        partitions = {}
        audiences = [*AUDIENCES, *sorted(set(present) - set(AUDIENCES))]
        for done, audience in enumerate(audiences):
            self.progress("ranking", done, len(audiences))
            visible = frozenset(a for a in visible_to(audience) if present[a])
            if visible not in files:
                files[visible] = f"part-{len(files)}.arrays"
                with contextlib.closing(Spill(self._aside)) as spill:
                    made = self._partition(visible, self._before(audience, visible), spill)
                    arrays.save(self._aside / files[visible], made)
                self._sealer.begin((files[visible],))
            partitions[audience] = files[visible]
        self.progress("ranking", len(audiences), len(audiences))
        return partitions

    def _partition(
        self, visible: frozenset[str], before: PreviousPartition | None, spill: Spill
    ) -> arrays.Arrays:
        """Everything that those who see ``visible`` are answered from."""
        made = postings.partition(self._corpus, visible, before, spill)
        place = {
            self._corpus.facts[row].id: number for number, row in enumerate(made["row"].tolist())
        }
        return made | solved.pack(self._solved, self._corpus.analyzer, made, place)

    def _before(self, audience: str, visible: frozenset[str]) -> PreviousPartition | None:
        """What the last generation had for this audience, when documents were taken over from it."""
        if (
            not self._took_over
            or self.previous is None
            or audience not in self.previous.manifest.partitions
        ):
            return None
        with contextlib.closing(self.previous.store) as store:
            of_row = store.audiences()
        then = {id_ for id_, other in of_row.values() if other in visible_to(audience)}
        now = {facts.id for facts in self._corpus.facts if facts.audience in visible}
        fresh = set(self._difference.fresh)
        old = arrays.load(self.previous.partition(audience))
        words = arrays.load(self.previous.path / corpus.FILE)
        ids = (of_row[row][0] for row in old["row"].tolist())
        # Whether one that says the same was read again is no matter: that may be for the sake of a
        # hidden one.
        places = {id_: number for number, id_ in enumerate(ids) if id_ in now and id_ not in fresh}
        return PreviousPartition(
            old, changed=len(now & fresh), lost=bool(then - now), places=places, words=words
        )

    @functools.cached_property
    def _difference(self) -> Difference:
        """What differs from the last generation, whether it was read again or not."""
        with contextlib.ExitStack() as opened:
            new = opened.enter_context(contextlib.closing(self._built()))
            old = (
                opened.enter_context(contextlib.closing(self.previous.store))
                if self.previous
                else None
            )
            return new.difference(old)

    def _built(self) -> DocumentStore:
        return DocumentStore(self._aside / STORE_FILE)

    def _sealed(self, partitions: dict[str, str], settings: Mapping[str, Any]) -> Manifest:
        if self._operators:
            self._building.wait(lambda done, total: self.progress("phrases", done, total))
        files = self._sealer.seals()
        newest = max(
            [int(n) for n in (*names(self._data), published(self._data) or "0") if n.isdigit()],
            default=0,
        )
        created = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        manifest = Manifest(
            f"{newest + 1:06}",
            FORMAT,
            created,
            self._kinds.total(),
            dict(self._kinds),
            partitions,
            dict(settings),
            files,
        )
        values = json.loads(json.dumps(asdict(manifest)))
        (self._aside / "manifest.json").write_text(
            json.dumps(values | {"seal": _seal(values)}), "utf-8"
        )
        sync(self._aside / "manifest.json")
        for inner in [*(p for p in self._aside.rglob("*") if p.is_dir()), self._aside]:
            sync(inner)
        return manifest

    def _check(self, manifest: Manifest) -> None:
        """Open what was built as a reader would; a failure publishes nothing."""
        with contextlib.closing(self._built()) as built:
            counted = len(built)
        opened = {
            file: arrays.load(self._aside / file) for file in set(manifest.partitions.values())
        }
        widest = max((a["kind"].size for a in opened.values()), default=0)
        if counted != manifest.documents or widest > counted:
            counts = f"{counted} documents where {manifest.documents} were added"
            raise Unavailable(f"The new generation holds {counts}; it was not published.")

    def _swap(self, manifest: Manifest) -> Manifest:
        target = self._root / f"gen-{manifest.name}"
        os.rename(self._aside, target)
        sync(self._root)
        point_to(self._data, manifest.name)
        for name in names(self._data)[self._keep :]:
            shutil.rmtree(self._root / f"gen-{name}", ignore_errors=True)
        for file, (_, digest) in manifest.files.items():
            sealing.remember(target / file, digest)
        return manifest


def point_to(data: Path, name: str) -> None:
    """Make ``name`` the published generation: written aside, synced, renamed."""
    aside = folder(data) / "CURRENT.new"
    aside.write_text(f"{name}\n", "ascii")
    sync(aside)
    os.replace(aside, folder(data) / "CURRENT")
    sync(folder(data))


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[IO[str]]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict(
                f"Another index build is running on {path.parent}; wait for it to end."
            ) from None
        yield file


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Failures of the disk as one sentence."""
    try:
        yield
    except KbError:
        raise
    except (OSError, sqlite3.Error) as error:
        full = getattr(error, "errno", None) == errno.ENOSPC or "disk is full" in str(error)
        why = "the disk is full; free some space" if full else str(error)
        raise Unavailable(
            f"The index could not be written: {why}. What was published before still serves."
        ) from error
