"""`kb experiment`: try other curations, synonyms or weights on live typing."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import click

from kb.cli_options import data_option, json_option
from kb.database import open_database
from kb.errors import NotFound
from kb.experiments.experiment import Experiment, Preference
from kb.experiments.experiments import Experiments, read_candidate
from kb.search.searcher import Searcher
from kb.settings import load_settings

_VERDICTS = {
    Preference.CANDIDATE: "People prefer the candidate.",
    Preference.PRESENT: "People prefer the current ranking.",
    Preference.UNKNOWN: "The result is not known yet.",
}


@click.group()
def experiment() -> None:
    """Try curations, synonyms or weights on live queries, interleaved with the published ones.

    While an experiment runs, suggestions and search results mix pages of both rankings, and the
    pages that people open decide between the two. The interval stays valid however often you look.
    """


@experiment.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@data_option
@json_option
def start(file: Path, data: str | None, *, as_json: bool) -> None:
    """Start an experiment with FILE, which replaces curations.toml in the trial."""
    with _opened(data) as (experiments, folder):
        curations = read_candidate(file, Searcher(folder))
        _print(experiments.start(file.stem, curations, now=dt.datetime.now(dt.UTC)), as_json)


@experiment.command()
@data_option
@json_option
def show(data: str | None, *, as_json: bool) -> None:
    """Show the result of the running experiment, or of the last one."""
    with _opened(data) as (experiments, _):
        latest = experiments.latest()
    if latest is None:
        raise NotFound("There is no experiment yet. Start one with kb experiment start FILE.")
    _print(latest, as_json)


@experiment.command()
@data_option
@json_option
def end(data: str | None, *, as_json: bool) -> None:
    """End the experiment. Everybody gets the published ranking again."""
    with _opened(data) as (experiments, _):
        _print(experiments.end(now=dt.datetime.now(dt.UTC)), as_json)


@contextlib.contextmanager
def _opened(data: str | None) -> Iterator[tuple[Experiments, Path]]:
    settings = load_settings(data=data)
    with contextlib.closing(open_database(settings.database_location)) as database:
        yield Experiments(database), settings.data


def _print(shown: Experiment, as_json: bool) -> None:
    result = shown.result
    if as_json:
        shape = {
            "name": shown.name,
            "running": shown.running,
            "started_at": shown.started_at.isoformat(),
            "ended_at": shown.ended_at.isoformat() if shown.ended_at else None,
        }
        click.echo(json.dumps(shape | (result.as_json() if result else {})))
        return
    state = "running" if shown.running else f"ended {shown.ended_at:%Y-%m-%d %H:%M} UTC"
    click.echo(f"{shown.name}, started {shown.started_at:%Y-%m-%d %H:%M} UTC, {state}")
    if result is None or result.share is None:
        click.echo("Nobody has opened anything yet in a list with pages of both rankings.")
        return
    click.echo(
        f"Of what {result.people} people opened, the candidate had picked {result.share:.1%} "
        f"({result.low:.1%} to {result.high:.1%}; 50% is a draw)."
    )
    needed = f" About {result.needed:,} more people are needed." if result.needed else ""
    click.echo(_VERDICTS[result.verdict] + needed)
