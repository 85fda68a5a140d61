"""`kb index` and `kb check`: publish what editors wrote, or report what they need to correct.

Each command is one call into ``pipeline`` or ``lint``, and printing. Progress goes to stderr; with
--progress-json it goes to stdout, for a program that follows the run.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from indexer.pipeline import IndexOptions, run_index
from indexer.progress import ProgressBar, ThrottledProgress
from indexer.publish.media import MEDIA_FOLDER
from indexer.report import Report
from indexer.sources.walk import Source, parse_sources
from kb.blobs import open_store
from kb.cli_options import data_option, json_option, site_option
from kb.database import DatabaseLocation
from kb.errors import Invalid, KbError, Misconfigured
from kb.operations.audit import Action, record_command
from kb.search.generations.previews import PreviewFile
from kb.settings import Settings, load_settings
from kb.site.data_folder import claim_data_folder
from kb.site.site_file import load_site

if TYPE_CHECKING:
    from indexer.lint.checks import Issue
    from kb.search.generations.replicas import Transfer

#: (kind, folder of the content folder)
_CONTENT_FOLDERS = (("doc", "docs"), ("faq", "faq"), ("forum", "forum"))
_MAX_PROGRESS_NAME = 200


class _IndexCommand(click.Command):
    """`kb index KIND=PATH ...`, with sub-commands for published generations as its first word."""

    subcommands: dict[str, click.Command]

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        subcommand = self.subcommands.get(args[0]) if args else None
        if subcommand is not None:
            name = f"{info_name} {args[0]}"
            return subcommand.make_context(name, args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        return super().invoke(ctx) if ctx.command is self else ctx.command.invoke(ctx)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        rows = [(name, sub.get_short_help_str(100)) for name, sub in self.subcommands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


# --- kb index


@click.command(cls=_IndexCommand)
@click.argument("words", nargs=-1, metavar="[KIND=PATH]...")
@site_option
@data_option
@click.option("--full", is_flag=True, help="Read all files, changed or not.")
@click.option(
    "--check-only",
    is_flag=True,
    help="Read, build, and check, but publish nothing. The exit code is 1 if there are findings.",
)
@click.option(
    "--waiting",
    "compare_only",
    is_flag=True,
    help="Only report what differs from the live generation. The exit code is 1 if it differs.",
)
@click.option(
    "--watch", is_flag=True, help="Keep running, and publish each edit as soon as it is saved."
)
@click.option("--rollback", "roll_back", is_flag=True, help="The same as `kb index rollback`.")
@click.option(
    "--queries",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="With --check-only: also compare the best suggestions for these queries, one per line.",
)
@click.option(
    "--preview",
    is_flag=True,
    help="With --check-only: keep the articles that were read, for the editor's page.",
)
@click.option(
    "--allow-newly-public",
    is_flag=True,
    help="Publish even if pages become public, which KB_NEWLY_PUBLIC=ask refuses.",
)
@click.option(
    "--progress-json",
    is_flag=True,
    help="Print progress as JSON lines on stdout, and the report as the last line.",
)
@json_option
def index(
    words: tuple[str, ...],
    site: str | None,
    data: str | None,
    queries: Path | None,
    *,
    full: bool,
    check_only: bool,
    compare_only: bool,
    watch: bool,
    roll_back: bool,
    preview: bool,
    allow_newly_public: bool,
    progress_json: bool,
    as_json: bool,
) -> int:
    """Read files and publish them for search: KIND is doc, faq, or forum, PATH a file or a folder.

    The format of each file is detected: Markdown, HTML, a Stack Exchange or Discourse export, and
    others. KIND@AUDIENCE=PATH sets the audience of pages that name none. Without KIND=PATH the
    sources in KB_SOURCES are read, else docs, faq, and forum of the content folder.
    """
    if preview and not check_only:
        raise click.UsageError("--preview requires --check-only.")
    if progress_json and watch:
        raise click.UsageError("--progress-json reports one run; it cannot be used with --watch.")

    with _errors_as_json(progress_json), _exit_on_sigterm():
        settings = load_settings(site=site, data=data)
        if settings.site:
            claim_data_folder(settings.data, Path(settings.site))
        if roll_back:
            if words:
                raise click.UsageError(
                    "--rollback takes no sources. To name a generation, use "
                    "`kb index rollback NAME`."
                )
            _roll_back(settings, None)
            return 0

        options = replace(
            _options(settings, words),
            full=full,
            check_only=check_only,
            compare_only=compare_only,
            queries=_read_queries(queries),
            ask_for_public=settings.newly_public == "ask" and not allow_newly_public,
            preview=PreviewFile.in_folder(settings.data).path if preview else None,
        )
        if watch:
            return _watch(options)
        if progress_json:
            report = run_index(options, progress=ThrottledProgress(_print_progress).show)
            _record_publish(options.database_location, report)
            _print_json_line({"report": report.json()})
        else:
            report = _run(options)
            _print_report(report, as_json)
            if options.ask_for_public and report.newly_public and not as_json:
                click.echo("To agree to it, run `kb index --allow-newly-public`.", err=True)

    has_findings = bool(report.skipped or report.failed)
    is_different = any(report.waiting.values())
    failed = report.refused or (compare_only and is_different) or (check_only and has_findings)
    return 1 if failed else 0


def _options(settings: Settings, words: Sequence[str]) -> IndexOptions:
    sources = _sources(words, settings)
    content = Path(settings.content).resolve()
    golden = settings.content / "golden.toml"
    curations = settings.content / "curations.toml"
    # Whoever names another tree on the command line does not mean the help centre's own queries.
    is_content = not words or any(source.path.is_relative_to(content) for source in sources)
    return IndexOptions(
        sources=sources,
        data=settings.data,
        cluster=settings.search_cluster,
        database=settings.database_location,
        today=_today(),
        strict=bool(words or settings.sources),
        keep=settings.generations,
        golden=golden if is_content and golden.exists() else None,
        curations=curations if is_content and curations.exists() else None,
        front_matter=load_site(settings.content).front_matter if is_content else {},
        gate=settings.publish_gate,
        drop=settings.publish_drop,
        meaning=settings.meaning,
        vote_customers=settings.vote_customers,
        false_suggestions=settings.false_suggestions,
    )


def _sources(words: Sequence[str], settings: Settings) -> tuple[Source, ...]:
    """The sources that are named, else those in KB_SOURCES, else the content folder's."""
    named = words or settings.sources
    if not named:
        folders = ((kind, settings.content / name) for kind, name in _CONTENT_FOLDERS)
        named = [f"{kind}={folder}" for kind, folder in folders if folder.exists()]
    if not named:
        content = Path(settings.content).absolute()
        raise Invalid(
            f"{content} has no docs, faq, or forum folder. Name sources as KIND=PATH, or set "
            "KB_SITE.",
            field="source",
        )
    return parse_sources(named, content=settings.content)


def _read_queries(path: Path | None) -> tuple[str, ...]:
    if path is None:
        return ()
    from indexer.publish.gate import read_queries

    try:
        return read_queries(path)
    except OSError as error:
        raise Invalid(
            f"Cannot read {path}: {error.strerror}. Use a file with one query per line."
        ) from None


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def _run(options: IndexOptions) -> Report:
    bar = ProgressBar(sys.stderr.isatty())
    try:
        report = run_index(options, progress=bar.show)
    finally:
        bar.end()
    _record_publish(options.database_location, report)
    return report


def _record_publish(location: DatabaseLocation, report: Report) -> None:
    if report.published:
        now = dt.datetime.now(dt.UTC)
        target = f"generation:{report.generation}"
        record_command(location, Action.PUBLISHED, target, now=now, documents=str(report.documents))


def _watch(options: IndexOptions) -> int:
    from indexer.watch import publish_changes, watch_changes

    def report_publish(report: Report) -> None:
        _record_publish(options.database_location, report)
        if report.published or report.refused:
            _print_report(report, as_json=False)

    def report_failure(sentence: str) -> None:
        click.echo(f"kb: {sentence}", err=True)

    first = _run(options)
    if first.published or first.refused:
        _print_report(first, as_json=False)
    click.echo("Watching for changes. Press Ctrl-C to stop.", err=True)
    publish_changes(
        options, watch_changes(options), report=report_publish, fail=report_failure, today=_today
    )
    return 0


@contextlib.contextmanager
def _errors_as_json(enabled: bool) -> Iterator[None]:
    """For a program that follows the run an error is a line, as progress is."""
    try:
        yield
    except KbError as error:
        if enabled:
            _print_json_line({"error": error.sentence, "code": error.code})
        raise


@contextlib.contextmanager
def _exit_on_sigterm() -> Iterator[None]:
    """A run that is asked to end removes what it built aside, as one that a person interrupts."""

    def end(signum: int, _frame: object) -> None:
        raise SystemExit(128 + signum)

    previous = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _print_progress(stage: str, done: int, total: int, what: str) -> None:
    name = what[:_MAX_PROGRESS_NAME]
    _print_json_line({"stage": stage, "done": done, "total": total, "what": name})


def _print_json_line(values: dict[str, Any]) -> None:
    click.echo(json.dumps(values))
    sys.stdout.flush()


def _print_report(report: Report, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(report.json(), ensure_ascii=False, indent=2))
        return
    for line in report.lines():
        click.echo(line)


# --- published generations


@click.command()
@data_option
@json_option
def generations(data: str | None, as_json: bool) -> int:
    """List the published generations that are kept; * marks the live one."""
    from kb.search.installation import search_engine

    rows = search_engine(load_settings(data=data).data).generations.history()
    if as_json:
        click.echo(json.dumps([row.json() for row in rows], indent=2))
        return 0 if rows else 1

    for row in rows:
        if row.sound:
            kinds = ", ".join(f"{count} {kind}" for kind, count in row.kinds)
            content = f"{row.created}  {row.documents} documents ({kinds})"
        else:
            content = row.problem
        click.echo(f"{'*' if row.serves else ' '} {row.name}  {content}")
    if not rows:
        click.echo("No generation has been published. Run `kb index`.", err=True)
    return 0 if rows else 1


@click.command()
@click.argument("name", required=False)
@data_option
def rollback(name: str | None, data: str | None) -> int:
    """Make an earlier generation live again: NAME, or the one before the live one."""
    _roll_back(load_settings(data=data), name)
    return 0


@click.command()
@data_option
def meanings(data: str | None) -> int:
    """Let the sentence encoder read all passages whose meaning is a draft, as `kb worker` does.

    Only meanings change, and no content file is read. You can stop the command at any time:
    passages that were read are kept.
    """
    from kb.search.build.meaning_run import read_meanings
    from kb.search.installation import search_engine

    settings = load_settings(data=data)
    generations = search_engine(settings.data, settings.search_cluster).generations
    bar = ProgressBar(sys.stderr.isatty())
    try:
        left = -1
        while left:
            left = read_meanings(
                generations, progress=lambda done, total: bar.show("meanings", done, total, "")
            )
    finally:
        bar.end()
    return 0


@click.command()
@click.argument("store", default="")
@click.option(
    "--full", is_flag=True, help="Write every file again, for example to replace a damaged one."
)
@data_option
@json_option
def push(store: str, data: str | None, *, full: bool, as_json: bool) -> int:
    """Push the published index to STORE, for portals on other machines.

    STORE is a folder or s3://BUCKET/PREFIX, by default the value of KB_BLOBS. Only files that
    the store lacks are transferred.
    """
    from kb.search.generations import replicas
    from kb.search.installation import search_engine

    settings = load_settings(data=data)
    opened = open_store(store or settings.blob_address)
    transfer = replicas.push(
        search_engine(settings.data).generations,
        settings.data / MEDIA_FOLDER,
        opened,
        keep=settings.generations,
        full=full,
    )
    if as_json:
        click.echo(json.dumps(transfer.json()))
    else:
        click.echo(
            f"Generation {transfer.generation} is in {opened}: {transfer.files} files, "
            f"{transfer.bytes:,} bytes were new."
        )
    return 0


@click.command()
@click.argument("store", default="")
@click.option(
    "--every",
    type=click.FloatRange(0.5, 86400),
    metavar="SECONDS",
    help="Pull again after this many seconds, until stopped.",
)
@data_option
@json_option
def pull(store: str, every: float | None, data: str | None, *, as_json: bool) -> int:
    """Publish the index that `kb index push` has put into STORE.

    Every file is verified before the index is used. If the store can't be reached, the portal
    continues with the index that it has.
    """
    from kb.search.generations import replicas
    from kb.search.generations.index_check import IndexCheck
    from kb.search.installation import search_engine

    settings = load_settings(data=data)
    address = store or settings.blob_address
    generations = search_engine(settings.data).generations
    # The worker does the same, but a portal machine may have none.
    check = IndexCheck(partial(replicas.problems, generations))
    failed = False
    while True:
        if every is not None:
            check.start_if_due(dt.datetime.now(dt.UTC))
        try:
            transfer = replicas.pull(
                generations,
                settings.data / MEDIA_FOLDER,
                open_store(address),
                keep=settings.generations,
            )
        except KbError as error:
            if every is None or isinstance(error, Misconfigured):
                raise
            _log(error.sentence)
            failed = True
        else:
            if failed:
                _log("The index can be pulled again.")
            failed = False
            _tell_pulled(transfer, as_json=as_json, quiet=every is not None)
        if every is None:
            return 0
        time.sleep(every)


def _log(sentence: str) -> None:
    click.echo(f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M:%S} UTC: {sentence}", err=True)


def _tell_pulled(transfer: Transfer, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        click.echo(json.dumps(transfer.json()))
    elif transfer.changed:
        click.echo(
            f"Generation {transfer.generation} is live: {transfer.files} files, "
            f"{transfer.bytes:,} bytes were fetched."
        )
    elif transfer.files:
        click.echo(
            f"Generation {transfer.generation} is live again. Damaged or missing files that were "
            f"replaced: {transfer.files} ({transfer.bytes:,} bytes)."
        )
    elif not quiet:
        click.echo(f"Generation {transfer.generation} is already live.")


index.subcommands = {
    "generations": generations,
    "meanings": meanings,
    "pull": pull,
    "push": push,
    "rollback": rollback,
}


def _roll_back(settings: Settings, name: str | None) -> None:
    from kb.search.installation import search_engine

    padded = name.zfill(6) if name and name.isdigit() else name
    engine = search_engine(settings.data, settings.search_cluster)
    generation = engine.generations.rollback(padded)
    documents = generation.manifest.documents
    target = f"generation:{generation.name}"
    record_command(
        settings.database_location, Action.ROLLED_BACK, target, now=dt.datetime.now(dt.UTC)
    )
    click.echo(f"Generation {generation.name} is live again: {documents} documents.")
    click.echo(
        "The next `kb index` publishes the files as they are then. Correct them first.", err=True
    )


# --- kb check


@click.command()
@click.argument("words", nargs=-1, metavar="[PATH | KIND=PATH]...")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
)
@site_option
def check(words: tuple[str, ...], output_format: str, site: str | None) -> int:
    """Check links, addresses, images, titles, duplicates, and versions. The exit code is 1 if there
    are issues.

    PATH is a file, a folder of articles, or a content folder with docs, faq, and forum; without it,
    what `kb index` reads. Nothing is published. --format github prints annotations for GitHub
    Actions.
    """
    from indexer.lint import checks

    settings = load_settings(site=site)
    sources = [source for word in words for source in _sources_to_check(word)]
    options = _options(settings, sources)
    if not _covers_content(options.sources, settings):
        options = replace(options, golden=None)  # a part of the content cannot answer all of them
    bar = ProgressBar(sys.stderr.isatty())
    try:
        issues = checks.check(
            options, catalogue=settings.content / "catalogue.toml", progress=bar.show
        )
    finally:
        bar.end()

    if output_format == "json":
        rows = [asdict(issue) for issue in issues]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    else:
        for issue in issues:
            click.echo(_annotation(issue) if output_format == "github" else str(issue))
    click.echo(f"Issues: {len(issues)}." if issues else "No issues.", err=True)
    return 1 if issues else 0


def _covers_content(sources: Sequence[Source], settings: Settings) -> bool:
    """Whether everything that `kb index` reads by default is in one of ``sources``."""
    try:
        usual = _sources((), settings)
    except Invalid:
        return False
    paths = [source.path for source in sources]
    return all(any(source.path.is_relative_to(path) for path in paths) for source in usual)


def _sources_to_check(word: str) -> list[str]:
    """``KIND=PATH`` words for a word of `kb check`, which may be a content folder."""
    if "=" in word:
        return [word]
    folders = [(kind, Path(word) / name) for kind, name in _CONTENT_FOLDERS]
    return [f"{kind}={folder}" for kind, folder in folders if folder.is_dir()] or [f"doc={word}"]


def _annotation(issue: Issue) -> str:
    """A workflow command of GitHub Actions."""
    position = f"file={issue.source}"
    if issue.line:
        position += f",line={issue.line}"
    text = f"{issue.sentence} {issue.suggestion}"
    for character, escape in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
        text = text.replace(character, escape)
    return f"::warning {position},title={issue.rule}::{text}"
