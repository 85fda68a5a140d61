"""How does a worker run the index for an editor, without knowing the indexer?

`kb index` in a process of its own, followed line by line: it may take all memory or die, and mails
go on. Its lease is renewed while it lives; when it is cancelled, or the worker must end, it is
stopped, and what was published stays. Not for what an index run does.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from kb.errors import Unavailable
from kb.jobs.index_runs import Run, RunKind, Runs

LOG = logging.getLogger(__name__)
#: `kb` under this very Python, whatever lies in the folder where the worker was started.
KB = (sys.executable, "-P", "-m", "kb")
ARGUMENTS: Mapping[RunKind, tuple[str, ...]] = {
    RunKind.LOOK: ("index", "--waiting"),
    RunKind.CHECK: ("index", "--check-only", "--preview"),
    RunKind.PUBLISH: ("index",),
}
_BEAT = 1.0  # seconds between two notes of progress
_PATIENCE = 10.0  # seconds in which a process that was asked to end may do so
LISTED = 200  # files, findings and changed answers that a report keeps
_LONGEST_LINE = 64 * 1024 * 1024


class Runner:
    """One run at a time, in a thread. ``clock`` tells the time while it is under way."""

    def __init__(
        self,
        runs: Runs,
        data: Path,
        *,
        clock: Callable[[], dt.datetime],
        command: Sequence[str] = KB,
    ) -> None:
        self._runs = runs
        self._data = data
        self._clock = clock
        self._command = tuple(command)
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def tend(self) -> bool:
        """Begins the run that waits, if one does; whether one is under way. Raises Unavailable."""
        if self._thread is not None and self._thread.is_alive():
            return True
        run = self._runs.claim(self._clock())
        if run is None:
            return False
        LOG.info("%s, ordered by %s, begins", run.kind, run.by)
        self._thread = threading.Thread(target=self._follow, args=(run,), name="kb-run")
        self._thread.start()
        return True

    def wait(self) -> None:
        """Returns when no run is under way."""
        if self._thread is not None:
            self._thread.join()

    def stop(self) -> None:
        """Ends what is under way; it waits for another worker."""
        self._ending.set()
        self.wait()

    def _follow(self, run: Run) -> None:
        try:
            self._ended(run, *self._run(run))
        except (OSError, Unavailable) as error:
            # The lease runs out, and whoever claims the run then does it anew.
            LOG.warning("%s could not be followed: %s", run.kind, error)

    def _run(self, run: Run) -> tuple[dict[str, Any], int]:
        """The last line that the process said, and how it ended: its exit code, or minus the number
        of a signal.
        """
        arguments = [*ARGUMENTS[run.kind], *(["--full"] if run.whole else [])]
        command = [
            *self._command,
            *arguments,
            "--progress-json",
            "--data",
            str(self._data.resolve()),
        ]
        # A Ctrl-C in the terminal is for the worker alone, which then ends its run in order.
        child = subprocess.Popen(  # noqa: S603 - our own program; nothing in it comes from a request
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True
        )
        last: dict[str, Any] = {}
        with child:
            if child.stdout is not None:
                for line in _lines(child.stdout):
                    last = line or last
                    if not self._goes_on(run, last):
                        return {"stopped": True}, _end(child)
        return last, child.returncode

    def _goes_on(self, run: Run, line: Mapping[str, Any]) -> bool:
        if self._ending.is_set():
            return False
        try:
            stage, done, total = (
                str(line.get("stage", "")),
                int(line.get("done", 0)),
                int(line.get("total", 0)),
            )
            return self._runs.alive(run, stage, done, total, now=self._clock())
        except Unavailable as error:
            LOG.warning("the progress of %s was not saved: %s", run.kind, error.sentence)
            return True

    def _ended(self, run: Run, last: Mapping[str, Any], code: int) -> None:
        if "stopped" in last:
            self._runs.give_back(run, "Its worker was stopped; the next one begins it anew.")
        elif last.get("code") == "conflict":
            self._runs.give_back(run, f"{last['error']} This run waits for it.")
        else:
            state, sentence, report = outcome(run.kind, last, code)
            LOG.info("%s: %s", run.kind, sentence)
            self._runs.finish(run, state, sentence, report, now=self._clock())


def outcome(kind: RunKind, last: Mapping[str, Any], code: int) -> tuple[str, str, dict[str, Any]]:
    """(state, sentence, report) from the ``last`` line that the process said and how it ended."""
    if "error" in last:
        return "failed", str(last["error"]), {}
    report = last.get("report")
    if not isinstance(report, dict):
        with contextlib.suppress(ValueError):
            name = signal.Signals(-code).name
            return (
                "failed",
                f"The run was ended by {name}; see the log of kb worker. What was published stays.",
                {},
            )
        sentence = f"The run ended with code {code} before it was done; see the log of kb worker."
        return "failed", f"{sentence} What was published stays.", {}
    refused = report.get("refused", [])
    if kind is RunKind.PUBLISH and refused:
        return "failed", f"Not published: {refused[0]}", _bounded(report)
    return "done", _SENTENCES[kind](report), _bounded(report)


def _looked(report: Mapping[str, Any]) -> str:
    files, other = report["files"], report["waiting"].get("other", [])
    differ = files["added"] + files["changed"] + files["removed"]
    if not differ and not other:
        return f"Nothing differs from generation {report['generation']}."
    counts = ", ".join(f"{files[name]} {name}" for name in ("added", "changed", "removed"))
    said = (
        f"{differ} {'file differs' if differ == 1 else 'files differ'}: {counts}."
        if differ
        else "No file differs."
    )
    return " ".join((said, *other))


def _checked(report: Mapping[str, Any]) -> str:
    if report["refused"]:
        return f"It could not be published: {report['refused'][0]}"
    if not any(report["waiting"].values()):
        return _looked(report)
    changed, compared = len(report["changes"]), report["compared"]
    if not compared:
        return "It can be published. There was no query to compare; golden.toml names some."
    return f"It can be published. {changed} of {compared} queries would be answered differently."


def _published(report: Mapping[str, Any]) -> str:
    if report["published"]:
        return f"Generation {report['generation']} is published: {report['documents']} documents."
    return f"Nothing differed; generation {report['generation']} stays."


_SENTENCES: Mapping[RunKind, Callable[[Mapping[str, Any]], str]] = {
    RunKind.LOOK: _looked,
    RunKind.CHECK: _checked,
    RunKind.PUBLISH: _published,
}


def _bounded(report: Mapping[str, Any]) -> dict[str, Any]:
    """A report that fits into a row; the counts in it stay those of the whole."""
    kept = {
        name: value[:LISTED] if isinstance(value, list) else value for name, value in report.items()
    }
    waiting = {name: files[:LISTED] for name, files in report.get("waiting", {}).items()}
    return kept | {"waiting": waiting, "changed_answers": len(report.get("changes", []))}


def _lines(pipe: IO[bytes]) -> Iterator[dict[str, Any]]:
    """JSON objects as they are said, and at least once in a beat: an empty one when there is
    nothing new.
    """
    waiting, told = bytearray(), 0.0
    newest: dict[str, Any] = {}
    while True:
        ready, _, _ = select.select([pipe], [], [], _BEAT)
        data = os.read(pipe.fileno(), 1 << 16) if ready else None
        if data == b"":
            if newest:
                yield newest
            return
        waiting += data or b""
        *whole, rest = bytes(waiting).split(b"\n")
        waiting = bytearray(rest[:_LONGEST_LINE])
        for line in whole:
            newest = _object(line) or newest
        if time.monotonic() - told >= _BEAT:
            told = time.monotonic()
            yield newest
            newest = {}


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _end(child: subprocess.Popen[bytes]) -> int:
    child.terminate()
    try:
        return child.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()
