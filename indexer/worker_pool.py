"""How are files read by several processes, of which any may run away or die?

A ``WorkerPool`` keeps a few worker processes. Each file gets a limit of processor time and memory; a
worker beyond it dies by the kernel's hand, its file is tried again in a simpler way, and the others
never notice. Not for what is read how.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from indexer.readers.context import Reading
from indexer.readers.site_index import SiteIndex
from indexer.sources.walk import SourceFile
from kb.errors import Unavailable
from kb.search.documents import Document

#: Seconds of processor time for one file, or for ``BATCH`` documents of a dump.
SECONDS = 5.0
#: Seconds on the clock, for a worker that waits instead of working.
PATIENCE = 60.0
#: Seconds on the clock until a worker that hung up must have ended, to say with which code.
_FAREWELL = 10.0
MEMORY = 1536 * 1024 * 1024
BATCH = 200
_AHEAD = 6
#: How a file is read at the first, second and third try (see ``rendering``); after the last it is
#: left out.
_TRIES = 3


@dataclass(frozen=True, slots=True)
class ReadTask:
    """``what`` is "read" (Documents) or "blocks" (the repeated-block survey of a page)."""

    what: str
    file: SourceFile
    careful: int = 0


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What came back. ``reading`` ends a file; before it, a dump may send batches of ``documents``.
    ``failed`` says that no worker survived the file."""

    file: SourceFile
    documents: tuple[Document, ...] = ()
    reading: Reading | None = None
    blocks: frozenset[int] = frozenset()
    last: bool = True
    failed: bool = False


@dataclass(slots=True)
class _Worker:
    process: Any
    pipe: Connection
    tasks: deque[ReadTask] = field(default_factory=deque)
    answered: bool = False
    started: bool = False  # the first task has sent a batch already
    heard: float = 0.0


class WorkerPool:
    """``with WorkerPool(2) as crew: crew.share(library); for done in crew.work(tasks): ...``"""

    def __init__(self, count: int, *, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self._count = max(1, count)
        self._limits = (seconds, memory)
        self._context = multiprocessing.get_context("spawn")
        self._library = SiteIndex()
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            self._stop(worker)
        self._workers.clear()

    def share(self, site: SiteIndex) -> None:
        """What all further files are read with."""
        self._library = site
        for worker in self._workers:
            with contextlib.suppress(OSError):
                worker.pipe.send(site)

    def start(self) -> None:
        """Begin to start the workers, which takes them a moment in which other work can be done."""
        while len(self._workers) < self._count:
            self._workers.append(self._hire())

    def work(self, tasks: Iterable[ReadTask]) -> Iterator[TaskResult]:
        """The results, in the order in which they are ready."""
        waiting = iter(tasks)
        again: deque[ReadTask] = deque()
        self.start()
        while True:
            for worker in self._workers:
                self._feed(worker, waiting, again)
            busy = [worker for worker in self._workers if worker.tasks]
            if not busy:
                return
            ready = wait([worker.pipe for worker in busy], timeout=PATIENCE)
            for worker in busy:
                if worker.pipe in ready:
                    yield from self._receive(worker, again)
                elif time.monotonic() - worker.heard > PATIENCE:
                    yield from self._lost(worker, again)

    def _feed(self, worker: _Worker, waiting: Iterator[ReadTask], again: deque[ReadTask]) -> None:
        while len(worker.tasks) < _AHEAD:
            task = again.popleft() if again else next(waiting, None)
            if task is None:
                return
            if not worker.tasks:
                worker.heard = time.monotonic()
            worker.tasks.append(task)
            with contextlib.suppress(OSError):  # a dead worker is noticed when it is listened to
                worker.pipe.send(task)

    def _receive(self, worker: _Worker, again: deque[ReadTask]) -> Iterator[TaskResult]:
        try:
            done = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join(timeout=_FAREWELL)
            yield from self._lost(worker, again)
            return
        worker.heard, worker.answered = time.monotonic(), True
        worker.started = not done.last
        if done.last:
            worker.tasks.popleft()
        yield done

    def _lost(self, worker: _Worker, again: deque[ReadTask]) -> Iterator[TaskResult]:
        """A worker died on its first task: try that in a simpler way, and give the others back."""
        if not worker.answered and (worker.process.exitcode or 0) > 0:
            code = worker.process.exitcode
            raise Unavailable(
                f"A reading process ended with code {code} before it read anything; see its "
                f"message above."
            )
        culprit, *innocent = worker.tasks
        again.extendleft(reversed(innocent))
        self._stop(worker)
        self._workers[self._workers.index(worker)] = self._hire()
        if worker.started or culprit.careful + 1 >= _TRIES or culprit.what != "read":
            yield TaskResult(culprit.file, failed=True)
        else:
            again.append(ReadTask(culprit.what, culprit.file, culprit.careful + 1))

    def _hire(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_serve, args=(theirs, *self._limits), daemon=True, name="kb-reader"
        )
        process.start()
        theirs.close()
        with contextlib.suppress(
            OSError
        ):  # one that dies at once is noticed when it is listened to
            ours.send(self._library)
        return _Worker(process, ours, heard=time.monotonic())

    @staticmethod
    def _stop(worker: _Worker) -> None:
        worker.pipe.close()
        worker.process.kill()
        worker.process.join()
        worker.process.close()


def worker_count(files: int) -> int:
    """Processes worth starting for so many files."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return 1 if files < 16 else cores


# In the worker


def _serve(pipe: Connection, seconds: float, memory: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    _bound_memory(memory)
    site = SiteIndex()
    with contextlib.suppress(EOFError, OSError):
        while True:
            message = pipe.recv()
            if isinstance(message, SiteIndex):
                site = message
                continue
            # Beyond its processor time the kernel ends the process: even inside a library that
            # never returns.
            signal.setitimer(signal.ITIMER_PROF, seconds)
            for done in _blocks(message) if message.what == "blocks" else _read(message, site):
                signal.setitimer(signal.ITIMER_PROF, seconds)
                pipe.send(done)
            signal.setitimer(signal.ITIMER_PROF, 0)


def _bound_memory(memory: int) -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _read(task: ReadTask, site: SiteIndex) -> Iterator[TaskResult]:
    from indexer.readers import registry
    from indexer.readers.context import ReadContext

    context = ReadContext(task.file, site, careful=task.careful)
    if task.careful:
        context.note("It took too long or too much memory to render; a simpler rendering is shown.")
    batch: list[Document] = []
    try:
        for document in registry.read_file(context):
            batch.append(document)
            if len(batch) >= BATCH:
                yield TaskResult(task.file, tuple(batch), last=False)
                batch.clear()
    except Exception as error:
        context.note(
            f"It could not be read ({type(error).__name__}: {error}); please report this.",
            skipped=True,
        )
    yield TaskResult(task.file, tuple(batch), context.reading(()))


def _blocks(task: ReadTask) -> Iterator[TaskResult]:
    from indexer.html import boilerplate, tree
    from indexer.sources import format_detection

    blocks: set[int] = set()
    with contextlib.suppress(
        OSError, format_detection.Unreadable, RecursionError, MemoryError, ValueError
    ):
        data = format_detection.decompress(
            Path(task.file.absolute).read_bytes(), task.file.size + 10 * 1024 * 1024
        )
        blocks = boilerplate.block_hashes(tree.parse_html(format_detection.decode_text(data)[0]))
    yield TaskResult(task.file, blocks=frozenset(blocks))
