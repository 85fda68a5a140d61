"""The programs that run for as long as the portal does: `kb worker` and `kb metrics`.

One that ends by itself is started again after a pause, which grows while it keeps ending, so that a
fault which lasts costs neither the processor nor the log. Each end is logged and recorded, for
``/readyz`` and ``kb doctor``.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType

from kb.database import DatabaseLocation, open_database
from kb.errors import KbError
from kb.jobs.index_runner import KB_COMMAND
from kb.operations import heartbeats
from kb.operations.logs import facts
from webapp.context import utc_now

LOG = logging.getLogger(__name__)

#: Seconds before the first restart; each further one waits twice as long, up to the second figure.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
#: Seconds after which a program that ends is taken to have been well: the pauses begin anew.
WELL_AFTER = 600.0
_STOP_SECONDS = 15.0  # for a program to finish its job when the portal stops


def companion_command(name: str) -> tuple[str, ...]:
    """A command that ends when its standard input does: with the portal, however that ends."""
    return (*KB_COMMAND, name, "--attached")


class Companion:
    """Runs a command for the length of a ``with`` block. ``ended`` is told of every end that nobody
    asked for.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        ended: Callable[[], None],
        *,
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        self._name = name
        self._command = command
        self._ended = ended
        self._first_pause = first_pause
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process = self._start()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Companion:
        self._watcher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._stopping.set()
            process = self._process
        _close_input(process)
        self._watcher.join(_STOP_SECONDS)
        if process.poll() is None:
            process.kill()
            process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        # Ctrl-C in the terminal reaches the server alone, which then stops its companions.
        return subprocess.Popen(  # noqa: S603 - our own program
            self._command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _watch(self) -> None:
        # The server waits for Ctrl-C in a thread of its own, which must be the one that gets it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        pause = self._first_pause
        while True:
            began = time.monotonic()
            code = self._process.wait()
            _close_input(self._process)
            if self._stopping.is_set():
                return
            if time.monotonic() - began > WELL_AFTER:
                pause = self._first_pause
            LOG.error(
                "kb %s has ended by itself and is started again.",
                self._name,
                extra=facts(exit_code=code, pause_seconds=pause),
            )
            self._ended()
            if self._stopping.wait(pause):
                return
            pause = min(2 * pause, LONGEST_PAUSE)
            with self._lock:
                if self._stopping.is_set():
                    return
                self._process = self._start()


def _close_input(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()


def record_end(location: DatabaseLocation) -> None:
    """Records that the worker has ended by itself. A database that can't be written is logged."""
    try:
        with contextlib.closing(open_database(location)) as database:
            heartbeats.beat(database, heartbeats.WORKER_ENDED, utc_now())
    except KbError as error:
        LOG.warning("%s", error.sentence)
