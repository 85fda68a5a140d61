"""Which tests use the most CPU time: tables at the end of a run with ``--processor-time``.

They count the test's own process and the processes that it starts (browsers, servers, commands).
pytest's ``--durations`` shows wall time instead, most of which tests spend waiting for something,
or for each other.
"""

from __future__ import annotations

import os
import resource
import time
from collections import defaultdict
from collections.abc import Generator, Mapping
from pathlib import Path, PurePath

import pytest

_SLOWEST = 20
_PROPERTY = "processor_seconds"


def processor_seconds() -> float:
    """Of this process and of all that it started, whether they still run or not."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime + _running(os.getpid())


def _running(process: int) -> float:
    """Of the descendants that still run, and of their children that ended; only on Linux."""
    seconds = 0.0
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            for child in map(int, children.read_text().split()):
                fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
                seconds += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
                seconds += _running(child)
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
    return seconds


def by_folder(tests: Mapping[str, float]) -> dict[str, float]:
    """The seconds of each folder under ``tests``."""
    folders: dict[str, float] = defaultdict(float)
    for name, seconds in tests.items():
        folders["/".join(PurePath(name.partition("::")[0]).parts[:2])] += seconds
    return folders


class ProcessorTime:
    """A plugin: measures each phase of a test where it runs, and adds up what the reports say."""

    def __init__(self) -> None:
        self._before = processor_seconds()
        self._tests: dict[str, float] = defaultdict(float)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        now = processor_seconds()
        # The CPU time of a browser that is killed is lost.
        report.user_properties.append((_PROPERTY, max(0.0, now - self._before)))
        self._before = now
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._tests[report.nodeid] += float(str(dict(report.user_properties)[_PROPERTY]))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("CPU seconds by folder")
        total = {"all tests, without starting pytest": sum(self._tests.values())}
        _print_largest(terminalreporter, by_folder(self._tests) | total)
        terminalreporter.section(f"the {_SLOWEST} tests with the most CPU seconds")
        _print_largest(terminalreporter, self._tests, _SLOWEST)


def _print_largest(
    reporter: pytest.TerminalReporter, seconds: Mapping[str, float], count: int | None = None
) -> None:
    for name in sorted(seconds, key=lambda name: -seconds[name])[:count]:
        reporter.line(f"{seconds[name]:8.1f}  {name}")
