"""A circuit breaker: while a server does not answer, only a few requests wait for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

#: Seconds during which a server that did not answer gets no further requests.
REST = 5.0


class Breaker:
    """Opens when a server does not answer in time; after ``rest`` seconds, lets one request try.

    A refusal does not open the breaker, because it takes no time. ``clock`` gives seconds.
    """

    def __init__(self, *, rest: float = REST, clock: Callable[[], float] = time.monotonic) -> None:
        self._rest = rest
        self._clock = clock
        self._lock = threading.Lock()
        self._open_until: float | None = None

    def allows(self) -> bool:
        """Whether to ask the server; after the rest, only the first caller may."""
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
