"""Progress of a run: for people on a terminal or in a log, and for programs."""

from __future__ import annotations

import sys
import time

import click

from indexer.report import Progress


class ProgressBar:
    """A bar with count, rate, and file on a terminal; elsewhere a line now and then, on stderr."""

    _WIDTH = 24
    _REDRAW_SECONDS = 0.1
    _LINE_SECONDS = 10.0
    _MAX_NAME = 50

    def __init__(self, terminal: bool) -> None:
        self._terminal = terminal
        self._stage = ""
        self._started = 0.0
        self._last_shown = 0.0

    def show(self, stage: str, done: int, total: int, what: str) -> None:
        now = time.monotonic()
        if stage != self._stage:
            self._stage = stage
            self._started = now
            # The bar is drawn at once; a stage of less than a line's interval needs no line.
            self._last_shown = 0.0 if self._terminal else now

        interval = self._REDRAW_SECONDS if self._terminal else self._LINE_SECONDS
        is_last = self._terminal and done >= total
        if now - self._last_shown < interval and not is_last:
            return
        self._last_shown = now

        rate = done / (now - self._started) if now > self._started else 0.0
        if self._terminal:
            filled = self._WIDTH * done // max(total, 1)
            bar = "#" * filled + "-" * (self._WIDTH - filled)
            self._draw(f"{stage} [{bar}] {done}/{total} {rate:.0f}/s {what[-self._MAX_NAME :]}")
        else:
            click.echo(f"{stage}: {done} of {total} ({rate:.0f}/s) {what}", err=True)

    def end(self) -> None:
        if self._terminal and self._stage:
            self._draw("")

    @staticmethod
    def _draw(line: str) -> None:
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()


class ThrottledProgress:
    """Passes progress on: the first and the last of each stage, and otherwise a few a second."""

    _INTERVAL_SECONDS = 0.25

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._stage = ""
        self._last_passed = 0.0

    def show(self, stage: str, done: int, total: int, what: str) -> None:
        now = time.monotonic()
        is_soon = now - self._last_passed < self._INTERVAL_SECONDS
        if stage == self._stage and done < total and is_soon:
            return
        self._stage = stage
        self._last_passed = now
        self._progress(stage, done, total, what)
