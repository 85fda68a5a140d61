"""Generations of the index and index runs, for editors and their programs."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, url_for

from kb.errors import Invalid, NotFound, Unauthorized
from kb.jobs.index_runs import IndexRun, IndexRunKind
from webapp.api.v1 import api_blueprint, instant_json, json_body
from webapp.context import centre, now, person

blueprint = api_blueprint("generations")

LISTED_RUNS = 20


@blueprint.get("/generations")
def listing() -> Response:
    """The generations that are kept, the newest first."""
    past = centre().index.history(trusted=True)
    return jsonify(generations=[generation.json() for generation in past])


@blueprint.get("/index-runs")
def runs() -> Response:
    """The latest runs, the newest first."""
    listed = centre().index_runs.recent(LISTED_RUNS)
    return jsonify(runs=[_run_json(run) for run in listed])


@blueprint.get("/index-runs/<int(max=2147483647):run_id>")
def run(run_id: int) -> Response:
    """One run with its report, to wait for its end."""
    listed = {run.id: run for run in centre().index_runs.recent()}
    if run_id not in listed:
        raise NotFound("There is no such run. Only the latest runs are kept.")
    return jsonify({**_run_json(listed[run_id]), "report": dict(listed[run_id].report)})


@blueprint.post("/index-runs")
def order() -> tuple[Response, int, dict[str, str]]:
    """Starts a run, or answers with the open one that does the same. Raises Invalid, Conflict."""
    body, editor = json_body(), person()
    if editor is None:
        raise Unauthorized("A key without a person can’t start runs.")
    kind, whole = body.get("kind"), body.get("whole", False)
    allow_public = body.get("allow_public", False)
    if kind not in tuple(IndexRunKind):
        raise Invalid(f"kind must be one of {', '.join(IndexRunKind)}.", field="kind")
    if not isinstance(whole, bool) or not isinstance(allow_public, bool):
        raise Invalid("whole and allow_public must be true or false.", field="whole")
    ordered = centre().index_runs.order(
        IndexRunKind(kind), editor.id, whole=whole, allow_public=allow_public, now=now()
    )
    address = url_for("generations.run", run_id=ordered.id)
    return jsonify(_run_json(ordered)), 202, {"Location": address}


def _run_json(run: IndexRun) -> dict[str, Any]:
    return {
        "id": run.id,
        "kind": run.kind,
        "state": run.state,
        "by": run.by,
        "asked": instant_json(run.asked_at),
        "started": instant_json(run.started_at),
        "ended": instant_json(run.ended_at),
        "stage": run.stage,
        "done": run.done,
        "total": run.total,
        "sentence": run.sentence,
    }
