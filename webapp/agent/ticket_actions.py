"""What does an agent do to a ticket besides answering it in words?

One route and a table of verbs: wait, pause, move, propose, answer by articles, merge, split, void.
Each reads its own fields of the form; what it means, and to whom it is allowed, is ``kb.tickets``'.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from flask import Blueprint, request
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Invalid, NotFound
from kb.people.person import Person
from kb.search.documents import PUBLIC
from kb.tickets.desk import Desk
from webapp.agent.desk import do
from webapp.context import centre, now
from webapp.customer.tickets import addresses, midnight

blueprint = Blueprint("handling", __name__, url_prefix="/desk")


@dataclass(frozen=True, slots=True)
class Deed:
    """One verb on its way: who does it to which ticket, with the fields of the form."""

    desk: Desk
    number: str
    who: Person
    form: Mapping[str, str]
    at: dt.datetime

    def text(self, name: str) -> str:
        return self.form.get(name, "").strip()

    @property
    def until(self) -> dt.datetime | None:
        return midnight(self.text("until"), "until", days=0)


def _await(deed: Deed) -> None:
    reason = deed.text("reason") or "customer"
    deed.desk.await_customer(
        deed.number,
        deed.who,
        deed.form.get("body", ""),
        reason=reason,
        until=deed.until,
        key=deed.text("key"),
        now=deed.at,
    )


def _pause(deed: Deed) -> None:
    note, reason = deed.text("body"), deed.text("reason")
    deed.desk.pause(
        deed.number,
        deed.who,
        reason,
        until=deed.until,
        note=note,
        key=deed.text("key"),
        now=deed.at,
    )


def _resume(deed: Deed) -> None:
    deed.desk.resume(deed.number, deed.who, key=deed.text("key"), now=deed.at)


def _dismiss(deed: Deed) -> None:
    deed.desk.no_answer_needed(deed.number, deed.who, key=deed.text("key"), now=deed.at)


def _move(deed: Deed) -> None:
    deed.desk.move(
        deed.number,
        deed.who,
        deed.text("level"),
        deed.form.get("body", ""),
        change=deed.text("change"),
        key=deed.text("key"),
        now=deed.at,
    )


def _propose(deed: Deed) -> None:
    deed.desk.propose_severity(
        deed.number,
        deed.who,
        deed.text("severity"),
        deed.form.get("body", ""),
        detail=deed.text("detail"),
        key=deed.text("key"),
        now=deed.at,
    )


def _link(deed: Deed) -> None:
    chosen = [*request.form.getlist("document"), *deed.text("another").split()]
    documents = [_readable(one.removeprefix("/help/")) for one in dict.fromkeys(chosen)]
    deed.desk.answer_by_link(
        deed.number,
        deed.who,
        documents,
        deed.form.get("body", ""),
        key=deed.text("key"),
        now=deed.at,
    )


def _readable(document_id: str) -> tuple[str, str]:
    """(id, title) of an article that everybody may read: a customer must be able to open it. Raises
    Invalid.
    """
    try:
        document = centre().searcher.article(document_id, audience=PUBLIC)
    except NotFound:
        raise Invalid(
            f"There is no article {document_id[:80]!r} that customers may read.", field="another"
        ) from None
    return document.id, document.title


def _copies(deed: Deed) -> None:
    deed.desk.set_copies(
        deed.number, deed.who, addresses(deed.text("copy_to")), key=deed.text("key"), now=deed.at
    )


def _reopen(deed: Deed) -> None:
    deed.desk.reopen(
        deed.number, deed.who, deed.form.get("body", ""), key=deed.text("key"), now=deed.at
    )


def _merge(deed: Deed) -> None:
    deed.desk.merge(
        deed.number, deed.who, deed.text("into").upper(), key=deed.text("key"), now=deed.at
    )


def _split(deed: Deed) -> None:
    deed.desk.split(
        deed.number,
        deed.who,
        deed.text("title"),
        deed.form.get("body", ""),
        key=deed.text("key"),
        now=deed.at,
    )


def _void(deed: Deed) -> None:
    deed.desk.void(deed.number, deed.who, deed.text("why"), key=deed.text("key"), now=deed.at)


def _watch(deed: Deed) -> None:
    deed.desk.watch(deed.number, deed.who, on=deed.text("on") != "no")


VERBS: Mapping[str, Callable[[Deed], None]] = MappingProxyType(
    {
        "wait": _await,
        "pause": _pause,
        "resume": _resume,
        "no-answer": _dismiss,
        "move": _move,
        "severity": _propose,
        "link": _link,
        "copies": _copies,
        "reopen": _reopen,
        "merge": _merge,
        "split": _split,
        "void": _void,
        "watch": _watch,
    }
)


@blueprint.post(
    "/<number>/<any(wait, pause, resume, 'no-answer', move, severity, link, copies, "
    "reopen, merge, split, void, watch):verb>"
)
def act(number: str, verb: str) -> BaseResponse | tuple[str, int]:
    form, desk, at = request.form.to_dict(), centre().desk, now()
    return do(
        number,
        lambda who: VERBS[verb](Deed(desk, number, who, form, at)),
        typed=form.get("body", ""),
        typing=verb,
    )
