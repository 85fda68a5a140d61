"""How does an edit become searchable while its editor still looks at the page?

``changes`` waits for saved files, ``follow`` publishes after each batch of them with processes that
are kept warm. A failure is told and the next change tried again. Not for what is published
(``pipeline``).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from indexer import pipeline
from indexer.pipeline import IndexOptions
from indexer.report import Report
from indexer.worker_pool import WorkerPool
from kb.errors import KbError

#: Milliseconds: a burst of saves (a branch checked out) is one publish, a single save waits for no
#: other.
_BURST, _STEP = 400, 40
_EVERY_HOUR = 3_600_000  # without an edit an article may still expire


def watch_changes(order: IndexOptions, stop: threading.Event | None = None) -> Iterator[set[Path]]:
    """Yields the files below the sources' folders that have changed, and every hour none. Ends at
    Ctrl-C or with ``stop``."""
    from watchfiles import DefaultFilter, watch

    data = order.data.resolve()

    class Ours(DefaultFilter):
        def __call__(self, change: object, path: str) -> bool:
            return super().__call__(change, path) and not Path(path).is_relative_to(data)  # type: ignore[arg-type]

    folders = {source.limit for source in order.sources}
    folders |= {file.resolve().parent for file in (order.golden, order.curations) if file}
    seen = watch(
        *sorted(folders), watch_filter=Ours(), debounce=_BURST, step=_STEP, rust_timeout=_EVERY_HOUR,
        yield_on_timeout=True, stop_event=stop, raise_interrupt=False,
    )  # fmt: skip
    for batch in seen:
        yield {Path(path) for _, path in batch}


def publish_changes(
    order: IndexOptions, seen: Iterable[object], *, told: Callable[[Report], None], failed: Callable[[str], None],
    today: Callable[[], dt.date],
) -> None:  # fmt: skip
    """Publish once for each of ``seen``; ``told`` gets each report, ``failed`` the sentence of what
    went wrong.
    """
    with contextlib.ExitStack() as opened:
        pool = _crew(opened)
        for _ in seen:
            try:
                told(pipeline.run_index(replace(order, today=today(), full=False), pool=pool))
            except KbError as error:
                failed(error.sentence)
                pool = _crew(opened)  # the old one may still be reading what was asked


def _crew(opened: contextlib.ExitStack) -> WorkerPool:
    opened.close()
    pool = opened.enter_context(WorkerPool(1))
    pool.start()
    return pool
