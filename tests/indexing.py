"""Index runs of tests, which share one reading process in each test process.

Starting one takes most of a second, half of it for the language model; reading a test's files takes
milliseconds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from indexer import pipeline
from indexer.pipeline import IndexOptions
from indexer.report import Report
from indexer.worker_pool import WorkerPool

_POOL = WorkerPool(1)


@contextlib.contextmanager
def reading_process() -> Iterator[WorkerPool]:
    with contextlib.ExitStack() as stack:
        stack.enter_context(_POOL)
        yield _POOL
        # After an error, the process may still be reading what was asked: only then is it stopped.
        stack.pop_all()


def run_index(options: IndexOptions) -> Report:
    with reading_process() as pool:
        return pipeline.run_index(options, pool=pool)
