"""The index runner: carries out an editor's index run as a process of its own, `kb index`.

A process may use up the memory or die while mails go on. It is followed line by line: each sign of
life renews the lease of the run. A run that is cancelled, or whose worker must end, is stopped, and
what was published before stays live. What an index run does is the business of ``indexer``.
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
from kb.jobs.index_runs import IndexRun, IndexRunKind, IndexRuns

LOG = logging.getLogger(__name__)
#: `kb` under this very Python, whatever is in the folder where the worker was started.
KB_COMMAND = (sys.executable, "-P", "-m", "kb")
_ARGUMENTS: Mapping[IndexRunKind, tuple[str, ...]] = {
    IndexRunKind.LOOK: ("index", "--waiting"),
    IndexRunKind.CHECK: ("index", "--check-only", "--preview"),
    IndexRunKind.PUBLISH: ("index",),
}
_PROGRESS_INTERVAL = 1.0  # seconds
_TERMINATION_TIMEOUT = 10.0  # seconds for the process to end when it is asked to
MAX_REPORTED_ITEMS = 200  # of each list in a report: files, issues, changed answers
_MAX_LINE_LENGTH = 64 * 1024 * 1024  # bytes


class IndexRunner:
    """One run at a time, in a thread. ``clock`` gives the time while it is in progress."""

    def __init__(
        self,
        runs: IndexRuns,
        data: Path,
        *,
        clock: Callable[[], dt.datetime],
        command: Sequence[str] = KB_COMMAND,
    ) -> None:
        self._runs = runs
        self._data = data
        self._clock = clock
        self._command = tuple(command)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start_waiting_run(self) -> bool:
        """Starts the run that waits, if any; whether a run is in progress. Raises Unavailable."""
        if self._thread is not None and self._thread.is_alive():
            return True

        run = self._runs.claim(self._clock())
        if run is None:
            return False

        LOG.info("Starting %s, ordered by %s", run.kind, run.by)
        self._thread = threading.Thread(target=self._carry_out, args=(run,), name="kb-index-run")
        self._thread.start()
        return True

    def wait(self) -> None:
        """Returns once no run is in progress."""
        if self._thread is not None:
            self._thread.join()

    def stop(self) -> None:
        """Stops the run in progress, which then waits for another worker."""
        self._stopping.set()
        self.wait()

    def _carry_out(self, run: IndexRun) -> None:
        try:
            last_line, exit_code = self._follow_process(run)
            self._save_result(run, last_line, exit_code)
        except (OSError, Unavailable) as error:
            # The lease runs out, and the worker that claims the run then starts it again.
            LOG.warning("Lost track of %s: %s", run.kind, error)

    def _follow_process(self, run: IndexRun) -> tuple[dict[str, Any] | None, int]:
        """The last line of the process, None when we stopped it, and its exit code."""
        command = [*self._command, *_ARGUMENTS[run.kind]]
        if run.whole:
            command.append("--full")
        if run.allow_public:
            command.append("--allow-newly-public")
        command += ["--progress-json", "--data", str(self._data.resolve())]

        # In a session of its own: Ctrl-C in the terminal ends the worker, which ends its run.
        process = subprocess.Popen(  # noqa: S603 - our own program; no argument is from a request
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True
        )
        last_line: dict[str, Any] = {}
        with process:
            if process.stdout is not None:
                for line in _progress_lines(process.stdout):
                    last_line = line or last_line
                    if not self._renew(run, last_line):
                        return None, end_process(process)
        return last_line, process.returncode

    def _renew(self, run: IndexRun, line: Mapping[str, Any]) -> bool:
        if self._stopping.is_set():
            return False
        stage, done, total = line.get("stage", ""), line.get("done", 0), line.get("total", 0)
        try:
            return self._runs.renew(run, str(stage), int(done), int(total), now=self._clock())
        except Unavailable as error:
            LOG.warning("The progress of %s was not saved: %s", run.kind, error.sentence)
            return True

    def _save_result(
        self, run: IndexRun, last_line: Mapping[str, Any] | None, exit_code: int
    ) -> None:
        if last_line is None:
            self._runs.release(run, "The worker was stopped. The next one starts the run again.")
        elif last_line.get("code") == "conflict":
            self._runs.release(run, f"{last_line['error']} This run waits for it.")
        else:
            state, message, report = run_result(run.kind, last_line, exit_code)
            LOG.info("%s: %s", run.kind, message)
            self._runs.finish(run, state, message, report, now=self._clock())


def run_result(
    kind: IndexRunKind, last_line: Mapping[str, Any], exit_code: int
) -> tuple[str, str, dict[str, Any]]:
    """State, message and report of a run whose process has ended.

    ``exit_code`` is minus the number of a signal for a process that was killed.
    """
    if "error" in last_line:
        return "failed", str(last_line["error"]), {}

    report = last_line.get("report")
    if not isinstance(report, dict):
        cause = f"ended early with exit code {exit_code}"
        with contextlib.suppress(ValueError):
            cause = f"was killed by {signal.Signals(-exit_code).name}"
        return (
            "failed",
            f"The run {cause}. See the log of kb worker. Published content stays live.",
            {},
        )

    refused = report.get("refused", [])
    if kind is IndexRunKind.PUBLISH and refused:
        return "failed", f"Not published: {refused[0]}", _shortened(report)
    return "done", _MESSAGES[kind](report), _shortened(report)


def _look_message(report: Mapping[str, Any]) -> str:
    files, notes = report["files"], report["waiting"].get("other", [])
    changed = files["added"] + files["changed"] + files["removed"]
    if not changed and not notes:
        return f"No changes since generation {report['generation']}."

    if changed:
        counts = ", ".join(f"{files[name]} {name}" for name in ("added", "changed", "removed"))
        message = f"{changed} {'file' if changed == 1 else 'files'} changed: {counts}."
    else:
        message = "No files changed."
    return " ".join((message, *notes))


def _check_message(report: Mapping[str, Any]) -> str:
    if report["refused"]:
        return f"Cannot be published: {report['refused'][0]}"
    if not any(report["waiting"].values()):
        return _look_message(report)

    changed, compared = len(report["changes"]), report["compared"]
    if not compared:
        return "Ready to publish. There were no queries to compare; add some to golden.toml."
    return f"Ready to publish. The results of {changed} of {compared} queries would change."


def _publish_message(report: Mapping[str, Any]) -> str:
    if report["published"]:
        return f"Published generation {report['generation']} with {report['documents']} documents."
    return f"No changes; generation {report['generation']} stays live."


_MESSAGES: Mapping[IndexRunKind, Callable[[Mapping[str, Any]], str]] = {
    IndexRunKind.LOOK: _look_message,
    IndexRunKind.CHECK: _check_message,
    IndexRunKind.PUBLISH: _publish_message,
}


def _shortened(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report with lists that fit into a row; its counts stay those of the whole."""
    shortened: dict[str, Any] = {
        name: value[:MAX_REPORTED_ITEMS] if isinstance(value, list) else value
        for name, value in report.items()
    }
    shortened["waiting"] = {
        name: files[:MAX_REPORTED_ITEMS] for name, files in report.get("waiting", {}).items()
    }
    shortened["changed_answers"] = len(report.get("changes", []))
    return shortened


def _progress_lines(pipe: IO[bytes]) -> Iterator[dict[str, Any]]:
    """The newest JSON object of the process in each interval, an empty one when there is none."""
    buffer, yielded_at = b"", 0.0
    newest: dict[str, Any] = {}
    while True:
        ready, _, _ = select.select([pipe], [], [], _PROGRESS_INTERVAL)
        data = os.read(pipe.fileno(), 1 << 16) if ready else None
        if data == b"":
            if newest:
                yield newest
            return

        *lines, buffer = (buffer + (data or b"")).split(b"\n")
        buffer = buffer[:_MAX_LINE_LENGTH]
        for line in lines:
            newest = _json_object(line) or newest

        if time.monotonic() - yielded_at >= _PROGRESS_INTERVAL:
            yielded_at = time.monotonic()
            yield newest
            newest = {}


def _json_object(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def end_process(process: subprocess.Popen[bytes]) -> int:
    """Ends a process of ours, gently if it goes; its exit code."""
    process.terminate()
    try:
        return process.wait(_TERMINATION_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
