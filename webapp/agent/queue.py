"""The agents' queue of tickets, earliest due first, and its saved views."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.tickets.lifecycle import Status
from kb.tickets.queue import VIEW_FILTERS
from webapp.context import centre, now
from webapp.customer.account import signed_in_person
from webapp.customer.action_forms import midnight
from webapp.customer.help_centre import page_number
from webapp.customer.tickets import own_number
from webapp.formatting import status_title

blueprint = Blueprint("queue", __name__, url_prefix="/desk")
PER_PAGE = 25


@blueprint.get("")
def show() -> str | BaseResponse:
    filters = {name: request.args.get(name, "").strip()[:200] for name in VIEW_FILTERS}
    filters_set = {name: value for name, value in filters.items() if value}
    queue, viewer = centre().desk.queue, signed_in_person()
    number = own_number(filters["words"], viewer)
    if number and len(filters_set) == 1:
        return redirect(url_for("ticket_page.show", number=number), 303)
    total, rows = queue.tickets(
        viewer,
        status=filters["status"] or None,
        level=filters["level"],
        product=filters["product"],
        words=filters["words"],
        since=midnight(filters["since"], "since", days=0),
        until=midnight(filters["until"], "until", days=1),
        assignee=filters["assignee"],
        field=filters["field"],
        page=page_number(),
        now=now(),
    )
    return render_template(
        "agent/queue.html",
        total=total,
        rows=rows,
        filters=filters,
        filters_set=filters_set,
        status_choices=[(status.value, status_title(status)) for status in Status],
        level_choices=[(key, level.title) for key, level in centre().policy.levels.items()],
        product_choices=[(product.key, product.title) for product in centre().catalogue.products],
        agent_choices=[
            (agent.email, agent.name)
            for agent in queue.agents(viewer)
            if agent.email != viewer.email
        ],
        field_choices=_field_choices(filters["field"]),
        views=queue.views(viewer),
        page=page_number(),
        pages=-(-total // PER_PAGE),
        bursts=centre().problems.bursts(viewer, now=now()),
    )


def _field_choices(chosen: str) -> list[tuple[str, str]]:
    """Values of the site's searchable fields that are chosen from a list, and what is chosen now:
    an address may name any value of any searchable field.
    """
    choices = {
        f"{field.key}:{choice}": f"{field.title}: {choice}"
        for field in centre().policy.fields.values()
        if field.searchable
        for choice in field.choices
    }
    return [*({chosen: chosen} | choices if chosen else choices).items()]


@blueprint.post("/views")
def save_view() -> BaseResponse:
    """Saves the queue's filters under a name."""
    values = {name: request.form.get(name, "").strip() for name in VIEW_FILTERS}
    filters = {name: value for name, value in values.items() if value}
    centre().desk.queue.save_view(
        signed_in_person(),
        request.form.get("name", ""),
        filters,
        shared=bool(request.form.get("shared")),
    )
    return redirect(f"{url_for('queue.show')}?{urlencode(filters)}", 303)


@blueprint.post("/views/<int(max=2147483647):view>/drop")
def delete_view(view: int) -> BaseResponse:
    centre().desk.queue.delete_view(signed_in_person(), view)
    return redirect(url_for("queue.show"), 303)
