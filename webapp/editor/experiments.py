"""Experiments for editors: other curations, synonyms or weights on live typing."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Conflict, Invalid, Misconfigured, NotFound, Unavailable
from kb.experiments.experiments import EXPERIMENT_FOLDER, candidate_files, read_candidate
from webapp.context import centre, now, settings

blueprint = Blueprint("experiments", __name__, url_prefix="/editor/experiment")


@blueprint.get("")
def show() -> str:
    return _page()


def _page(sentence: str = "") -> str:
    return render_template(
        "editor/experiment.html",
        experiment=centre().experiments.latest(),
        candidates=candidate_files(settings().content),
        folder=EXPERIMENT_FOLDER,
        sentence=sentence,
    )


@blueprint.post("/start")
def start() -> BaseResponse | tuple[str, int]:
    name = request.form.get("file", "")
    try:
        if name not in candidate_files(settings().content):
            raise Invalid("Choose one of the files.", field="file")
        path = settings().content / EXPERIMENT_FOLDER / name
        curations = read_candidate(path, centre().searcher)
        centre().experiments.start(path.stem, curations, now=now())
    except Misconfigured as error:  # a mistake of the editor's, who can mend it
        return _page(error.sentence.replace(f"{settings().content}/", "")), 422
    except (Invalid, Conflict, Unavailable) as error:
        return _page(error.sentence), error.status
    return redirect(url_for("experiments.show"), 303)


@blueprint.post("/end")
def end() -> BaseResponse | tuple[str, int]:
    try:
        centre().experiments.end(now=now())
    except NotFound as error:
        return _page(error.sentence), error.status
    return redirect(url_for("experiments.show"), 303)
