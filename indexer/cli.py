"""`kb index`: read what editors wrote and publish it.

One call into ``pipeline`` and printing. Progress goes to stderr: a bar on a terminal, a line now and then elsewhere.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from pathlib import Path

import click

from indexer import pipeline, sources
from indexer.report import Report
from kb.errors import Invalid
from kb.settings import Settings, load


@click.command()
@click.argument("words", nargs=-1, metavar="[KIND=PATH]...")
@click.option("--data", type=click.Path(file_okay=False), help="The data folder; default: KB_DATA.")
@click.option("--full", is_flag=True, help="Read every file anew, changed or not.")
@click.option("--check-only", is_flag=True, help="Read and report, publish nothing; exit 1 when files were left out.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole report as one JSON document.")
def index(words: tuple[str, ...], data: str | None, full: bool, check_only: bool, as_json: bool) -> int:
    """Read files and publish them for search: KIND is doc, faq or forum, PATH a file or a folder.

    What a file is, Markdown, HTML, a Stack Exchange or Discourse export, is found out by itself. Without KIND=PATH the
    sources in KB_SOURCES are read, else docs, faq and forum of the content folder.
    """
    settings = load(data=data)
    order = pipeline.Order(
        sources=_sources(words, settings),
        data=settings.data,
        today=dt.datetime.now(dt.UTC).date(),
        full=full,
        check_only=check_only,
        strict=bool(words or settings.sources),
        keep=settings.generations,
    )
    bar = Bar(sys.stderr.isatty())
    try:
        report = pipeline.run(order, progress=bar.show)
    finally:
        bar.end()
    _print(report, as_json)
    return 1 if check_only and report.skipped else 0


def _sources(words: tuple[str, ...], settings: Settings) -> tuple[sources.Source, ...]:
    given = words or settings.sources
    if given:
        return sources.parse(given, content=settings.content)
    folders = {kind: settings.content / name for kind, name in (("doc", "docs"), ("faq", "faq"), ("forum", "forum"))}
    found = tuple(f"{kind}={folder}" for kind, folder in folders.items() if folder.exists())
    if not found:
        where = Path(settings.content).absolute()
        raise Invalid(f"{where} holds no docs, faq or forum folder; give KIND=PATH or set KB_CONTENT.", field="source")
    return sources.parse(found, content=settings.content)


def _print(report: Report, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(report.json(), ensure_ascii=False, indent=2))
        return
    for line in report.lines():
        click.echo(line)


class Bar:
    """Progress for people: what is done, how many, how fast, and which file."""

    _WIDTH = 24
    _EVERY = 10.0  # seconds between lines where there is no terminal

    def __init__(self, terminal: bool) -> None:
        self._terminal = terminal
        self._stage, self._started, self._shown = "", 0.0, 0.0

    def show(self, stage: str, done: int, total: int, what: str) -> None:
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._started, self._shown = stage, now, now if not self._terminal else 0.0
        if now - self._shown < (0.1 if self._terminal else self._EVERY) and (done < total or not self._terminal):
            return
        self._shown = now
        rate = done / (now - self._started) if now > self._started else 0.0
        if self._terminal:
            filled = self._WIDTH * done // max(total, 1)
            bar = "#" * filled + "-" * (self._WIDTH - filled)
            self._draw(f"{stage} [{bar}] {done}/{total} {rate:.0f}/s {what[-50:]}")
        else:
            click.echo(f"{stage}: {done} of {total} ({rate:.0f}/s) {what}", err=True)

    def end(self) -> None:
        if self._terminal and self._stage:
            self._draw("")

    @staticmethod
    def _draw(line: str) -> None:
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()
