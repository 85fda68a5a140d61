"""The weekly mail: the figures of last week, for those whom the operator has named."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from sqlalchemy import select

from kb.database import Database
from kb.insights.deflection import Period
from kb.insights.report import InsightsReport, insights_report
from kb.notifications.mail_templates import INSIGHTS_MAIL
from kb.notifications.queue import NewNotice, add_notices
from kb.notifications.tables import NOTICES
from kb.timezones import start_of_week

_WEEK = dt.timedelta(weeks=1)
#: Last week's visits are not counted yet, so deflection is that of a longer time.
_DEFLECTION_WEEKS = 13


def queue_weekly_mail(database: Database, recipients: Sequence[str], now: dt.datetime) -> int:
    """Queues the mail about last week for everybody who has not got it, and returns to how many.

    Raises Unavailable.
    """
    monday = start_of_week(now).date()
    sent = select(NOTICES.c.recipient).where(
        NOTICES.c.kind == INSIGHTS_MAIL, NOTICES.c.key.contains(f"/{monday.isoformat()}/")
    )
    with database.read() as connection:
        missing = sorted(set(recipients) - set(connection.execute(sent).scalars()))
    if not missing:
        return 0

    last = monday - dt.timedelta(days=1)
    week = insights_report(database, Period(monday - _WEEK, last), now=now)
    longer = Period(monday - _DEFLECTION_WEEKS * _WEEK, last)
    text = "\n".join(_lines(week, insights_report(database, longer, now=now)))
    path = f"/desk/insights?from={monday - _WEEK}&to={last}"
    notices = [NewNotice(INSIGHTS_MAIL, to, {"text": text, "path": path}) for to in missing]
    with database.write() as connection:
        add_notices(connection, None, monday.isoformat(), notices, now)
    return len(missing)


def _lines(week: InsightsReport, longer: InsightsReport) -> Iterator[str]:
    """Only numbers and names of support levels; what visitors typed stays on the page."""
    tickets = week.tickets
    backlog = week.volume[-1].backlog if week.volume else 0
    yield f"Week of {week.period.first:%d %B %Y}"
    yield ""
    yield f"Tickets: {tickets.filed:,} filed, {tickets.ended:,} ended, {backlog:,} open at the end."
    if week.due:
        yield (
            f"SLA targets: {week.met:,} of {week.due:,} met ({100 * week.met / week.due:.0f} %), "
            f"{week.overdue:,} overdue and open."
        )
    if week.first_response:
        hours = week.first_response.median.total_seconds() / 3600
        yield f"Median time to first response: about {hours:.1f} hours."
    if tickets.score is not None:
        yield f"Rating: {tickets.score:.1f} of 5 in {tickets.ratings:,} ratings."
    yield f"Searches and titles without a result: at least {len(week.empty)} different ones."

    causal = longer.deflection.causal
    yield ""
    if causal.effect is None:
        yield "What suggestions save is not measured."
    else:
        yield (
            f"What suggestions save, over {_DEFLECTION_WEEKS} weeks: {causal.words}, "
            f"{100 * causal.effect:.1f} points fewer tickets, between {100 * causal.low:.1f} and "
            f"{100 * causal.high:.1f}."
        )
        if longer.saved is not None:
            yield f"About {longer.saved[0]:,.0f} tickets saved, at least {longer.saved[1]:,.0f}."
