"""A breaker: while a server does not answer, few requests wait for it and the others do not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

#: How long nobody asks a server that has not answered, in seconds.
REST = 5.0


class Breaker:
    """Opens when a server has not answered in time, and lets one try again after ``rest`` seconds.

    A refusal needs no breaker: it costs nobody any time. ``clock`` gives seconds.
    """

    def __init__(self, *, rest: float = REST, clock: Callable[[], float] = time.monotonic) -> None:
        self._rest = rest
        self._clock = clock
        self._lock = threading.Lock()
        self._open_until: float | None = None

    def allows(self) -> bool:
        """Whether to ask the server. Of those who come after the rest, the first one tries."""
        if self._open_until is None:
            return True
        with self._lock:
            now = self._clock()
            if self._open_until is not None and now < self._open_until:
                return False
            self._open_until = now + self._rest
            return True

    def answered(self) -> None:
        self._open_until = None

    def timed_out(self) -> None:
        with self._lock:
            self._open_until = self._clock() + self._rest
