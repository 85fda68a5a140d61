"""WorkerPool: several processes that read files, of which any may run away or die.

Each file has a limit of processor time and memory. A worker beyond it is killed by the kernel; its
file is tried again in a simpler way, and the other files are not affected. How a file is read is
decided in ``indexer.readers``.
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
from typing import Any, Literal, Self

from indexer.readers.context import Reading
from indexer.readers.site_index import SiteIndex
from indexer.sources.walk import SourceFile
from kb.errors import Unavailable
from kb.search.documents import Document

#: Processor seconds for one file, or for ``BATCH_SIZE`` documents of a dump.
CPU_SECONDS = 5.0
#: Bytes of address space of a worker.
MEMORY = 1536 * 1024 * 1024
#: Seconds on the clock without an answer, for a worker that waits instead of working.
SILENCE_SECONDS = 60.0
#: Seconds on the clock until a worker that hung up has ended, to learn its exit code.
_EXIT_SECONDS = 10.0

#: Documents that are sent at once.
BATCH_SIZE = 200
#: Tasks that lie ready for a worker, so that it need not wait for the next.
_QUEUE_LENGTH = 6
#: The number of tasks that may start before an earlier one is done; their results stay in memory.
_MAX_TASKS_AHEAD = 256
#: A file is read with ``careful`` 0, 1, and 2 (see ``markdown.rendering``), then skipped.
_MAX_TRIES = 3
#: Fewer files are read by one process: starting another takes longer.
_MIN_FILES_TO_SHARE = 16


@dataclass(frozen=True, slots=True)
class ReadTask:
    """``what`` is "read" for documents, or "blocks" for the hashes of a page's blocks."""

    what: Literal["read", "blocks"]
    file: SourceFile
    careful: int = 0


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What came back from a worker.

    A dump sends several results, of which the ``last`` has the ``reading``. ``failed``: no worker
    survived the file.
    """

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
    has_answered: bool = False
    is_within_task: bool = False  # the first task has sent a batch already
    last_answer: float = 0.0


class _TaskOrder:
    """Holds back the results of a task until all earlier tasks are done."""

    def __init__(self) -> None:
        self._results: dict[str, list[TaskResult]] = {}  # of begun tasks by file, in their order

    @property
    def may_begin(self) -> bool:
        return len(self._results) < _MAX_TASKS_AHEAD

    def begin(self, task: ReadTask) -> None:
        self._results[task.file.key] = []

    def add(self, result: TaskResult) -> Iterator[TaskResult]:
        """The results that no longer have to wait."""
        self._results[result.file.key].append(result)
        while self._results:
            earliest = next(iter(self._results))
            results = self._results[earliest]
            yield from results
            if not (results and results[-1].last):
                results.clear()
                return
            del self._results[earliest]


class WorkerPool:
    """Use it as ``with WorkerPool(2) as pool``: first ``share`` a site index, then ``work``."""

    def __init__(
        self, count: int, *, cpu_seconds: float = CPU_SECONDS, memory: int = MEMORY
    ) -> None:
        self._count = max(1, count)
        self._limits = (cpu_seconds, memory)
        self._context = multiprocessing.get_context("spawn")
        self._site_index = SiteIndex()
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
            _stop(worker)
        self._workers.clear()

    def start(self) -> None:
        """Begin to start the workers; meanwhile the caller can do other work."""
        while len(self._workers) < self._count:
            self._workers.append(self._start_worker())

    def share(self, site_index: SiteIndex) -> None:
        """Read all further files with ``site_index``."""
        self._site_index = site_index
        for worker in self._workers:
            with contextlib.suppress(OSError):
                worker.pipe.send(site_index)

    def work(self, tasks: Iterable[ReadTask]) -> Iterator[TaskResult]:
        """The results in the order of the tasks, so that the same files make the same index however
        busy the machine is.
        """
        order = _TaskOrder()
        remaining = iter(tasks)
        retries: deque[ReadTask] = deque()
        self.start()

        while True:
            for worker in self._workers:
                _feed(worker, remaining, retries, order)
            busy = [worker for worker in self._workers if worker.tasks]
            if not busy:
                return

            ready = wait([worker.pipe for worker in busy], timeout=SILENCE_SECONDS)
            for worker in busy:
                result = None
                if worker.pipe in ready:
                    result = self._receive(worker, retries)
                elif time.monotonic() - worker.last_answer > SILENCE_SECONDS:
                    result = self._replace(worker, retries)
                if result is not None:
                    yield from order.add(result)

    def _receive(self, worker: _Worker, retries: deque[ReadTask]) -> TaskResult | None:
        try:
            result: TaskResult = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join(timeout=_EXIT_SECONDS)
            return self._replace(worker, retries)

        worker.last_answer = time.monotonic()
        worker.has_answered = True
        worker.is_within_task = not result.last
        if result.last:
            worker.tasks.popleft()
        return result

    def _replace(self, worker: _Worker, retries: deque[ReadTask]) -> TaskResult | None:
        """After a worker died on its first task: tries that task again in a simpler way, and the
        other tasks unchanged. Returns the result if the task is not tried again.
        """
        exit_code = worker.process.exitcode or 0
        if not worker.has_answered and exit_code > 0:
            # It never got as far as the file: the next worker would not either.
            raise Unavailable(
                f"A reading process ended with code {exit_code} before it read anything. Its own "
                "message is above."
            )

        culprit, *innocent = worker.tasks
        retries.extendleft(reversed(innocent))
        _stop(worker)
        self._workers[self._workers.index(worker)] = self._start_worker()

        # Documents of a dump that were sent already cannot be taken back.
        can_retry = culprit.what == "read" and not worker.is_within_task
        if can_retry and culprit.careful + 1 < _MAX_TRIES:
            retries.append(ReadTask(culprit.what, culprit.file, culprit.careful + 1))
            return None
        return TaskResult(culprit.file, failed=True)

    def _start_worker(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_serve, args=(theirs, *self._limits), daemon=True, name="kb-reader"
        )
        process.start()
        theirs.close()
        # A worker that dies at once is noticed when it is listened to.
        with contextlib.suppress(OSError):
            ours.send(self._site_index)
        return _Worker(process, ours, last_answer=time.monotonic())


def _feed(
    worker: _Worker, remaining: Iterator[ReadTask], retries: deque[ReadTask], order: _TaskOrder
) -> None:
    while len(worker.tasks) < _QUEUE_LENGTH:
        if retries:
            task = retries.popleft()
        else:
            following = next(remaining, None) if order.may_begin else None
            if following is None:
                return
            task = following
            order.begin(task)
        if not worker.tasks:
            worker.last_answer = time.monotonic()
        worker.tasks.append(task)
        # A dead worker is noticed when it is listened to.
        with contextlib.suppress(OSError):
            worker.pipe.send(task)


def _stop(worker: _Worker) -> None:
    worker.pipe.close()
    worker.process.kill()
    worker.process.join()
    worker.process.close()


def worker_count(files: int) -> int:
    """Processes worth starting for so many files."""
    if files < _MIN_FILES_TO_SHARE:
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


# --- in the worker


def _serve(pipe: Connection, cpu_seconds: float, memory: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    _limit_memory(memory)

    site_index = SiteIndex()
    with contextlib.suppress(EOFError, OSError):
        while True:
            message = pipe.recv()
            if isinstance(message, SiteIndex):
                site_index = message
                continue

            # Beyond its processor time the kernel ends the process, even inside a library that
            # never returns.
            signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
            is_survey = message.what == "blocks"
            results = _blocks(message) if is_survey else read_task(message, site_index)
            for result in results:
                signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
                pipe.send(result)
            signal.setitimer(signal.ITIMER_PROF, 0)


def _limit_memory(memory: int) -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def read_task(task: ReadTask, site_index: SiteIndex) -> Iterator[TaskResult]:
    """The documents of one file, a dump's in batches; whatever its reader raises is a finding."""
    from indexer.readers.context import ReadContext
    from indexer.readers.registry import read_file

    context = ReadContext(task.file, site_index, careful=task.careful)
    if task.careful:
        context.note("simpler-rendering")

    batch: list[Document] = []
    try:
        for document in read_file(context):
            batch.append(document)
            if len(batch) >= BATCH_SIZE:
                yield TaskResult(task.file, tuple(batch), last=False)
                batch.clear()
    except Exception as error:
        context.note("reader-failed", reason=f"{type(error).__name__}: {error}")
    yield TaskResult(task.file, tuple(batch), context.reading(()))


def _blocks(task: ReadTask) -> Iterator[TaskResult]:
    from indexer.html.boilerplate import block_hashes
    from indexer.html.tree import parse_html
    from indexer.sources.format_detection import Unreadable, decode_text, decompress
    from indexer.sources.walk import SIZE_LIMIT

    blocks: set[int] = set()
    # A page that cannot be read has no blocks; that is reported when it is read.
    with contextlib.suppress(OSError, Unreadable, RecursionError, MemoryError, ValueError):
        data = decompress(Path(task.file.absolute).read_bytes(), task.file.size + SIZE_LIMIT)
        text, _ = decode_text(data)
        blocks = block_hashes(parse_html(text))
    yield TaskResult(task.file, blocks=frozenset(blocks))
