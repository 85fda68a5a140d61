"""Commands for a whole installation: from ``kb init`` to ``kb audit`` and ``kb metrics``."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from kb.cli_options import data_option, json_option
from kb.database import (
    DATABASE_FILE,
    DatabaseLocation,
    database_exists,
    is_up_to_date,
    open_database,
)
from kb.errors import Invalid, Misconfigured, NotFound, Unavailable
from kb.jobs.index_runner import KB_COMMAND
from kb.operations import backup as backups
from kb.operations import doctor as diagnoses
from kb.operations import sizing, starter
from kb.operations import upgrade as upgrades
from kb.operations.audit import Action, AuditEntry, AuditLog, record_command
from kb.search.generations.generation import Generations
from kb.search.meaning.model_file import model_path
from kb.settings import load_settings


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Create a small help centre in FOLDER to start from."""
    files = starter.write_site(folder)
    for file in files:
        click.echo(f"Wrote {file}")
    click.echo(f"\nPublish and serve it:\n\n    export KB_SITE={folder.resolve()}\n    kb serve")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@data_option
@json_option
def backup(file: Path, data: str | None, *, as_json: bool) -> None:
    """Back up tickets, accounts, attachments, images and settings to FILE while the portal runs.

    The index is not part of it: `kb index` makes it again. Secrets go in only if
    KB_BACKUP_PASSPHRASE is set.
    """
    report = backups.write_configured(load_settings(data=data), file, dt.datetime.now(dt.UTC))
    if as_json:
        click.echo(json.dumps(report.as_json()))
        return
    click.echo(f"Wrote and verified {report.file}: {report.members} files, {report.size:,} bytes.")
    if not report.secrets:
        click.echo("It holds no secrets: KB_BACKUP_PASSPHRASE is not set.")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--data", required=True, type=click.Path(path_type=Path), help="An empty folder.")
@click.option("--without-secrets", is_flag=True, help="Do not restore the encrypted secrets.")
@json_option
def restore(file: Path, data: Path, *, without_secrets: bool, as_json: bool) -> None:
    """Restore a backup FILE into an empty data folder.

    New tickets get numbers beyond any that may have been given since the backup was taken.
    """
    now = dt.datetime.now(dt.UTC)
    report = backups.restore_backup(
        file,
        data,
        passphrase=load_settings().backup_passphrase,
        with_secrets=not without_secrets,
        now=now,
    )
    record_command(data, Action.RESTORED, now=now, sha256=backups.archive_sha256(file))
    if as_json:
        click.echo(json.dumps(report.as_json()))
        return
    click.echo(f"Restored the backup of {report.created:%Y-%m-%d %H:%M} UTC into {data}.")
    click.echo(f"Next: `kb serve --data {data}`, which publishes the content first.")


@click.command()
@data_option
@click.option("--check", is_flag=True, help="Change nothing; exit code 1 if something is needed.")
@click.pass_context
def upgrade(ctx: click.Context, data: str | None, *, check: bool) -> None:
    """Migrate the database of an earlier version, and rebuild the index if needed."""
    settings = load_settings(data=data)
    folder = settings.data
    if not folder.is_dir() and not database_exists(settings.database_location):
        # Not an error: a script may upgrade before it serves for the first time.
        click.echo(f"There is no data folder {folder}, so there is nothing to upgrade.")
        return
    if check:
        steps = upgrades.pending_steps(folder, settings.database_location)
        advice = upgrades.advice(folder)
        for step in (*steps, *([advice] if advice else [])) or ("Nothing to do.",):
            click.echo(step)
        ctx.exit(1 if steps else 0)

    if upgrades.migrate_database(settings.database_location):
        click.echo("Migrated the database.")
    if Generations(folder).problem():
        click.echo("Building the index again ...")
        command = [*KB_COMMAND, "index", "--full", "--data", str(folder)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, check=False)  # noqa: S603 - ours
        ctx.exit(done.returncode)
    click.echo(upgrades.advice(folder) or "The data folder is up to date.")


@click.command()
@data_option
@click.option(
    "--production", is_flag=True, help="Also check for settings that are unsafe on the internet."
)
@json_option
@click.pass_context
def doctor(ctx: click.Context, data: str | None, *, production: bool, as_json: bool) -> None:
    """Report what is wrong with the installation, since when, and what to do.

    The exit code is 1 if something is wrong.
    """
    now = dt.datetime.now(dt.UTC)
    problems = diagnoses.diagnose(
        diagnoses.examine(load_settings(data=data), now), production=production
    )
    if as_json:
        click.echo(json.dumps([problem.as_json() for problem in problems], indent=2))
    elif not problems:
        click.echo("No problems found.")
    else:
        for problem in problems:
            since = f" (since {problem.since:%Y-%m-%d %H:%M} UTC)" if problem.since else ""
            click.echo(f"{problem.impact.upper()} {problem.check}: {problem.message}{since}")
            click.echo(f"    {problem.remedy}")
    ctx.exit(1 if problems else 0)


@click.command()
@data_option
@click.option(
    "--limit",
    type=click.IntRange(1, 1_000_000),
    default=100,
    show_default=True,
    help="The number of entries.",
)
@click.option(
    "--before", type=click.IntRange(0), default=0, help="Show only entries with lower numbers."
)
@json_option
def audit(data: str | None, limit: int, before: int, *, as_json: bool) -> None:
    """Print the audit log: sign-ins, accounts, publishing and backups, newest first."""
    with contextlib.closing(open_database(load_settings(data=data).database_location)) as database:
        entries = AuditLog(database).page(before=before, limit=limit)
    if as_json:
        click.echo(json.dumps([entry.as_json() for entry in entries], indent=2))
        return
    for entry in entries:
        click.echo(_audit_line(entry))


@click.command()
@data_option
@click.option(
    "--attached",
    is_flag=True,
    help="Exit when standard input ends, together with the program that started this one.",
)
def metrics(data: str | None, *, attached: bool) -> None:
    """Answer GET /metrics at KB_METRICS until Ctrl-C. `kb serve` starts this by itself."""
    settings = load_settings(data=data)
    if settings.metrics is None:
        raise Misconfigured("KB_METRICS is not set; give host:port.", field="metrics")
    from kb.operations.metrics import start_metrics_server

    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    if attached:
        threading.Thread(target=_wait_for_end_of_input, args=(stopped,), daemon=True).start()

    host, port = settings.metrics
    with contextlib.closing(open_database(settings.database_location)) as database:
        try:
            stop = start_metrics_server(
                host, port, settings.data, database, lambda: dt.datetime.now(dt.UTC)
            )
        except OSError as error:
            raise Unavailable(f"KB_METRICS: cannot listen on {host}:{port} ({error}).") from error
        stopped.wait()
        stop()


def _wait_for_end_of_input(stopped: threading.Event) -> None:
    while os.read(0, 4096):
        pass
    stopped.set()


def _audit_line(entry: AuditEntry) -> str:
    who = f"person:{entry.actor_id}" if entry.actor_id else ""
    facts = " ".join(f"{name}={value}" for name, value in entry.facts.items())
    columns = (
        str(entry.id),
        f"{entry.at:%Y-%m-%d %H:%M:%S}Z",
        entry.action,
        *(who, entry.target, entry.address, entry.request_id, facts),
    )
    return "  ".join(column for column in columns if column)


class _Count(click.ParamType[int]):
    """A number of things, also as people write large ones: 1e6, 10_000_000."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            number = float(value)
        except ValueError:
            self.fail(f"{value!r} is not a number.", param, ctx)
        if not 0 <= number <= 1e12:
            self.fail(f"{value} is not between 0 and 1e12.", param, ctx)
        return int(number)


@click.command()
@click.option(
    "--documents", type=_Count(), default="1e4", show_default=True, help="Articles and threads."
)
@click.option(
    "--tickets", type=_Count(), default="1e5", show_default=True, help="All that are kept."
)
@click.option(
    "--agents", type=_Count(), default="5", show_default=True, help="Who work at the same time."
)
@click.option("--opensearch", is_flag=True, help="Also print what the cluster needs.")
@json_option
def size(documents: int, tickets: int, agents: int, *, opensearch: bool, as_json: bool) -> None:
    """Calculate the memory, disk and cores that an installation needs.

    The costs were measured; what is assumed about people is printed with the result.
    """
    load = sizing.Workload(documents, tickets, agents)
    required = sizing.required_size(load, encoder=model_path() is not None)
    cluster = sizing.required_cluster(load) if opensearch else None
    if as_json:
        of_cluster = {"cluster": asdict(cluster)} if cluster else {}
        click.echo(json.dumps(required.json() | of_cluster))
        return
    each = " each" if required.machines > 1 else ""
    rows: tuple[tuple[str, str], ...] = (
        ("Arrangement", required.arrangement),
        ("Machines", f"{required.machines:,}"),
        ("Cores", f"{required.cores}{each}"),
        ("Memory", f"{required.memory / 1e9:,.0f} GB{each}"),
        ("Disk for the index", f"{_gigabytes(required.index_disk)}{each}"),
        ("Disk for the database", _gigabytes(required.database_disk)),
        ("Building the whole index", f"{required.build_minutes:,.1f} minutes of one core"),
        ("CPU of a suggestion", f"{required.suggestion_ms} ms"),
    )
    if required.reading_hours:
        rows += (("Reading for meaning", f"{required.reading_hours:,.1f} hours of one core"),)
    if cluster:
        rows += (
            ("OpenSearch, cores", f"{cluster.cores:,}"),
            ("OpenSearch, disk", f"{_gigabytes(cluster.disk)} for each copy"),
            ("OpenSearch, suggestion", f"{cluster.suggestion_ms:,} ms of CPU"),
        )
    click.echo(f"For {documents:,} documents, {tickets:,} tickets and {agents:,} agents:\n")
    for name, value in rows:
        click.echo(f"{name + ':':26}{value}")
    click.echo(f"\nMeasured on {required.measured_on}.")
    if required.extrapolated:
        click.echo("This exceeds what was measured, so the figures for the index are extrapolated.")
    click.echo("\nAssumed:")
    for assumption in required.assumptions:
        click.echo(f"- {assumption}")


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:,.1f} GB"


# --- the database


@click.group("database")
def database_commands() -> None:
    """Check the database, or move it between SQLite and PostgreSQL."""


@database_commands.command("check")
@data_option
@json_option
def check_database(data: str | None, *, as_json: bool) -> None:
    """Check the database that KB_DATABASE names. Exit code 1 if something is wrong.

    A database of an earlier version is only reported: `kb upgrade` migrates it.
    """
    settings = load_settings(data=data)
    location = settings.database_location
    if not database_exists(location):
        raise NotFound("There is no database yet; the first ticket or account creates it.")

    facts: dict[str, Any] = {"kind": "postgresql" if isinstance(location, str) else "sqlite"}
    if not is_up_to_date(location):
        facts |= {"faults": ["The database needs a migration: back up, then run `kb upgrade`."]}
    else:
        with contextlib.closing(open_database(location)) as database:
            facts |= {"bytes": database.size(), "faults": list(database.faults())}

    if as_json:
        click.echo(json.dumps(facts))
    else:
        for fault in facts["faults"]:
            click.echo(fault)
        if not facts["faults"]:
            click.echo(f"The database ({facts['kind']}, {facts['bytes']:,} bytes) is sound.")
    sys.exit(1 if facts["faults"] else 0)


@database_commands.command("move")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@json_option
def move_rows(source: str, target: str, *, as_json: bool) -> None:
    """Copy the database FROM a place TO another, and compare every row.

    Each is a data folder (SQLite) or the address of a PostgreSQL database. The portal can keep
    running: to copy what it saves in the meantime, run the command again. FROM stays
    as it is. To resume an interrupted move, run the command again.
    """
    # Takes a second to import.
    from kb.operations.database_move import move_database

    bar = _MoveProgress(sys.stderr.isatty() and not as_json)
    try:
        tables = move_database(_location(source), _location(target), progress=bar.show)
    finally:
        bar.end()
    if as_json:
        rows = {
            table.name: {"rows": table.rows, "written": table.written, "deleted": table.deleted}
            for table in tables
        }
        click.echo(json.dumps({"tables": rows}))
        return
    total = sum(table.rows for table in tables)
    changed = sum(table.written + table.deleted for table in tables)
    click.echo(f"{total:,} rows are the same in both databases; {changed:,} were written now.")
    how = "with KB_DATABASE set"
    if not isinstance(_location(target), str):
        how = f"without KB_DATABASE, and with KB_DATA={_location(target)}"
    if changed:
        click.echo(f"Stop the portal, run the move once more, and start the portal {how}.")
    else:
        click.echo(f"If the portal was stopped before this move, start it {how}.")


class _MoveProgress:
    def __init__(self, is_shown: bool) -> None:
        self._is_shown = is_shown

    def show(self, table: str, done: int, total: int) -> None:
        if self._is_shown:
            click.echo(f"\r\033[K{table}: {done:,} of {total:,}", nl=False, err=True)

    def end(self) -> None:
        if self._is_shown:
            click.echo("\r\033[K", nl=False, err=True)


def _location(text: str) -> DatabaseLocation:
    """A folder, its file of SQLite, or what KB_DATABASE accepts."""
    if "://" in text:
        return load_settings({"KB_DATABASE": text}).database
    path = Path(text)
    if path.name == DATABASE_FILE:
        path = path.parent
    if path.exists() and not path.is_dir():
        raise Invalid(f"{path} is neither a data folder nor the address of a database.")
    return path
