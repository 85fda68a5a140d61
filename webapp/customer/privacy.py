"""The privacy page: how long each kind of data is kept, from the very table that is enforced."""

from __future__ import annotations

import datetime as dt

from flask import Blueprint, render_template

from kb.operations.retention import RETENTION, RetentionClass
from kb.settings import Settings
from webapp.context import now, settings

blueprint = Blueprint("privacy", __name__)


@blueprint.get("/privacy")
def show() -> str:
    rows = [(row, kept_words(row, settings()), oldest_day(row, settings())) for row in RETENTION]
    return render_template("customer/privacy.html", rows=rows)


def oldest_day(row: RetentionClass, values: Settings) -> dt.date | None:
    """What was made before this day is deleted; None for what has no such day."""
    kept = row.kept(values)
    if not kept or kept < dt.timedelta(days=1):
        return None
    # A portal may keep data for longer than there are years.
    return now().date() - kept if kept.days < now().toordinal() else None


def kept_words(row: RetentionClass, values: Settings) -> str:
    """For how long, in the largest unit that is exact."""
    kept = row.kept(values)
    if kept is None:
        return row.otherwise
    if not kept:
        return "until they expire"
    for unit, size in (("day", dt.timedelta(days=1)), ("hour", dt.timedelta(hours=1))):
        count, rest = divmod(kept, size)
        if count and not rest:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{int(kept.total_seconds() // 60)} minutes"
