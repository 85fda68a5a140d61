"""Known problems for agents: publish one, tell what is new, and which tickets wait for it.

Nothing of a ticket is filled in by itself but its product and version: what becomes public is
typed and confirmed by a person.
"""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Conflict, Invalid
from kb.problems.problem import PROBLEM_STATUS_TITLES, KnownProblem, ProblemStatus
from webapp.context import centre, now
from webapp.customer.account import signed_in_person

blueprint = Blueprint("problem_desk", __name__, url_prefix="/desk/problems")
#: Who can be shown a problem: groups of documents that every site has.
AUDIENCES = ("public", "customers", "staff")


@blueprint.get("")
def overview() -> str:
    problems, agent = centre().problems, signed_in_person()
    open_ones = problems.open(frozenset(AUDIENCES), now=now())
    ended = problems.ended(frozenset(AUDIENCES))
    return render_template(
        "agent/problems.html",
        problems=open_ones,
        ended=ended,
        counts=problems.counts((*open_ones, *ended)),
        bursts=problems.bursts(agent, now=now()),
    )


@blueprint.get("/new")
def new() -> str:
    return _form(MultiDict(request.args), {})


def _form(
    values: MultiDict[str, str], errors: dict[str, str], problem: KnownProblem | None = None
) -> str:
    """The form of a new problem, or that which corrects the texts of ``problem``."""
    number = values.get("ticket", "")
    form = dict(values)
    if number and "title" not in values:
        ticket = centre().desk.ticket(number, signed_in_person(), now=now())
        form |= {"product": ticket.row.product, "versions": ticket.version}
    return render_template(
        "agent/problem_form.html",
        form=form,
        errors=errors,
        number=number,
        problem=problem,
        statuses=_choices(with_resolved=False),
        products=_products(),
        audiences=AUDIENCES,
        open_problems=centre().problems.open(frozenset(AUDIENCES), now=now()) if number else (),
    )


@blueprint.post("")
def publish() -> BaseResponse:
    try:
        problem_id = centre().problems.publish(
            request.form,
            signed_in_person(),
            centre().desk,
            number=request.form.get("ticket", ""),
            products=_products(),
            audiences=AUDIENCES,
            now=now(),
        )
    except Invalid as error:
        return make_response(_form(MultiDict(request.form), dict(error.fields)), error.status)
    return redirect(url_for("problem_desk.show", problem_id=problem_id), 303)


@blueprint.get("/<int(max=2000000000):problem_id>/texts")
def texts(problem_id: int) -> str:
    problem = centre().problems.for_agent(problem_id, signed_in_person())
    values = {
        name: getattr(problem, name)
        for name in ("title", "symptoms", "workaround", "product", "versions", "audience")
    }
    return _form(MultiDict({**values, "status": problem.status.value}), {}, problem)


@blueprint.post("/<int(max=2000000000):problem_id>/texts")
def correct(problem_id: int) -> BaseResponse:
    """Corrects what is published; nobody is told, for nothing is new."""
    problems, agent = centre().problems, signed_in_person()
    try:
        problems.correct(problem_id, request.form, agent, products=_products(), audiences=AUDIENCES)
    except Invalid as error:
        problem = problems.for_agent(problem_id, agent)
        form = MultiDict({**request.form.to_dict(), "status": problem.status.value})
        return make_response(_form(form, dict(error.fields), problem), error.status)
    return redirect(url_for("problem_desk.show", problem_id=problem_id), 303)


@blueprint.get("/<int(max=2000000000):problem_id>")
def show(problem_id: int) -> str:
    return _page(problem_id)


def _page(
    problem_id: int, errors: dict[str, str] | None = None, form: MultiDict[str, str] | None = None
) -> str:
    problems, agent = centre().problems, signed_in_person()
    problem = problems.for_agent(problem_id, agent)
    return render_template(
        "agent/problem.html",
        problem=problem,
        counts=problems.counts((problem,))[problem.id],
        tickets=problems.tickets(problem_id, agent),
        statuses=_choices(with_resolved=True),
        errors=errors or {},
        form=form or MultiDict({"status": problem.status.value}),
    )


@blueprint.post("/<int(max=2000000000):problem_id>/updates")
def update(problem_id: int) -> BaseResponse:
    """What is new: followers are told, and the tickets of a resolved problem are resolved."""
    problems = centre().problems
    try:
        problems.update(problem_id, request.form, signed_in_person(), now=now())
    except (Invalid, Conflict) as error:
        fields = dict(error.fields) if isinstance(error, Invalid) else {"": error.sentence}
        return make_response(_page(problem_id, fields, request.form), error.status)
    # The worker goes on with what is left after a crash.
    problems.settle(centre().desk, now=now())
    return redirect(url_for("problem_desk.show", problem_id=problem_id), 303)


@blueprint.post("/links")
def link() -> BaseResponse:
    """A ticket waits for a problem from now on, or with none chosen, for no problem any longer."""
    number, chosen = request.form.get("ticket", ""), request.form.get("problem", "")
    problems, agent, desk = centre().problems, signed_in_person(), centre().desk
    if chosen.isascii() and chosen.isdigit() and len(chosen) < 10:
        problems.link(int(chosen), number, agent, desk, now=now())
    else:
        problems.unlink(number, agent, desk, now=now())
    return redirect(url_for("ticket_page.show", number=number), 303)


def _choices(*, with_resolved: bool) -> list[tuple[str, str]]:
    return [
        (status.value, title)
        for status, title in PROBLEM_STATUS_TITLES.items()
        if with_resolved or status is not ProblemStatus.RESOLVED
    ]


def _products() -> dict[str, str]:
    return {product.key: product.title for product in centre().catalogue.products}
