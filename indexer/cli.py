"""`kb index` and `kb check`: read what editors wrote, publish it, or say what they should mend.

One call into ``pipeline`` and printing. Progress goes to stderr: a bar on a terminal, a line now
and then elsewhere.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from indexer import pipeline
from indexer.report import Report
from indexer.sources import walk
from kb.errors import Invalid, KbError
from kb.search.generations.previews import PreviewFile
from kb.settings import Settings, load_settings

if TYPE_CHECKING:
    from indexer.lint.lint import Issue


_FOLDERS = (("doc", "docs"), ("faq", "faq"), ("forum", "forum"))


class _Index(click.Command):
    """`kb index KIND=PATH ...`, and what is done about published generations as its first word."""

    verbs: dict[str, click.Command]

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        verb = self.verbs.get(args[0]) if args else None
        if verb is not None:
            return verb.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        return super().invoke(ctx) if ctx.command is self else ctx.command.invoke(ctx)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, verb.get_short_help_str(100)) for name, verb in self.verbs.items()]
            )


_DATA = click.option(
    "--data", type=click.Path(file_okay=False), help="The data folder; default: KB_DATA."
)
_JSON = click.option(
    "--json", "as_json", is_flag=True, help="Print the whole answer as one JSON document."
)


@click.command(cls=_Index)
@click.argument("words", nargs=-1, metavar="[KIND=PATH]...")
@_DATA
@click.option("--full", is_flag=True, help="Read every file anew, changed or not.")
@click.option(
    "--check-only", is_flag=True, help="Read, build and check, publish nothing; exit 1 on findings."
)
@click.option(
    "--waiting",
    "look",
    is_flag=True,
    help="Only say what differs from what is published; exit 1 when it does.",
)
@click.option("--watch", is_flag=True, help="Go on, and publish each edit as soon as it is saved.")
@click.option("--rollback", "back", is_flag=True, help="The same as `kb index rollback`.")
@click.option(
    "--queries", type=click.Path(path_type=Path), metavar="FILE",
    help="With --check-only: compare the best suggestions for these queries too, one a line.",
)  # fmt: skip
@click.option(
    "--preview",
    is_flag=True,
    help="With --check-only: keep the articles that were read, for the editor's page.",
)
@click.option(
    "--progress-json",
    "for_program",
    is_flag=True,
    help="Progress as JSON lines on stdout, the report last.",
)
@_JSON
def index(
    words: tuple[str, ...], data: str | None, queries: Path | None, *, full: bool, check_only: bool, look: bool,
    watch: bool, back: bool, preview: bool, for_program: bool, as_json: bool,
) -> int:  # fmt: skip
    """Read files and publish them for search: KIND is doc, faq or forum, PATH a file or a folder.

    What a file is, Markdown, HTML, a Stack Exchange or Discourse export, is found out by itself.
    Without KIND=PATH the sources in KB_SOURCES are read, else docs, faq and forum of the content
    folder.
    """
    if preview and not check_only:
        raise click.UsageError("--preview goes with --check-only.")
    if for_program and watch:
        raise click.UsageError("--progress-json tells of one run; --watch never ends.")
    with _told(for_program), _tidy():
        settings = load_settings(data=data)
        if back:
            if words:
                raise click.UsageError(
                    "--rollback takes no other words; name one with `kb index rollback NAME`."
                )
            _roll_back(settings, None)
            return 0
        order = replace(_order(settings, words), full=full, check_only=check_only, look=look)
        order = replace(
            order,
            queries=_queries(queries),
            preview=PreviewFile.in_folder(settings.data).path if preview else None,
        )
        if watch:
            return _watch(order)
        report = (
            pipeline.run_index(order, progress=Paced(_say).show) if for_program else _run(order)
        )
    _say_all(report) if for_program else _print(report, as_json)
    differs = look and any(report.waiting.values())
    return (
        1 if report.refused or differs or (check_only and (report.skipped or report.failed)) else 0
    )


def _queries(path: Path | None) -> tuple[str, ...]:
    from indexer.publish.gate import read_queries

    try:
        return read_queries(path) if path else ()
    except OSError as error:
        raise Invalid(
            f"{path} cannot be read: {error.strerror}; give a file with one query a line."
        ) from None


@contextlib.contextmanager
def _told(for_program: bool) -> Iterator[None]:
    """For a program that follows the run, a failure is a line like progress is: {"error": ...,
    "code": ...}.
    """
    try:
        yield
    except KbError as error:
        if for_program:
            _line({"error": error.sentence, "code": error.code})
        raise


@contextlib.contextmanager
def _tidy() -> Iterator[None]:
    """Who is asked to end (a cancelled run is) takes away what was built aside, like one that a
    person interrupts.
    """

    def end(signum: int, _frame: object) -> None:
        raise SystemExit(128 + signum)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _say(stage: str, done: int, total: int, what: str) -> None:
    _line({"stage": stage, "done": done, "total": total, "what": what[:200]})


def _say_all(report: Report) -> None:
    _line({"report": report.json()})


def _line(facts: dict[str, Any]) -> None:
    click.echo(json.dumps(facts))
    sys.stdout.flush()


@click.command()
@_DATA
@_JSON
def generations(data: str | None, as_json: bool) -> int:
    """List the published generations that are kept; * marks the one that serves."""
    from kb.search.generations.generation import Generations

    rows = Generations(load_settings(data=data).data).history()
    if as_json:
        click.echo(json.dumps([row.json() for row in rows], indent=2))
        return 0 if rows else 1
    for row in rows:
        kinds = ", ".join(f"{count} {kind}" for kind, count in row.kinds)
        what = (
            f"{row.documents} documents ({kinds})"
            if row.sound
            else "damaged; run `kb index --full`"
        )
        click.echo(f"{'*' if row.serves else ' '} {row.name}  {row.created}  {what}")
    if not rows:
        click.echo("There is no generation yet; run `kb index`.", err=True)
    return 0 if rows else 1


@click.command()
@click.argument("name", required=False)
@_DATA
def rollback(name: str | None, data: str | None) -> int:
    """Let an older generation serve again: NAME, or the one before the one that serves."""
    _roll_back(load_settings(data=data), name)
    return 0


index.verbs = {"generations": generations, "rollback": rollback}


@click.command()
@click.argument("words", nargs=-1, metavar="[PATH | KIND=PATH]...")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
)
def check(words: tuple[str, ...], form: str) -> int:
    """Look for what editors should mend: links, addresses, pictures, titles, twins, versions. Exit
    1 on findings.

    PATH is a file, a folder of articles, or a content folder with docs, faq and forum; without it,
    what `kb index` reads. Nothing is published. --format github prints annotations for GitHub
    Actions.
    """
    from indexer.lint import lint

    settings = load_settings()
    order = _order(settings, [word for path in words for word in _checked(path)])
    bar = Bar(sys.stderr.isatty())
    try:
        problems = lint.check(
            order, catalogue=settings.content / "catalogue.toml", progress=bar.show
        )
    finally:
        bar.end()
    if form == "json":
        click.echo(
            json.dumps([asdict(problem) for problem in problems], ensure_ascii=False, indent=2)
        )
    for problem in problems if form != "json" else ():
        click.echo(_annotation(problem) if form == "github" else str(problem))
    click.echo(f"{len(problems)} to mend." if problems else "Nothing to mend.", err=True)
    return 1 if problems else 0


def _checked(path: str) -> list[str]:
    if "=" in path:
        return [path]
    inside = [
        f"{kind}={Path(path) / name}" for kind, name in _FOLDERS if (Path(path) / name).is_dir()
    ]
    return inside or [f"doc={path}"]


def _annotation(problem: Issue) -> str:
    """A workflow command of GitHub Actions."""
    where = f"file={problem.source}" + (f",line={problem.line}" if problem.line else "")
    text = (
        f"{problem.sentence} {problem.suggestion}".replace("%", "%25")
        .replace("\r", "%0D")
        .replace("\n", "%0A")
    )
    return f"::warning {where},title={problem.rule}::{text}"


def _roll_back(settings: Settings, name: str | None) -> None:
    from kb.search.generations.generation import Generations

    padded = name.zfill(6) if name and name.isdigit() else name
    found = Generations(settings.data).rollback(padded)
    click.echo(f"Generation {found.name} serves again: {found.manifest.documents} documents.")
    click.echo(
        "The next `kb index` publishes the files as they are then; mend them first.", err=True
    )


def _order(settings: Settings, words: Sequence[str]) -> pipeline.IndexOptions:
    found = _sources(tuple(words), settings)
    # Someone who names another tree on the command line does not mean the help centre's own
    # queries.
    content = Path(settings.content).resolve()
    ours = not words or any(source.path.is_relative_to(content) for source in found)
    return pipeline.IndexOptions(
        sources=found,
        data=settings.data,
        today=_today(),
        strict=bool(words or settings.sources),
        keep=settings.generations,
        golden=_existing(settings.content / "golden.toml") if ours else None,
        curations=_existing(settings.content / "curations.toml") if ours else None,
        gate=settings.publish_gate,
        drop=settings.publish_drop,
        semantic=settings.semantic,
    )


def _existing(path: Path) -> Path | None:
    return path if path.exists() else None


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def _run(order: pipeline.IndexOptions) -> Report:
    bar = Bar(sys.stderr.isatty())
    try:
        return pipeline.run_index(order, progress=bar.show)
    finally:
        bar.end()


def _watch(order: pipeline.IndexOptions) -> int:
    from indexer import watch

    def told(report: Report) -> None:
        if report.published or report.refused:
            for line in report.lines():
                click.echo(line)

    told(_run(order))
    click.echo("Watching for changes; Ctrl-C ends.", err=True)
    say: Callable[[str], None] = lambda sentence: click.echo(f"kb: {sentence}", err=True)  # noqa: E731
    watch.publish_changes(order, watch.watch_changes(order), told=told, failed=say, today=_today)
    return 0


def _sources(words: tuple[str, ...], settings: Settings) -> tuple[walk.Source, ...]:
    given = words or settings.sources
    if given:
        return walk.parse_sources(given, content=settings.content)
    folders = {kind: settings.content / name for kind, name in _FOLDERS}
    found = tuple(f"{kind}={folder}" for kind, folder in folders.items() if folder.exists())
    if not found:
        where = Path(settings.content).absolute()
        raise Invalid(
            f"{where} holds no docs, faq or forum folder; give KIND=PATH or set KB_CONTENT.",
            field="source",
        )
    return walk.parse_sources(found, content=settings.content)


def _print(report: Report, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(report.json(), ensure_ascii=False, indent=2))
        return
    for line in report.lines():
        click.echo(line)


class Paced:
    """Passes progress on, of each stage the first and the last and otherwise a few a second."""

    _EVERY = 0.25  # seconds

    def __init__(self, say: Callable[[str, int, int, str], None]) -> None:
        self._say = say
        self._stage, self._said = "", 0.0

    def show(self, stage: str, done: int, total: int, what: str) -> None:
        now = time.monotonic()
        if stage == self._stage and done < total and now - self._said < self._EVERY:
            return
        self._stage, self._said = stage, now
        self._say(stage, done, total, what)


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
        if now - self._shown < (0.1 if self._terminal else self._EVERY) and (
            done < total or not self._terminal
        ):
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
