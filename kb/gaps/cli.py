"""`kb gaps`: what people asked and got no answer to."""

from __future__ import annotations

import contextlib
import datetime as dt
import json

import click

from kb.cli_options import data_option, json_option
from kb.database import open_database
from kb.gaps.finder import GapFinder
from kb.search.searcher import Searcher
from kb.settings import load_settings


@click.command()
@data_option
@json_option
def gaps(data: str | None, *, as_json: bool) -> None:
    """Print what people asked without success, in groups, with the tickets that followed.

    A group with the cause "search" has a page that was not shown: give it the words of customers
    as aliases. One with the cause "writing" needs a page.
    """
    settings = load_settings(data=data)
    with contextlib.closing(open_database(settings.database_location)) as database:
        found = GapFinder(database, Searcher(settings.data)).find(dt.datetime.now(dt.UTC))
    if as_json:
        click.echo(
            json.dumps(
                [
                    {
                        "title": gap.title,
                        "queries": gap.queries,
                        "tickets": gap.tickets,
                        "price": gap.price(settings.handling_minutes),
                        "cause": gap.cause.value,
                        "document": gap.document or None,
                        "aliases": list(gap.aliases),
                    }
                    for gap in found
                ],
                ensure_ascii=False,
            )
        )
        return
    if not found:
        click.echo("Nothing was asked twice without an answer in the last 90 days.")
    for gap in found:
        minutes = gap.price(settings.handling_minutes)
        page = f", {gap.document} may answer" if gap.document else ""
        click.echo(
            f"{gap.tickets:>5} tickets ({minutes} min) {gap.queries:>5} queries  "
            f"{gap.cause.value:<8} {gap.title}{page}"
        )
