"""Faults while publishing: kills, power losses, failing disks and damaged files.

    python -m bench.publish_faults [--kills 1000] [--publishes 50] [--damages 5000] [--seed N]

kill -9 at each file operation and at random times; power loss after every prefix of what was
written (unsynced data and names lost, or names kept and data lost); the n-th operation failing with
ENOSPC and EIO; files truncated, zeroed and flipped. After each of them the old or the new
generation opens with every byte verified, no lock is left, and the next publish leaves nothing
behind. Every other publish edits one page, so that generations share files: one that shares a
damaged file does not open either. ``tests/indexer/test_faults.py`` calls the same functions in
short loops.
"""

from __future__ import annotations

import argparse
import builtins
import contextlib
import errno
import io
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kb.errors import KbError, Unavailable
from kb.search.build.builder import IndexBuilder
from kb.search.documents import Document, DocumentKind, Section
from kb.search.generations.generation import Generations
from kb.search.generations.verification import RECORD_FILE
from kb.search.index import document_store, edits

Hook = Callable[[str], None]
_WORDS = (
    "widget",
    "invoice",
    "password",
    "reset",
    "ticket",
    "answer",
    "promise",
    "calendar",
    "portal",
    "search",
)


def library(count: int, *, seed: int = 1) -> Iterator[Document]:
    """``count`` small documents, a few of them for staff only."""
    dice = random.Random(seed)
    for number in range(count):
        text = " ".join(dice.choices(_WORDS, k=30))
        audience = "staff" if number % 5 == 4 else "public"
        sections = (Section("a", ("First",), text), Section("b", ("Second",), text[::-1]))
        yield Document(
            f"doc/{number:03}",
            DocumentKind.DOC,
            f"{text[:20]} {number}",
            sections,
            audience=audience,
        )


def publish(data: Path, *, seed: int = 1, count: int = 6, operators: bool = False) -> str:
    """One publish; the name of the new generation. With an even ``seed``, all but one page are
    carried over, and its text is edited, if there is a generation.
    """
    with _as_in_a_large_library(), IndexBuilder(data, operators=operators) as builder:
        documents = list(library(count, seed=seed))
        if seed % 2 == 0 and builder.previous is not None:
            with contextlib.closing(builder.previous.store) as store:
                first = next(store.all())
            builder.carry_over_all_but([first.id])
            documents = [replace(first, sections=documents[0].sections)]
        for document in documents:
            builder.add(document)
        return builder.publish(ledger={"seed": seed}, settings={}).name


@contextlib.contextmanager
def _as_in_a_large_library() -> Iterator[None]:
    """Let an edit of a library this small be written as one of many pages of a large library is:
    beside the large file, and with the page deleted in a segment that stays.
    """
    values = (
        (edits, "SMALLEST_WITH_EDITS", 1),
        (document_store, "SEGMENTS", document_store.SegmentLimits(small=1, cleaned=0)),
    )
    before = [(module, name, getattr(module, name)) for module, name, _ in values]
    for module, name, value in values:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


# --- file operations, reported before they happen


class _Written:
    """A file open for writing that reports its writes."""

    def __init__(self, file: Any, hook: Hook) -> None:
        self._file, self._hook = file, hook

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _Written:
        self._file.__enter__()
        return self

    def __exit__(self, *given: Any) -> None:
        self._file.__exit__(*given)

    def write(self, data: Any) -> Any:
        self._hook("write")
        return self._file.write(data)


@contextlib.contextmanager
def watched(hook: Hook, *, after: Hook = lambda _: None, writes: bool = True) -> Iterator[None]:
    """Call ``hook`` with the name of each operation that changes a file or a folder before it
    happens, and ``after`` when it is done.
    """
    one_at_a_time = threading.RLock()  # files are hashed in threads

    def reporting(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with one_at_a_time:
                hook(name)
                result = real(*args, **kwargs)
                after(name)
                return result

        return call

    real_open = io.open

    def reporting_open(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if set(mode) & set("wax+"):
            with one_at_a_time:
                hook("open")
                opened = real_open(file, mode, *args, **kwargs)
            return _Written(opened, hook) if writes and "b" in mode else opened
        return real_open(file, mode, *args, **kwargs)

    names = ("fsync", "rename", "replace", "unlink", "remove", "mkdir", "rmdir")
    with contextlib.ExitStack() as undo:
        for name in names:
            undo.callback(setattr, os, name, getattr(os, name))
            setattr(os, name, reporting(name, getattr(os, name)))
        for module, name, replacement in (
            (io, "open", reporting_open),
            (builtins, "open", reporting_open),
        ):
            undo.callback(setattr, module, name, getattr(module, name))
            setattr(module, name, replacement)
        yield


@dataclass(slots=True)
class Counter:
    """Counts operations, and calls ``act`` at the one numbered ``at``, from 1."""

    at: int = 0
    act: Callable[[], None] = lambda: None
    seen: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> None:
        self.seen.append(name)
        if len(self.seen) == self.at:
            self.act()


def operations(data: Path, **how: Any) -> list[str]:
    """The operations of one publish on ``data``, which is left as it was."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "data"
        shutil.copytree(data, copy)
        counter = Counter()
        with watched(counter):
            publish(copy, **how)
        return counter.seen


# --- what has to hold after any fault


def sound(data: Path, allowed: set[str]) -> str:
    """The name of the generation that serves: one of ``allowed``, with every byte verified. Raises
    AssertionError.
    """
    current = Generations(data).current()
    if current is None or current.name not in allowed:
        name = current.name if current else "nothing"
        raise AssertionError(f"{name} serves, not one of {sorted(allowed)}")
    stored = sum(1 for _ in current.store.all())
    if stored != current.manifest.documents:
        raise AssertionError(
            f"{current.name} holds {stored} documents, not {current.manifest.documents}"
        )
    return current.name


def clean(data: Path) -> None:
    """An undisturbed publish works, and leaves nothing but generations."""
    name = publish(data, seed=7)
    sound(data, {name})
    generations = Generations(data)
    others = [p.name for p in generations.folder.iterdir() if not p.name.startswith("gen-")]
    if sorted(others) != [".lock", "CURRENT"] or len(generations.names()) > 3:
        raise AssertionError(f"left behind: {others}, {generations.names()}")


# --- kill -9


def _die_at(data: str, at: int, operators: bool) -> None:
    with watched(Counter(at, lambda: os.kill(os.getpid(), signal.SIGKILL))):
        publish(Path(data), seed=at, operators=operators)


def processes() -> Any:
    """Children are forked from a server that has the modules loaded already, so that one costs
    milliseconds.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["bench.publish_faults", "kb.search.build.partition_writer", "kb.search.engines.whoosh"]
    )
    return context


def kill_at(data: Path, at: int, *, operators: bool = False) -> None:
    """Publish in a process that is killed before its ``at``-th operation, and check what is
    left.
    """
    before = sound(data, set(Generations(data).names()))
    child = processes().Process(target=_die_at, args=(str(data), at, operators))
    child.start()
    child.join()
    acknowledged = child.exitcode == 0
    child.close()
    newest = f"{int(max(Generations(data).names())):06}"
    sound(data, {newest} if acknowledged else {before, newest})


def kill_after(data: Path, seconds: float) -> bool:
    """Publish in a process that is killed after ``seconds``; whether it had not ended before."""
    before = sound(data, set(Generations(data).names()))
    child = processes().Process(target=_die_at, args=(str(data), -1, True))
    child.start()
    child.join(seconds)
    child.kill()
    child.join()
    acknowledged = child.exitcode == 0
    child.close()
    newest = f"{int(max(Generations(data).names())):06}"
    sound(data, {newest} if acknowledged else {before, newest})
    return not acknowledged


# --- power loss


@dataclass(slots=True)
class Disk:
    """The part of a tree that is on disk: names and bytes count once they were synced."""

    root: Path
    names: dict[int, dict[str, int]] = field(default_factory=dict)  # folder -> {name: inode}
    bytes: dict[int, bytes] = field(default_factory=dict)
    folders: set[int] = field(default_factory=set)

    def all(self) -> None:
        """Everything that is there now is on disk."""
        for path in [self.root, *self.root.rglob("*")]:
            self.synced(path)

    def synced(self, path: Path) -> None:
        inode = path.stat().st_ino
        if path.is_dir():
            self.folders.add(inode)
            self.names[inode] = {child.name: child.stat().st_ino for child in path.iterdir()}
            self.folders |= {child.stat().st_ino for child in path.iterdir() if child.is_dir()}
        else:
            self.bytes[inode] = path.read_bytes()

    def lost(self, target: Path) -> None:
        """The tree after the loss, when no unsynced name survived."""
        self._folder(self.root.stat().st_ino, target)

    def _folder(self, inode: int, target: Path) -> None:
        target.mkdir()
        for name, child in self.names.get(inode, {}).items():
            if child in self.folders:
                self._folder(child, target / name)
            else:
                (target / name).write_bytes(self.bytes.get(child, b""))

    def torn(self, target: Path) -> None:
        """The tree after the loss, when all names survived, but no unsynced byte."""
        target.mkdir()
        for path in sorted(self.root.rglob("*")):
            copy = target / path.relative_to(self.root)
            if path.is_dir():
                copy.mkdir()
            else:
                copy.write_bytes(self.bytes.get(path.stat().st_ino, b""))


def lose_power(data: Path, *, operators: bool = False) -> int:
    """One publish with a power loss after each of its operations, in both ways; how many losses
    there were.
    """
    before = sound(data, set(Generations(data).names()))
    disk, losses = Disk(data), 0
    disk.all()
    paths: dict[int, Path] = {}
    real_open = os.open

    def opening(path: Any, *args: Any, **kwargs: Any) -> int:
        descriptor = real_open(path, *args, **kwargs)
        if isinstance(path, str | os.PathLike):
            paths[descriptor] = Path(path)
        return descriptor

    def survived(allowed: set[str]) -> None:
        nonlocal losses
        for restore in (disk.lost, disk.torn):
            with tempfile.TemporaryDirectory() as folder:
                restore(Path(folder) / "data")
                sound(Path(folder) / "data", allowed)
            losses += 1

    real_fsync = os.fsync

    def syncing(fd: Any) -> None:
        real_fsync(fd)
        disk.synced(paths[fd])

    looking = False

    def done(name: str) -> None:
        nonlocal looking
        # What is pruned is older than any generation that may serve.
        if name not in ("rmdir", "unlink") and not looking:
            looking = True
            survived({before, newest})
            looking = False

    newest = f"{int(max(Generations(data).names())) + 1:06}"
    os.open, os.fsync = opening, syncing
    try:
        with watched(lambda _: None, after=done, writes=False):
            published = publish(data, seed=2, operators=operators)
    finally:
        os.open, os.fsync = real_open, real_fsync
    survived({published})
    return losses


# --- a failing disk


def fail_at(data: Path, at: int, code: int, *, operators: bool = False) -> bool:
    """Publish while the ``at``-th operation fails; whether the publish was refused. Checks what is
    left.
    """

    def fail() -> None:
        raise OSError(code, os.strerror(code))

    before = sound(data, set(Generations(data).names()))
    refused = False
    try:
        with watched(Counter(at, fail)):
            publish(data, seed=at, operators=operators)
    except KbError as error:
        refused = True
        if "\n" in error.sentence or not error.sentence.endswith("."):
            raise AssertionError(f"no sentence: {error.sentence!r}") from error
    newest = max(Generations(data).names())
    sound(data, {before, newest} if refused else {newest})
    return refused


# --- damaged files


def damage(data: Path, dice: random.Random) -> str:
    """Damage one file of the newest generation, check that nobody opens it, and restore it; the
    kind of damage.
    """
    generations = Generations(data)
    newest, *older = generations.names()
    files = [p for p in generations.path(newest).rglob("*") if p.is_file() and p.stat().st_size]
    file = dice.choice(sorted(file for file in files if file.name != RECORD_FILE))
    content = file.read_bytes()
    kind = dice.choice(("truncate", "zero", "flip", "grow"))
    offset = dice.randrange(len(content))
    before, byte, after = content[:offset], content[offset], content[offset + 1 :]
    damaged = {
        "truncate": before,
        "zero": before + bytes(min(4096, len(content) - offset)) + content[offset + 4096 :],
        "flip": before + bytes([byte ^ 1 << dice.randrange(8)]) + after,
        "grow": content + b"\0",
    }[kind]
    if damaged == content:
        return "nothing"

    generations.verified(newest)  # who opened it now would read nothing
    file.write_bytes(damaged)
    try:
        if generations.recorded(newest) is not None:
            raise AssertionError(f"{kind} at byte {offset} of {file.name} would be opened")
        generations.verified(newest, trusted=True)
    except Unavailable:
        sharing = {name for name in older if _shares(generations.path(name), file)}
        if sharing < set(older):
            sound(data, set(older) - sharing)
        elif generations.current() is not None:
            raise AssertionError(f"a generation with a damaged {file.name} serves") from None
        return kind
    finally:
        file.write_bytes(content)
    raise AssertionError(f"{kind} at byte {offset} of {file.name} went unnoticed")


def _shares(generation: Path, file: Path) -> bool:
    """Whether a generation has ``file`` too, under any name."""
    return any(path.samefile(file) for path in generation.rglob(f"*{file.suffix}"))


# --- the long run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--publishes", type=int, default=50, help="publishes with power losses")
    parser.add_argument("--damages", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    dice = random.Random(options.seed)
    print(f"seed {options.seed}")
    # Else each child warns that this module was loaded before it was run.
    sys.modules["__main__"].__spec__ = None
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        publish(data, operators=True)
        _kills(data, options.kills, dice)
        _power(data, options.publishes)
        _failures(data)
        publish(data, seed=4)
        counts: dict[str, int] = {}
        for _ in range(options.damages):
            kind = damage(data, dice)
            counts[kind] = counts.get(kind, 0) + 1
        print(f"damage: {options.damages} cases refused {counts}")


def _kills(data: Path, kills: int, dice: random.Random) -> None:
    total = len(operations(data, operators=True))
    slowest = 0.0
    for number in range(kills):
        if number % 2:
            kill_after(data, dice.uniform(0.02, 0.6))
        else:
            kill_at(data, dice.randint(1, total), operators=True)
        started = time.perf_counter()
        sound(data, set(Generations(data).names()))
        slowest = max(slowest, time.perf_counter() - started)
        if number % 10 == 9:
            clean(data)
    clean(data)
    print(
        f"kill -9: {kills} kills, half before one of {total} operations, half at random; ready in "
        f"{slowest:.3f} s"
    )


def _power(data: Path, publishes: int) -> None:
    losses = sum(lose_power(data, operators=number % 5 == 0) for number in range(publishes))
    print(f"power loss: {publishes} publishes, {losses} losses survived")


def _failures(data: Path) -> None:
    for code in (errno.ENOSPC, errno.EIO):
        total = len(operations(data, operators=True))
        refused = sum(fail_at(data, at, code, operators=True) for at in range(1, total + 2))
        clean(data)
        print(
            f"{errno.errorcode[code]}: each of {total} operations failed once; {refused} "
            f"publishes were refused"
        )


if __name__ == "__main__":
    main()
