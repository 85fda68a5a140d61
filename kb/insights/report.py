"""The report for managers: everything that the page Insights, its CSV and the weekly mail show."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from kb.analytics.deflection_report import DeflectionReport, DeflectionSums
from kb.analytics.tables import DEFLECTION_DAYS
from kb.database import Database
from kb.insights.deflection import (
    ArticleUse,
    Period,
    article_uses,
    deflection_sums,
    sums_by_form_and_product,
    waiting_visits,
)
from kb.insights.searches import (
    ArticleVotes,
    EmptyQuery,
    empty_queries,
    votes_of_articles,
    zero_rate,
)
from kb.insights.ticket_sums import AGENT, FIRST_RESPONSE, LEVEL, ORGANISATION, PRODUCT, RESOLUTION
from kb.insights.tickets import (
    DayVolume,
    Durations,
    LevelAttainment,
    TicketCounts,
    TicketGroup,
    attainment_by_level,
    durations_of,
    groups_of,
    open_tickets,
    total_counts,
    volume_by_day,
)

_LISTED = 20  # rows of a list

TICKET_DIMENSIONS = (PRODUCT, LEVEL, ORGANISATION, AGENT)


@dataclass(frozen=True, slots=True)
class InsightsReport:
    """``waiting`` visits are not counted yet. ``saved`` are tickets, with the limits of the
    interval; None unless the measured effect works. Only these may be multiplied by the cost of a
    ticket, which is 0 if nobody has set it.
    """

    period: Period
    deflection: DeflectionReport
    by_week: Mapping[str, DeflectionReport]
    by_form: Mapping[str, DeflectionReport]
    by_product: Mapping[str, DeflectionReport]
    portals: tuple[str, ...]
    waiting: int
    saved: tuple[float, float, float] | None
    ticket_cost: int
    zero_rate: float | None
    articles: tuple[ArticleUse, ...]
    votes: list[ArticleVotes]
    empty: list[EmptyQuery]
    volume: list[DayVolume]
    tickets: TicketCounts
    first_response: Durations | None
    resolution: Durations | None
    attainment: list[LevelAttainment]
    groups: Mapping[str, list[TicketGroup]]

    @property
    def self_service_score(self) -> float | None:
        """Visits for each ticket that was filed."""
        filed = self.tickets.filed
        return self.deflection.sums.episodes / filed if filed else None

    @property
    def met(self) -> int:
        return sum(row.met for row in self.attainment)

    @property
    def due(self) -> int:
        return sum(row.total for row in self.attainment)

    @property
    def overdue(self) -> int:
        return sum(row.overdue for row in self.attainment)


def insights_report(
    database: Database, period: Period, *, ticket_cost: int = 0, now: dt.datetime
) -> InsightsReport:
    """Read in one transaction, so that all numbers belong together. Raises Unavailable."""
    with database.read() as connection:
        whole, weeks = deflection_sums(connection, period, by="week")
        report = DeflectionReport.of(whole)
        saved = _saved(report)
        forms, products = sums_by_form_and_product(connection, period)
        still_open = open_tickets(connection)
        times = durations_of(connection, period, "")
        return InsightsReport(
            period=period,
            deflection=report,
            by_week=_reports(weeks),
            by_form=_reports(forms),
            by_product=_reports(products),
            portals=_portals(connection),
            waiting=waiting_visits(connection, now),
            saved=saved,
            ticket_cost=ticket_cost,
            zero_rate=zero_rate(connection, period),
            articles=article_uses(connection, period, limit=_LISTED),
            votes=votes_of_articles(connection, period, limit=_LISTED),
            empty=empty_queries(connection, period, limit=_LISTED),
            volume=volume_by_day(connection, period, now.date()),
            tickets=total_counts(connection, period),
            first_response=times.get(("", FIRST_RESPONSE)),
            resolution=times.get(("", RESOLUTION)),
            attainment=attainment_by_level(connection, period, now),
            groups={
                name: groups_of(connection, period, name, still_open[name])
                for name in TICKET_DIMENSIONS
            },
        )


def _reports(groups: Mapping[str, DeflectionSums]) -> dict[str, DeflectionReport]:
    return {name: DeflectionReport.of(sums) for name, sums in sorted(groups.items())}


def _saved(report: DeflectionReport) -> tuple[float, float, float] | None:
    """Tickets that suggestions have saved: only the measured effect says so, and only if it works.

    The effect is multiplied by the visits in which the list was shown: those of the comparison,
    without the part that belongs to the holdout.
    """
    causal = report.causal
    if causal.effect is None or causal.conclusion.value != "works":
        return None
    pairs = report.sums.comparisons.values()
    treated = sum(treatment.people for treatment, _ in pairs)
    people = treated + sum(holdout.people for _, holdout in pairs)
    shown = report.sums.compared * treated / people
    return (shown * causal.effect, shown * causal.low, shown * causal.high)


def _portals(connection: Connection) -> tuple[str, ...]:
    query = (
        select(DEFLECTION_DAYS.c.portal)
        .where(DEFLECTION_DAYS.c.portal != "")
        .group_by(DEFLECTION_DAYS.c.portal)
        .order_by(func.sum(DEFLECTION_DAYS.c.episodes).desc())
    )
    return tuple(connection.execute(query).scalars())
