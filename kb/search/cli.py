"""Commands `kb search`, `kb suggest` and `kb eval`: one library call each, and printing.

The answer goes to stdout (with --json as one JSON document), messages to stderr. Exit code 1 when
nothing was found.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from kb.cli_options import data_option, json_option
from kb.errors import Invalid
from kb.search.documents import PUBLIC, DocumentKind
from kb.search.engine import SearchEngine
from kb.search.installation import search_engine
from kb.search.results import Considered, Hit, Passage, results_json, suggestions_json
from kb.search.searcher import SORTS, Searcher
from kb.search.standpoint import Standpoint
from kb.settings import load_settings

MAX_INPUT = 10_000_000  # bytes of a log on standard input

# The least that an answer may take. The first one of a process also loads what a server has loaded,
# and nobody's form waits for it.
_PATIENCE_MS = 5_000
#: The most that it waits for OpenSearch, which may hang: then the local index answers.
_CLUSTER_SECONDS = 1.0


def _shared(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option(
            "--explain", is_flag=True, help="Show what each part of the score contributed."
        ),
        json_option,
        click.option(
            "--as",
            "audience",
            default=PUBLIC,
            metavar="AUDIENCE",
            help="Show what this audience would see.",
        ),
        click.option(
            "--language",
            default="",
            metavar="CODE",
            help="The reader's language, such as de: similar pages in other languages come later.",
        ),
        data_option,
    ):
        command = option(command)
    return command


def _searcher(data: str | None, audience: str) -> tuple[Searcher, SearchEngine]:
    """A searcher, and its engine. Raises Invalid for an audience that no document names: with a
    typo, the answer would be that for a customer.
    """
    settings = load_settings(data=data)
    engine = search_engine(settings.data, settings.search_cluster, cluster_seconds=_CLUSTER_SECONDS)
    searcher = Searcher(
        settings.data,
        engine=engine,
        budget_ms=max(settings.suggest_budget_ms, _PATIENCE_MS),
    )
    audiences = searcher.audiences()
    if audience not in audiences:
        names = f"{', '.join(audiences[:-1])} and {audiences[-1]}"
        raise Invalid(
            f"--as: no document is for {audience!r}; the audiences are {names}. "
            "Other groups see what customers see.",
            field="as",
        )
    return searcher, engine


@click.command()
@click.argument("query")
@click.option("--limit", default=10, type=click.IntRange(1, 100), help="The number of results.")
@click.option(
    "--kind", type=click.Choice([str(kind) for kind in DocumentKind]), help="Only this kind."
)
@click.option(
    "--sort",
    type=click.Choice(SORTS),
    default="best",
    show_default=True,
    help="The order: best first, or newest first (date).",
)
@_shared
def search(
    query: str,
    limit: int,
    kind: str | None,
    sort: str,
    data: str | None,
    audience: str,
    language: str,
    *,
    as_json: bool,
    explain: bool,
) -> None:
    """Search as a visitor would: plain words, "phrases", -word, title: product: version: kind: tag:
    before: after:
    """
    searcher, engine = _searcher(data, audience)
    answer = searcher.search(
        query,
        audience=audience,
        kind=kind,
        per_page=limit,
        explain=explain,
        sort=sort,
        language=language,
    )
    if as_json:
        _print_json(engine, results_json(answer))
    else:
        for note in answer.notes:
            click.echo(note, err=True)
        if answer.did_you_mean:
            click.echo(f"Did you mean: {answer.did_you_mean}", err=True)
        _print(answer.hits, answer.total)
    _end(answer.hits)


@click.command()
@click.argument("title")
@click.option("--limit", default=5, type=click.IntRange(1, 20), help="The number of suggestions.")
@_shared
def suggest(
    title: str,
    limit: int,
    data: str | None,
    audience: str,
    language: str,
    *,
    as_json: bool,
    explain: bool,
) -> None:
    """Suggest articles for a half-typed ticket title.

    If TITLE is -, it is read from standard input, for example a log.
    """
    if title == "-":
        title = sys.stdin.buffer.read(MAX_INPUT).decode("utf-8", "replace")
    searcher, engine = _searcher(data, audience)
    answer = searcher.suggest(
        title,
        audience=audience,
        limit=limit,
        explain=explain,
        standpoint=Standpoint(language),
        settled=True,
    )
    if as_json:
        _print_json(engine, suggestions_json(answer))
    else:
        if answer.looked_for is not None:
            click.echo(f"Looking for: {answer.looked_for}", err=True)
        _print(answer.hits, len(answer.hits))
        if answer.considered is not None:
            _print_considered(answer.considered)
    _end(answer.hits)


def _print_considered(considered: Considered) -> None:
    """Prints why suggestions were shown or not: what speaks for and against the best pages."""
    click.echo(considered.sentence())
    for document in considered.candidates:
        shown = "shown" if document.shown else "not shown"
        click.echo(f"{document.confidence:5.0%}  {document.title}  [{shown}]")
        click.echo(
            "       " + "  ".join(f"{name} {value:+.2f}" for name, value in document.weighty)
        )


def _print_json(engine: SearchEngine, shape: dict[str, Any]) -> None:
    """Prints the same JSON as the API, and why the local index answered instead of the cluster."""
    fallback = engine.fallback()
    warnings = {"warnings": [fallback]} if fallback else {}
    click.echo(json.dumps(shape | warnings, ensure_ascii=False, indent=1))


def _end(hits: tuple[Hit, ...]) -> None:
    if not hits:
        raise click.exceptions.Exit(1)


def _print(hits: tuple[Hit, ...], total: int) -> None:
    for hit in hits:
        worth = f"{hit.score:.3f}"
        if hit.confidence is not None:
            worth = f"{hit.confidence:.0%} {hit.tier}"
        click.echo(f"{click.style(hit.title, bold=True)}  [{hit.kind}]  {worth}")
        click.echo(f"  {hit.url}")
        if hit.passage.text:
            click.echo(f"  {_marked(hit.passage)}")
        if hit.also:
            others = (other.version or other.product or other.title for other in hit.also)
            click.echo(f"  Also in: {', '.join(others)}")
        if hit.explain:
            click.echo(
                "  " + "  ".join(f"{name} {value:+.3f}" for name, value in hit.explain.items())
            )
    click.echo(f"{len(hits)} of {total} shown." if hits else "Nothing was found.", err=True)


def _marked(passage: Passage) -> str:
    text, done = "", 0
    for start, end in passage.spans:
        text += passage.text[done:start] + click.style(passage.text[start:end], underline=True)
        done = end
    return text + passage.text[done:]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--split", help="Which qrels/NAME.tsv to judge by (default: test, else dev).")
@click.option(
    "--mode", type=click.Choice(["search", "suggest"]), default="search", show_default=True
)
@click.option(
    "--prefix-chars", type=click.IntRange(1), help="Use only the first N characters of each query."
)
@click.option(
    "--prefix-words", type=click.IntRange(1), help="Use only the first N words of each query."
)
@click.option(
    "--typos",
    type=click.IntRange(1),
    help="Make N typos in each query, the same ones in every run.",
)
@click.option(
    "--solved",
    "solved_file",
    type=click.Path(path_type=Path),
    help="Resolved tickets that search learns from (JSONL).",
)
@click.option(
    "--read",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Let the sentence encoder read at most N passages first (the rest are drafts).",
)
@click.option(
    "--shown",
    is_flag=True,
    help="With --mode suggest: count only what the suggestion box would show.",
)
@click.option("--run", "run_file", type=click.Path(path_type=Path), help="Write a TREC run file.")
@json_option
def evaluate(
    folder: Path,
    split: str | None,
    mode: str,
    prefix_chars: int | None,
    prefix_words: int | None,
    typos: int | None,
    solved_file: Path | None,
    run_file: Path | None,
    *,
    read: int,
    shown: bool,
    as_json: bool,
) -> None:
    """Measure relevance on a judged set in BEIR layout: nDCG@10, MRR@10, R@10, success@5 and
    latency.

    DIR contains corpus.jsonl, queries.jsonl and qrels/NAME.tsv. Every judged query is asked; a hit
    whose id is the query's own is left out. The order is judged before abstaining, in both modes.
    With out-of-scope.jsonl, --mode suggest reports abstaining separately: false_suggestions (shown
    for out-of-scope questions) and silent_in_scope at the threshold that the index sets itself, and
    kept_at_10%, the share of success@5 that remains when the threshold lets a tenth of the
    out-of-scope questions through. With --shown, only what the suggestion box shows is judged.
    --solved: one {"title", "documents": [ids], "solved_at"} per line.
    """
    from kb.search import evaluation  # brings ir-measures, which searching must not pay for

    options = [
        (prefix_chars, evaluation.first_characters),
        (prefix_words, evaluation.first_words),
        (typos, evaluation.typos),
    ]
    changes = [make_change(count) for count, make_change in options if count]
    if len(changes) > 1:
        raise click.UsageError("Give one of --prefix-chars, --prefix-words and --typos.")

    if shown and mode != "suggest":
        raise click.UsageError("--shown needs --mode suggest.")
    report = evaluation.evaluate_set(
        evaluation.read_judged_set(folder, split),
        mode=mode,
        change=changes[0] if changes else None,
        resolved=evaluation.read_resolved_tickets(solved_file) if solved_file else (),
        read=read,
        shown=shown,
    )
    if run_file:
        run_file.write_text("".join(f"{line}\n" for line in evaluation.trec_lines(report)), "utf-8")
    if as_json:
        click.echo(json.dumps(report.as_json()))
        return
    for name, value in (report.metrics | report.abstain).items():
        click.echo(f"{name:<20} {value:.4f}")
    click.echo(
        f"{'latency ms p50/p99':<20} {report.latency_ms['p50']:.2f} / "
        f"{report.latency_ms['p99']:.2f}"
    )
    click.echo(f"{report.queries} queries over {report.documents} documents.", err=True)
