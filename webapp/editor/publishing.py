"""Publishing from the editor's page: start a run of the index, follow it, preview its effect.

``kb.worker`` executes the runs. Nothing here reads source files or builds an index.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.analytics.query_log import FrequentQuery
from kb.errors import Invalid, KbError, NotFound
from kb.jobs.index_runs import IndexRun, IndexRunKind
from kb.search.documents import PUBLIC, visible_to
from kb.search.generations.generation import Generation
from webapp.context import audience, centre, now, person, settings
from webapp.problems import LOG
from webapp.query_counter import save_held_queries

blueprint = Blueprint("publishing", __name__, url_prefix="/editor")

#: A run that has waited this long shows that no worker is running.
WORKER_DELAY = dt.timedelta(seconds=20)
#: Unpublished changes are checked again when the last check is older than this.
FRESH = dt.timedelta(minutes=5)
MAX_CHANGED_QUERIES = 20  # on the page; `kb index --check-only --json` lists all of them
MAX_TOP_QUERIES = 12

#: What a run is doing, by its kind.
RUN_TITLES: Mapping[IndexRunKind, str] = MappingProxyType(
    {
        IndexRunKind.LOOK: "Checking for changes",
        IndexRunKind.CHECK: "Preparing the preview",
        IndexRunKind.PUBLISH: "Publishing",
    }
)
#: Group of unpublished files, as a run's report names it -> its title.
FILE_GROUPS: Mapping[str, str] = MappingProxyType(
    {"added": "New", "changed": "Changed", "removed": "Removed"}
)


@dataclass(frozen=True, slots=True)
class RankedResult:
    """One result of a compared query. ``was`` is its rank before, 0 for a new one; ``gone`` results
    are no longer shown."""

    id: str
    title: str
    was: int = 0
    gone: bool = False


@dataclass(frozen=True, slots=True)
class ChangedQuery:
    """A query whose results would change. ``times`` is how often visitors asked it, 0 for a golden
    query."""

    query: str
    audience: str
    times: int
    places: tuple[RankedResult, ...]


@dataclass(frozen=True, slots=True)
class PublishingState:
    """What the page says about publishing.

    ``open`` is the run in progress, ``last`` the run that ended last. ``seen`` is the check or
    preview that knows the unpublished changes, None once something was published after it;
    ``report`` is its report. ``look`` asks for a new check.
    """

    open: IndexRun | None
    last: IndexRun | None
    seen: IndexRun | None
    report: Mapping[str, Any]
    unattended: bool
    changed: tuple[ChangedQuery, ...]
    previews: tuple[tuple[str, str], ...]
    asked: tuple[FrequentQuery, ...]
    look: bool

    @property
    def waiting(self) -> dict[str, Sequence[str]]:
        files = self.report.get("waiting", {})
        return {title: files.get(group, ()) for group, title in FILE_GROUPS.items()}

    @property
    def newly_public(self) -> tuple[int, Sequence[str]]:
        """How many pages would become public, and the IDs of the first of them."""
        report = self.report
        if self.last is not None and self.last.state == "failed" and self.last.report:
            report = self.last.report
        return report.get("newly_public_count", 0), report.get("newly_public", ())

    @property
    def asks_for_public(self) -> bool:
        """Whether publishing needs consent when pages become public."""
        return settings().newly_public == "ask"

    @property
    def counts(self) -> dict[str, int]:
        counts = self.report.get("files", {})
        return {title: counts.get(group, 0) for group, title in FILE_GROUPS.items()}


def visible_audiences(serving: Generation | None) -> tuple[str, ...]:
    """The audiences whose documents the editor may see, all of them."""
    audiences = serving.manifest.partitions if serving else (PUBLIC,)
    own = visible_to(audience())
    return tuple(name for name in audiences if visible_to(name) <= own)


def publishing_state(serving: Generation | None, audiences: Collection[str]) -> PublishingState:
    runs = centre().index_runs
    newest = runs.latest()
    if newest is not None and newest.open:
        return _state_of_open_run(newest, _top_queries(audiences))

    ended = [runs.latest(state=state) for state in ("done", "failed", "cancelled")]
    last = max(filter(None, ended), key=lambda run: run.id, default=None)

    name = serving.name if serving else ""
    seen = runs.latest(IndexRunKind.LOOK, IndexRunKind.CHECK, state="done")
    if seen is not None and seen.report.get("generation", "") != name:
        seen = None
    report = seen.report if seen else {}

    return PublishingState(
        open=None,
        last=last,
        seen=seen,
        report=report,
        unattended=False,
        changed=_changed_queries(report, serving, audiences),
        previews=_previews(seen),
        asked=_top_queries(audiences),
        look=not _is_fresh(runs.latest(state="done"), name),
    )


def _state_of_open_run(run: IndexRun, asked: tuple[FrequentQuery, ...] = ()) -> PublishingState:
    unattended = run.state == "waiting" and now() - run.asked_at > WORKER_DELAY
    return PublishingState(run, None, None, {}, unattended, (), (), asked, look=False)


def _is_fresh(last: IndexRun | None, serving: str) -> bool:
    """Whether the unpublished changes are known: checked recently, or just published."""
    if last is None or last.report.get("generation", "") != serving:
        return False
    return now() - (last.ended_at or last.asked_at) <= FRESH


# --- addresses


@blueprint.post("/runs")
def order() -> BaseResponse:
    """Starts a run; while one is in progress, a second press starts nothing more."""
    try:
        kind = IndexRunKind(request.form.get("kind", ""))
    except ValueError:
        raise Invalid("Choose to check for changes, preview or publish.", field="kind") from None

    editor = person()
    if editor is None:
        raise NotFound("Your session has ended. Sign in again.")
    run = centre().index_runs.order(
        kind,
        editor.id,
        whole=bool(request.form.get("whole")),
        allow_public=bool(request.form.get("allow_public")),
        now=now(),
    )
    LOG.info("%s was started by the editor's page", run.kind)
    return redirect(url_for("editor.overview", _anchor="publish-title"), 303)


@blueprint.post("/runs/cancel")
def cancel() -> BaseResponse:
    """Ends the open run; what is published stays as it is."""
    text = request.form.get("run", "")
    is_id = text.isascii() and text.isdigit() and len(text) <= 12
    if not is_id or not centre().index_runs.cancel(int(text), now=now()):
        raise NotFound("This run has already ended. The page shows its outcome.")
    return redirect(url_for("editor.overview", _anchor="publish-title"), 303)


@blueprint.get("/run")
def progress() -> Response:
    """The part of the page that follows a run; ``X-Run: ended`` when none is in progress."""
    newest = centre().index_runs.latest()
    if newest is not None and newest.open:
        # Asked for every second: opening the generation, which verifies it, would cost too much.
        state = _state_of_open_run(newest)
    else:
        serving = centre().index.current(trusted=True)
        state = publishing_state(serving, visible_audiences(serving))
    page = render_template("editor/run.html", standing=state, RUN_TITLES=RUN_TITLES)
    response = make_response(page)
    response.headers["X-Run"] = "open" if state.open else "ended"
    return response


@blueprint.get("/preview/<path:document_id>")
def preview(document_id: str) -> str:
    """An article as the last preview read it. Raises NotFound also for one of another audience."""
    document = centre().index.previews.article(document_id, visible_to(audience()))
    if document is None:
        raise NotFound("There is no preview of this article. Start a new preview in the editor.")
    return render_template("editor/preview.html", document=document)


# --- parts of the state


def _previews(seen: IndexRun | None) -> tuple[tuple[str, str], ...]:
    """Ids and titles of the previewed articles that the editor may see."""
    if seen is None or seen.kind is not IndexRunKind.CHECK:
        return ()
    try:
        return centre().index.previews.listing(visible_to(audience()))
    except KbError:
        return ()


def _top_queries(audiences: Collection[str]) -> tuple[FrequentQuery, ...]:
    save_held_queries()
    return centre().query_log.frequent(audiences, now=now(), limit=MAX_TOP_QUERIES)


def _changed_queries(
    report: Mapping[str, Any], serving: Generation | None, audiences: Collection[str]
) -> tuple[ChangedQuery, ...]:
    """The changed results that the editor may see, most frequent queries first."""
    rows = [row for row in report.get("changes", ()) if row["audience"] in audiences]
    rows = sorted(rows, key=lambda row: -row["times"])[:MAX_CHANGED_QUERIES]
    ids = {document_id for row in rows for document_id in (*row["before"], *row["after"])}
    titles = _titles(serving, ids)
    return tuple(
        ChangedQuery(row["query"], row["audience"], row["times"], _ranked_results(row, titles))
        for row in rows
    )


def _ranked_results(row: Mapping[str, Any], titles: Mapping[str, str]) -> tuple[RankedResult, ...]:
    ranks = {document_id: rank for rank, document_id in enumerate(row["before"], 1)}
    shown = [
        RankedResult(document_id, titles.get(document_id, document_id), ranks.get(document_id, 0))
        for document_id in row["after"]
    ]
    gone = [
        RankedResult(document_id, titles.get(document_id, document_id), rank, gone=True)
        for document_id, rank in ranks.items()
        if document_id not in row["after"]
    ]
    return (*shown, *gone)


def _titles(serving: Generation | None, ids: Collection[str]) -> dict[str, str]:
    if serving is None or not ids:
        return {}
    store = serving.store
    titles = {document.id: document.title for document in store.documents(ids)}
    store.close()
    return titles
