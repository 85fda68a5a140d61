"""What waits to be published, and how does an editor look at it and publish it from the portal?

Orders runs of the index, shows how far one is and what came of it, and shows articles as they would
be published. The worker runs them; nothing here reads sources or builds an index.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.analytics.query_log import Frequent
from kb.errors import Invalid, KbError, NotFound
from kb.jobs.index_runs import IndexRun, IndexRunKind
from kb.search.documents import PUBLIC, visible_to
from kb.search.generations.generation import Generation
from webapp.context import audience, centre, now, person
from webapp.problems import LOG
from webapp.query_counter import save as save_queries

blueprint = Blueprint("publishing", __name__, url_prefix="/editor")
#: A run that waits for so long shows that no worker is there to take it.
PATIENCE = dt.timedelta(seconds=20)
#: What was seen so long ago is looked at anew when somebody comes to the page.
FRESH = dt.timedelta(minutes=5)
CHANGES, ASKED = 20, 12  # told on the page; the command lists them all

#: What each kind of run is called while it goes on.
DOING: Mapping[IndexRunKind, str] = MappingProxyType(
    {
        IndexRunKind.LOOK: "Looking for changes",
        IndexRunKind.CHECK: "Preparing the preview",
        IndexRunKind.PUBLISH: "Publishing",
    }
)
WAITING: Mapping[str, str] = MappingProxyType(
    {"added": "New", "changed": "Changed", "removed": "Gone"}
)


@dataclass(frozen=True, slots=True)
class Place:
    """One answer of a query: ``was`` is its place before, 0 when it is new; ``gone`` when it is no
    longer shown.
    """

    id: str
    title: str
    was: int = 0
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Changed:
    """A query that would be answered differently; ``times`` is how often visitors asked it, 0 for a
    golden one.
    """

    query: str
    audience: str
    times: int
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """``open`` is the run under way, ``last`` the one that ended last; ``seen`` the look or check
    that says what waits, None when something was published since; ``report`` is that of
    ``seen``."""

    open: IndexRun | None
    last: IndexRun | None
    seen: IndexRun | None
    report: Mapping[str, Any]
    unattended: bool
    changed: tuple[Changed, ...]
    previews: tuple[tuple[str, str], ...]
    asked: tuple[Frequent, ...]
    look: bool  # what waits is not known, or was long ago

    @property
    def waiting(self) -> dict[str, Sequence[str]]:
        return {
            title: self.report.get("waiting", {}).get(name, ()) for name, title in WAITING.items()
        }

    @property
    def counts(self) -> dict[str, int]:
        return {title: self.report.get("files", {}).get(name, 0) for name, title in WAITING.items()}


def standing(serving: Generation | None, audiences: Collection[str]) -> Standing:
    """What the page says about publishing, for an editor who may ask as ``audiences``."""
    runs = centre().index_runs
    newest = runs.latest()
    if newest is not None and newest.open:
        return _under_way(newest, _asked(audiences))
    ended = max(
        filter(None, (runs.latest(state=state) for state in ("done", "failed", "cancelled"))),
        key=lambda run: run.id, default=None,
    )  # fmt: skip
    seen = runs.latest(IndexRunKind.LOOK, IndexRunKind.CHECK, state="done")
    name = serving.name if serving else ""
    seen = seen if seen and seen.report.get("generation", "") == name else None
    report = seen.report if seen else {}
    return Standing(
        open=None, last=ended, seen=seen, report=report, unattended=False,
        changed=_changed(report, serving, audiences), previews=_previews(seen), asked=_asked(audiences),
        look=not _known(runs.latest(state="done"), name),
    )  # fmt: skip


def _under_way(run: IndexRun, asked: tuple[Frequent, ...] = ()) -> Standing:
    unattended = run.state == "waiting" and now() - run.asked_at > PATIENCE
    return Standing(run, None, None, {}, unattended, (), (), asked, look=False)


def _known(last: IndexRun | None, serving: str) -> bool:
    """Whether it is known what waits: somebody looked lately, or has just published it."""
    fits = last is not None and last.report.get("generation", "") == serving
    return fits and last is not None and now() - (last.ended_at or last.asked_at) <= FRESH


@blueprint.post("/runs")
def order() -> BaseResponse:
    """Orders a run; a second press while it is open orders nothing more."""
    try:
        kind = IndexRunKind(request.form.get("kind", ""))
    except ValueError:
        raise Invalid("Choose: look for changes, preview, or publish.", field="kind") from None
    someone = person()
    if someone is None:
        raise NotFound("Your session has ended; sign in again.")
    run = centre().index_runs.order(
        kind, someone.id, whole=bool(request.form.get("whole")), now=now()
    )
    LOG.info("%s was ordered by the editor's page", run.kind)
    return redirect(url_for("editor.overview", _anchor="publish-title"), 303)


@blueprint.post("/runs/cancel")
def cancel() -> BaseResponse:
    """Ends the open run; what is published stays as it is."""
    text = request.form.get("run", "")
    if (
        not text.isascii()
        or not text.isdigit()
        or len(text) > 12
        or not centre().index_runs.cancel(int(text), now=now())
    ):
        raise NotFound("That run has ended already; the page says what came of it.")
    return redirect(url_for("editor.overview", _anchor="publish-title"), 303)


@blueprint.get("/run")
def progress() -> Response:
    """The part of the page that changes while a run is under way; ``X-Run: ended`` when nothing is."""
    newest = centre().index_runs.latest()
    if newest is not None and newest.open:
        stand = _under_way(
            newest
        )  # asked every second: opening a generation, which verifies it, would cost too much
    else:
        serving = centre().index.current(trusted=True)
        known = serving.manifest.partitions if serving else (PUBLIC,)
        stand = standing(
            serving, [name for name in known if visible_to(name) <= visible_to(audience())]
        )
    response = make_response(render_template("editor/run.html", standing=stand, doing=DOING))
    response.headers["X-Run"] = "open" if stand.open else "ended"
    return response


@blueprint.get("/preview/<path:document_id>")
def preview(document_id: str) -> str:
    """An article as the last check read it. Raises NotFound for one that the editor may not see,
    too.
    """
    document = centre().index.previews.article(document_id, visible_to(audience()))
    if document is None:
        raise NotFound(
            "There is no preview of this article; prepare the preview anew on the editor's page."
        )
    return render_template("editor/preview.html", document=document)


def _previews(seen: IndexRun | None) -> tuple[tuple[str, str], ...]:
    """Ids and titles of the articles that the last check kept, of those that the editor may see."""
    if seen is None or seen.kind is not IndexRunKind.CHECK:
        return ()
    try:
        return centre().index.previews.listing(visible_to(audience()))
    except KbError:
        return ()


def _asked(audiences: Collection[str]) -> tuple[Frequent, ...]:
    save_queries()
    return centre().query_log.frequent(audiences, now=now(), most=ASKED)


def _changed(
    report: Mapping[str, Any], serving: Generation | None, audiences: Collection[str]
) -> tuple[Changed, ...]:
    """The differences of answers that the editor may see, what is asked most first."""
    rows = [row for row in report.get("changes", ()) if row["audience"] in audiences]
    rows = sorted(rows, key=lambda row: -row["times"])[:CHANGES]
    titles = _titles(serving, {id_ for row in rows for id_ in (*row["before"], *row["after"])})
    return tuple(
        Changed(row["query"], row["audience"], row["times"], _places(row, titles)) for row in rows
    )


def _places(row: Mapping[str, Any], titles: Mapping[str, str]) -> tuple[Place, ...]:
    before, after = list(row["before"]), list(row["after"])
    shown = [
        Place(one, titles.get(one, one), before.index(one) + 1 if one in before else 0)
        for one in after
    ]
    gone = [
        Place(one, titles.get(one, one), place, gone=True)
        for place, one in enumerate(before, 1)
        if one not in after
    ]
    return (*shown, *gone)


def _titles(serving: Generation | None, ids: Collection[str]) -> dict[str, str]:
    titles: dict[str, str] = {}
    if serving is not None and ids:
        store = serving.store
        titles = {one.id: one.title for one in store.documents(ids)}
        store.close()
    return titles
