"""SLA performance: what has breached, what is due next, and attainment by level and week."""

from __future__ import annotations

import datetime as dt

from flask import Blueprint, render_template

from webapp.agent.sla_chart import BAR, HEIGHT, charts, mondays
from webapp.context import centre, now
from webapp.customer.account import signed_in_person
from webapp.formatting import AT_RISK

blueprint = Blueprint("board", __name__, url_prefix="/desk/board")
WEEKS = 8  # of SLA attainment
LISTED = 20  # tickets in each list beside it


@blueprint.get("")
def show() -> str:
    board = centre().desk.queue.board(signed_in_person(), weeks=WEEKS, limit=LISTED, now=now())
    weeks = mondays(now().astimezone(dt.UTC).date(), WEEKS)
    titles = {key: level.title for key, level in centre().policy.levels.items()}
    drawn = charts(board.attainment, titles, weeks)
    return render_template(
        "agent/board.html",
        board=board,
        charts=drawn,
        weeks=weeks,
        met=sum(chart.met for chart in drawn),
        total=sum(chart.total for chart in drawn),
        at_risk=sum(
            1 for row in board.coming if row.due and row.due.due and row.due.due - now() <= AT_RISK
        ),
        most=LISTED,
        height=HEIGHT,
        bar_width=BAR,
        policy_problem=centre().watch.problem,
    )
