"""Insights: what suggestions save, what was looked for in vain, and how tickets fare."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from flask import Blueprint, Response, make_response, render_template, request

from kb.analytics.causal_effect import CausalEffect
from kb.errors import Invalid, KbError, NotFound
from kb.insights.csv_text import csv_text
from kb.insights.deflection import Period
from kb.insights.report import TICKET_DIMENSIONS, InsightsReport, insights_report
from kb.insights.tickets import Durations, TicketGroup
from webapp.agent.insights_chart import (
    INTERVAL_WIDTH,
    PLOT_HEIGHT,
    PLOT_WIDTH,
    interval_bar,
    volume_chart,
)
from webapp.context import audience, centre, now, settings

blueprint = Blueprint("insights", __name__, url_prefix="/desk/insights")

DEFAULT_DAYS = 90
CHOICES = (30, 90, 365)  # days
_EXPLAINED_IN = "doc/agents/measure-deflection"  # of our own help centre; other sites lack it


@blueprint.get("")
def show() -> str:
    report = _report()
    causal = report.deflection.causal
    titles = _titles({use.document_id for use in report.articles})
    titles |= _titles({votes.document_id for votes in report.votes})
    explanation = _EXPLAINED_IN if _titles({_EXPLAINED_IN}) else ""
    return render_template(
        "agent/insights.html",
        report=report,
        choices={days: _today() - dt.timedelta(days=days - 1) for days in CHOICES},
        today=_today(),
        interval=interval_bar(causal.effect, causal.low, causal.high)
        if causal.effect is not None
        else None,
        interval_width=INTERVAL_WIDTH,
        chart=volume_chart(report.volume),
        plot=(PLOT_WIDTH, PLOT_HEIGHT),
        titles=titles,
        explanation=explanation,
        titles_by_key={
            "level": {key: level.title for key, level in centre().policy.levels.items()},
            "product": {product.key: product.title for product in centre().catalogue.products},
        },
        tables=tuple(TABLES),
        dimensions=TICKET_DIMENSIONS,
    )


@blueprint.get("/visits/<episode>")
def visit(episode: str) -> str:
    """What a visitor typed, was shown and read: the link that travels with forms elsewhere."""
    record = centre().deflection.visit(episode)
    if record is None:
        raise NotFound(
            "There is no such visit. Visits are deleted after a while, and nothing is recorded if "
            "the browser blocks it."
        )
    return render_template(
        "agent/visit.html",
        visit=record,
        titles=_titles({name for step in record.steps for name in step.documents}),
        product=centre().catalogue.product(record.product),
    )


@blueprint.get("/<table>.csv")
def table(table: str) -> Response:
    """One of the page's tables for a spreadsheet."""
    if table not in TABLES:
        raise Invalid(f"Choose one of these tables: {', '.join(TABLES)}.", field="table")
    report = _report()
    response = make_response(csv_text(*TABLES[table](report)))
    response.mimetype = "text/csv"
    name = f"{table}-{report.period.first}-{report.period.last}.csv"
    response.headers["Content-Disposition"] = f"attachment; filename={name}"
    return response


def _report() -> InsightsReport:
    cost = settings().ticket_cost
    return insights_report(centre().database, _period(), ticket_cost=cost, now=now())


def _today() -> dt.date:
    return now().astimezone(dt.UTC).date()


def _period() -> Period:
    last = _day("to", _today())
    first = _day("from", last - dt.timedelta(days=DEFAULT_DAYS - 1))
    if first > last:
        raise Invalid("The first day is later than the last day.", field="from")
    return Period(first, last, request.args.get("portal") or None)


def _day(name: str, default: dt.date) -> dt.date:
    text = request.args.get(name, "")
    if not text:
        return default
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{text[:20]!r} is not a valid date.", field=name) from None
    # Times are stored in seconds since 1970, and periods end a day later.
    return min(max(day, dt.date(1970, 1, 1)), dt.date(9999, 12, 30))


def _titles(document_ids: set[str]) -> dict[str, str]:
    """Of those that are there and that the reader may see."""
    try:
        return centre().searcher.titles(document_ids, audience=audience())
    except KbError:
        return {}


# --- tables for spreadsheets

Table = tuple[Sequence[str], Sequence[Sequence[object]]]


def _deflection(report: InsightsReport) -> Table:
    header = ["week", "visits", "titles", "with suggestions", "said it helped", "probably helped"]
    header += ["filed a ticket", "unknown", "taken back"]
    return header, [
        [
            week,
            row.sums.episodes,
            row.sums.intent,
            row.sums.eligible,
            row.sums.confirmed,
            row.sums.assumed,
            row.sums.submitted,
            row.sums.unknown,
            row.sums.clawed_back,
        ]
        for week, row in report.by_week.items()
    ]


def _searches(report: InsightsReport) -> Table:
    rows = [[query.query, query.times, query.empty] for query in report.empty]
    return ["query", "times", "nothing to show"], rows


def _articles(report: InsightsReport) -> Table:
    header = ["article", "shown", "read", "said it helped", "rejected", "filed anyway"]
    header += ["measured effect", "low", "high", "people compared"]
    return header, [
        [
            use.document_id,
            use.shown,
            use.read,
            use.sums.confirmed,
            use.rejected,
            use.sums.filed_read,
            *_effect(use.causal),
            use.people,
        ]
        for use in report.articles
    ]


def _effect(causal: CausalEffect) -> tuple[float | None, float | None, float | None]:
    """With the limits of its interval, which say nothing while there are too few people."""
    if causal.effect is None or causal.low <= -1:
        return causal.effect, None, None
    return causal.effect, causal.low, causal.high


def _votes(report: InsightsReport) -> Table:
    return ["article", "yes", "no", "reasons"], [
        [
            votes.document_id,
            votes.helpful,
            votes.not_helpful,
            " / ".join(reason for _, reason in votes.reasons),
        ]
        for votes in report.votes
    ]


def _attainment(report: InsightsReport) -> Table:
    header = ["level", "met", "breached", "overdue and open"]
    return header, [[row.level, row.met, row.breached, row.overdue] for row in report.attainment]


def _volume(report: InsightsReport) -> Table:
    header = ["day", "filed", "ended", "open at the end"]
    rows = [[day.day.isoformat(), day.filed, day.ended, day.backlog] for day in report.volume]
    return header, rows


def _tickets(report: InsightsReport) -> Table:
    header = ["dimension", "name", "filed", "ended", "resolved", "reopened", "replies", "open now"]
    header += ["ratings", "mean rating", "median first response in hours"]
    header += ["median resolution in hours"]
    return header, [
        [dimension, *_group(group)]
        for dimension, groups in report.groups.items()
        for group in groups
    ]


def _group(group: TicketGroup) -> list[object]:
    counts = group.counts
    return [
        group.title,
        counts.filed,
        counts.ended,
        counts.resolved,
        counts.reopened,
        counts.replies,
        group.open,
        counts.ratings,
        round(counts.score, 2) if counts.score else None,
        _hours(group.first_response),
        _hours(group.resolution),
    ]


def _hours(durations: Durations | None) -> float | None:
    return round(durations.median.total_seconds() / 3600, 1) if durations else None


TABLES: Mapping[str, Callable[[InsightsReport], Table]] = MappingProxyType(
    {
        "deflection": _deflection,
        "searches": _searches,
        "articles": _articles,
        "votes": _votes,
        "attainment": _attainment,
        "volume": _volume,
        "tickets": _tickets,
    }
)
