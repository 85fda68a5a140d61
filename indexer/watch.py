"""`kb index --watch`: publish each edit while its editor still looks at the page.

``watch_changes`` waits for saved files, ``publish_changes`` runs the pipeline after each batch of
them with a worker that stays warm. A failure is reported, and the next change tried again.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from indexer.pipeline import IndexOptions, run_index
from indexer.report import Report
from indexer.worker_pool import WorkerPool
from kb.errors import KbError

#: Milliseconds. A burst of saves (a branch that is checked out) is one publish; a single save waits
#: for one step only.
_BURST, _STEP = 400, 40
#: Without an edit an article may still expire.
_HOUR = 3_600_000


def watch_changes(
    options: IndexOptions, stop: threading.Event | None = None
) -> Iterator[set[Path]]:
    """The files below the sources' folders that were changed, and every hour none.

    Ends at Ctrl-C, or with ``stop``.
    """
    from watchfiles import Change, DefaultFilter, watch

    data = options.data.resolve()

    class SourceFilter(DefaultFilter):
        """The data folder may lie inside a source; a change of the index is not an edit."""

        def __call__(self, change: Change, path: str) -> bool:
            return super().__call__(change, path) and not Path(path).is_relative_to(data)

    folders = {source.limit for source in options.sources}
    for file in (options.golden, options.curations):
        if file:
            folders.add(file.resolve().parent)

    batches = watch(
        *sorted(folders),
        watch_filter=SourceFilter(),
        debounce=_BURST,
        step=_STEP,
        rust_timeout=_HOUR,
        yield_on_timeout=True,
        stop_event=stop,
        raise_interrupt=False,
    )
    for batch in batches:
        yield {Path(path) for _, path in batch}


def publish_changes(
    options: IndexOptions,
    changes: Iterable[object],
    *,
    report: Callable[[Report], None],
    fail: Callable[[str], None],
    today: Callable[[], dt.date],
) -> None:
    """Run the pipeline once for each of ``changes``.

    ``report`` gets each report, ``fail`` the sentence of each error.
    """
    with contextlib.ExitStack() as stack:
        pool = _start_pool(stack)
        for _ in changes:
            try:
                report(run_index(replace(options, today=today(), full=False), pool=pool))
            except KbError as error:
                fail(error.sentence)
                # The old workers may still be reading what was asked.
                stack.close()
                pool = _start_pool(stack)


def _start_pool(stack: contextlib.ExitStack) -> WorkerPool:
    pool = stack.enter_context(WorkerPool(1))
    pool.start()
    return pool
