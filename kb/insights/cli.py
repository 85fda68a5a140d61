"""`kb insights`: what was deflected, from the portal's own ledger or from a file of episodes."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from kb.analytics.causal_effect import CONCLUSION_WORDS, Conclusion
from kb.analytics.deflection_report import GROUPINGS, replay, report_json
from kb.analytics.episode import Episode, read_episodes
from kb.centre import HelpCentre
from kb.cli_options import data_option, json_option, site_option
from kb.database import database_exists, open_database
from kb.errors import Invalid, Unavailable
from kb.insights.csv_text import csv_text
from kb.insights.deflection import Period, deflection_sums, waiting_visits
from kb.insights.ledger import DeflectionLedger
from kb.insights.made_up_history import HISTORY_DAYS, HistoryPage, write_history
from kb.insights.report import InsightsReport, insights_report
from kb.insights.ticket_sums import TicketSums
from kb.insights.tickets import Durations
from kb.search.documents import PUBLIC, DocumentKind
from kb.search.searcher import Searcher
from kb.settings import Settings, load_settings
from kb.site.data_folder import claim_data_folder

#: The title of a Markdown file: in its front matter, or its first heading.
_TITLE = re.compile(r"^(?:title:|#) *[\"']?(.+?)[\"']?$", re.MULTILINE)
_UID = re.compile(r"^uid: *[\"']?([\w./-]+)", re.MULTILINE)
_DAY = click.DateTime(formats=("%Y-%m-%d",))


@click.command()
@data_option
@click.option("--from", "since", type=_DAY, help="The first day, in UTC.")
@click.option("--to", "until", type=_DAY, help="The last day, in UTC.")
@click.option("--portal", help="Only this portal or website.")
@click.option("--by", type=click.Choice(tuple(GROUPINGS)), help="Also print each group.")
@click.option(
    "--replay",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Analyse the episodes in FILE (JSON lines) instead.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
@json_option
def insights(
    data: str | None,
    since: dt.datetime | None,
    until: dt.datetime | None,
    portal: str | None,
    by: str | None,
    file: Path | None,
    *,
    as_csv: bool,
    as_json: bool,
) -> None:
    """Print how many tickets suggestions have saved, and how certain that is.

    A visit is counted eight days after it began, when nothing can change its outcome any more.
    """
    if as_csv and as_json:
        raise click.UsageError("Choose --json or --csv.")
    now = dt.datetime.now(dt.UTC)
    first = since.date() if since else dt.date(1970, 1, 1)
    period = Period(first, until.date() if until else dt.date(9999, 12, 30), portal)
    if period.days < 1:
        raise click.UsageError("--from is later than --to.")
    if file is None:
        document = _live(load_settings(data=data), period, by or "", now)
    else:
        document = report_json(
            *replay(_episodes(file), by=by or "", keep=period.holds), by=by or ""
        )
    if as_json:
        click.echo(json.dumps(document))
    elif as_csv:
        click.echo(_csv(document, by or ""), nl=False)
    else:
        click.echo(_words(document, by or ""))


@click.command("demo")
@data_option
@site_option
@click.option(
    "--history",
    is_flag=True,
    required=True,
    help="Add 90 days of made-up visits and tickets.",
)
def demo_data(data: str | None, site: str | None, *, history: bool) -> None:
    """Add a made-up history to a data folder, to see reports with data. Not for a real portal.

    The visitors look for pages of the site that the data folder belongs to. Made-up companies and
    people are called "Made up".
    """
    del history  # the only demo so far, and never by accident
    now = dt.datetime.now(dt.UTC)
    start = now - dt.timedelta(days=HISTORY_DAYS + 1)
    settings = load_settings(data=data, site=site)
    if settings.site:
        claim_data_folder(settings.data, Path(settings.site))
    is_new = not database_exists(settings.database_location)
    with contextlib.closing(HelpCentre.open(settings, now=start if is_new else now)) as centre:
        written = write_history(
            centre.database,
            centre.accounts,
            centre.desk,
            pages=_pages(centre.searcher, settings.content),
            products=[product.key for product in centre.catalogue.products],
            now=now,
        )
    click.echo(
        f"Wrote {written['visits']:,} made-up visits, {written['tickets']:,} tickets and "
        f"{written['people']} people into {settings.data}."
    )


def _pages(searcher: Searcher, content: Path) -> list[HistoryPage]:
    """Guides of the site with the words by which customers may look for them; without an index, as
    the files name them.
    """
    try:
        total, _ = searcher.listing(PUBLIC, DocumentKind.DOC)
        _, hits = searcher.listing(PUBLIC, DocumentKind.DOC, per_page=max(total, 1))
        documents = [searcher.article(hit.id) for hit in hits]
        return [HistoryPage(each.id, (each.title, *each.aliases)) for each in documents]
    except Unavailable:
        return list(_files(content / "docs"))


def _files(docs: Path) -> Iterator[HistoryPage]:
    for path in sorted(docs.rglob("*.md")):
        text = path.read_text("utf-8", errors="replace")
        title, uid = _TITLE.search(text), _UID.search(text)
        if title and path.stem != "index":
            name = uid[1] if uid else path.relative_to(docs).with_suffix("").as_posix()
            yield HistoryPage(f"doc/{name}", (title[1].strip(),))


def _live(settings: Settings, period: Period, by: str, now: dt.datetime) -> dict[str, Any]:
    with contextlib.closing(open_database(settings.database_location)) as database:
        DeflectionLedger(database).settle(now)
        TicketSums(database).count()
        with database.read() as connection:
            sums, groups = deflection_sums(connection, period, by=by)
            waiting = waiting_visits(connection, now)
        report = insights_report(database, period, now=now)
    document = report_json(sums, groups, by=by)
    return {**document, "waiting": waiting, "holdout": settings.holdout, **_other_parts(report)}


def _other_parts(report: InsightsReport) -> dict[str, Any]:
    """What the page shows beside deflection."""
    return {
        "tickets": asdict(report.tickets),
        "hours": {
            "first_response": _hours(report.first_response),
            "resolution": _hours(report.resolution),
        },
        "targets": [asdict(row) for row in report.attainment],
        "without_result": [asdict(query) for query in report.empty],
        "articles": [
            {
                "id": use.document_id,
                "shown": use.shown,
                "read": use.read,
                "solved": use.sums.confirmed,
                "rejected": use.rejected,
                "filed_anyway": use.sums.filed_read,
                "causal": use.causal.as_json(),
            }
            for use in report.articles
        ],
        "votes": [
            {
                "id": votes.document_id,
                "helpful": votes.helpful,
                "not_helpful": votes.not_helpful,
                "reasons": [reason for _, reason in votes.reasons],
            }
            for votes in report.votes
        ],
        "days": [{**asdict(day), "day": day.day.isoformat()} for day in report.volume],
    }


def _hours(durations: Durations | None) -> dict[str, float] | None:
    if durations is None:
        return None
    median, ninth = durations.median, durations.ninth
    return {
        "median": round(median.total_seconds() / 3600, 2),
        "nine_of_ten": round(ninth.total_seconds() / 3600, 2),
    }


def _episodes(file: Path) -> list[Episode]:
    try:
        with file.open(encoding="utf-8", errors="strict") as lines:
            return read_episodes(lines)
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"Cannot read {file}: {error}.") from error


def _csv(document: Mapping[str, Any], by: str) -> str:
    """One line for the whole, then one for each group."""
    groups = document.get("by", [])
    lines = [_flat({key: value for key, value in document.items() if key != "by"})]
    lines += [_flat(group) for group in groups]
    header = [key for key in lines[0] if key != by]
    return csv_text(
        [by or "group", *header],
        [[line.get(by, "all"), *(line.get(key) for key in header)] for line in lines],
    )


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}_")
        elif isinstance(value, list):
            continue  # a table of its own, which the page has as CSV
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _words(document: Mapping[str, Any], by: str) -> str:
    lines = [_summary("All", document)]
    if "tickets" in document:
        lines.append(_of_tickets(document))
    lines += [_summary(str(group[by]) or "–", group) for group in document.get("by", [])]
    return "\n\n".join(lines)


def _of_tickets(document: Mapping[str, Any]) -> str:
    tickets, hours = document["tickets"], document["hours"]["first_response"]
    targets = document["targets"]
    met = sum(row["met"] for row in targets)
    due = met + sum(row["breached"] + row["overdue"] for row in targets)
    overdue = sum(row["overdue"] for row in targets)
    lines = [
        f"Tickets: {tickets['filed']:,} filed, {tickets['ended']:,} ended, "
        f"{tickets['reopened']:,} reopened.",
        f"  SLA targets      {met:,} of {due:,} met, {overdue:,} overdue and open",
    ]
    if hours:
        lines.append(f"  First response   median {hours['median']} h")
    return "\n".join(lines)


def _summary(name: str, document: Mapping[str, Any]) -> str:
    causal, filed = document["causal"], document["outcomes"]["submitted"]
    verdict, taken_back = causal["verdict"], document["clawed_back"]
    if causal["effect"] is None:
        measured = "not known yet: there are no visits to compare."
    else:
        words = CONCLUSION_WORDS[Conclusion(verdict)]
        measured = f"{words}: {_points(causal['effect'])} points fewer tickets, " + (
            "too few people to say more." if causal["low"] <= -1 else _interval(causal)
        )
        if verdict != "works" and causal["needed"]:
            measured += f" About {causal['needed']:,} more visits are needed."
    return "\n".join(
        (
            f"{name}: {document['episodes']:,} visits, {document['intent']:,} with a title, "
            f"{document['eligible']:,} with suggestions.",
            f"  Measured effect  {measured}",
            f"  Said it helped   {_percent(document['explicit_rate'])}",
            f"  Probably helped  {_percent(document['implicit_rate'])} "
            f"({_percent(document['unknown_rate'])} unknown, {taken_back:,} taken back)",
            f"  Filed a ticket   {filed:,}",
        )
    )


def _interval(causal: Mapping[str, Any]) -> str:
    return f"between {_points(causal['low'])} and {_points(causal['high'])}."


def _percent(rate: float | None) -> str:
    return "–" if rate is None else f"{100 * rate:.1f} %"


def _points(value: float) -> str:
    return f"{100 * value:+.1f}"
