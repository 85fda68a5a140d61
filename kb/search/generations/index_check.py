"""Index check: once a day the published generation is read whole, aside from visitors.

Disks damage files that nobody has written to. The portal opens a generation without reading it, so
on each machine somebody has to look: the worker, or whoever pulls the index. Where a file is not
what was published, portals fall back to the generation before (see ``verification``).
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Callable

LOG = logging.getLogger(__name__)
_EVERY = dt.timedelta(days=1)


class IndexCheck:
    """``find_problem`` reads it and says what is wrong; the first check is due at once."""

    def __init__(self, find_problem: Callable[[], str]) -> None:
        self._find_problem = find_problem
        self._started_at: dt.datetime | None = None
        self._thread: threading.Thread | None = None

    def start_if_due(self, now: dt.datetime) -> None:
        if self._started_at is not None and now - self._started_at < _EVERY:
            return
        self._started_at = now
        self._thread = threading.Thread(target=self._check, name="index check", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Return when the check in progress has ended."""
        if self._thread is not None:
            self._thread.join()

    def _check(self) -> None:
        problem = self._find_problem()
        if problem:
            LOG.error("%s", problem)
