"""Webhook endpoints, for administrators: add, choose events, pause, test, deliveries, replay.

``kb.webhooks`` has the rules, and ``kb worker`` sends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Invalid, KbError
from kb.webhooks.endpoints import NewEndpoint
from kb.webhooks.events import EVENT_TYPES
from webapp.context import centre, now, settings

blueprint = Blueprint("webhooks", __name__, url_prefix="/programs/webhooks")


@blueprint.get("")
def overview() -> str:
    return _page()


def _page(*, made: NewEndpoint | None = None, problem: KbError | None = None) -> str:
    return render_template(
        "admin/webhooks.html",
        endpoints=centre().webhooks.all(),
        urls=settings().webhook_urls,
        event_types=EVENT_TYPES,
        made=made,
        section="add",
        problem=problem,
        done=request.args.get("done", ""),
        typed=MultiDict() if made else request.form,
    )


@blueprint.post("")
def add() -> Response | tuple[str, int]:
    """A new endpoint; this answer shows its secret once."""
    form = request.form
    try:
        made = centre().webhooks.add(form.get("url", ""), form.getlist("event"), now=now())
    except Invalid as error:
        return _page(problem=error), error.status
    g.audited_endpoint = made.endpoint.id
    return make_response(_page(made=made), 201)


@blueprint.get("/<int(max=2147483647):endpoint_id>")
def show(endpoint_id: int) -> str:
    webhooks = centre().webhooks
    return render_template(
        "admin/webhook.html",
        endpoint=webhooks.get(endpoint_id),
        deliveries=webhooks.deliveries(endpoint_id),
        event_types=EVENT_TYPES,
        done=request.args.get("done", ""),
        section="",
        problem=None,
    )


Form = MultiDict[str, str]


def _choose(endpoint_id: int, form: Form) -> None:
    centre().webhooks.choose(endpoint_id, form.getlist("event"))


def _pause(endpoint_id: int, _form: Form) -> None:
    centre().webhooks.switch(endpoint_id, on=False)


def _resume(endpoint_id: int, _form: Form) -> None:
    centre().webhooks.switch(endpoint_id, on=True)


def _test(endpoint_id: int, _form: Form) -> None:
    centre().webhooks.test(endpoint_id, now=now())


def _replay(endpoint_id: int, form: Form) -> None:
    text = form.get("delivery", "")
    delivery_id = int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else 0
    centre().webhooks.replay(endpoint_id, delivery_id, now=now())


#: Last part of the address -> what it does to an endpoint.
_ACTIONS: Mapping[str, Callable[[int, Form], None]] = MappingProxyType(
    {"events": _choose, "pause": _pause, "resume": _resume, "test": _test, "replay": _replay}
)


@blueprint.post(
    f"/<int(max=2147483647):endpoint_id>/<any({', '.join(map(repr, _ACTIONS))}):action>"
)
def change(endpoint_id: int, action: str) -> BaseResponse:
    _ACTIONS[action](endpoint_id, request.form)
    return redirect(url_for("webhooks.show", endpoint_id=endpoint_id, done=action), 303)


@blueprint.post("/<int(max=2147483647):endpoint_id>/remove")
def remove(endpoint_id: int) -> BaseResponse:
    centre().webhooks.remove(endpoint_id)
    return redirect(url_for("webhooks.overview", done="removed"), 303)
