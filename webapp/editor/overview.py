"""What do visitors find now, why in that order, and what is to be mended?

The editor's page: the published generation and the ones before it, a query tried out with the parts
of its scores, findings of the last index run, and what editors decided. All of it comes from ``centre.index`` and
``centre.searcher``; ordering a run is ``publishing``'s.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from kb.errors import Conflict, Invalid, KbError, NotFound, Unavailable
from kb.search.documents import PUBLIC, visible_to
from kb.search.generations.generation import Generation, PastGeneration
from kb.search.query.parser import MAX_QUERY_LENGTH
from kb.search.results import Hit
from webapp.context import audience, centre
from webapp.editor.publishing import DOING
from webapp.editor.publishing import standing as standing_of
from webapp.problems import LOG

blueprint = Blueprint("editor", __name__, url_prefix="/editor")
FINDINGS = 50  # told on the page; the command lists them all
TRIED = 8

#: Part of a score -> (title, what it rewards), in the order of showing.
PARTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "words": (
            "Words",
            "the words that were typed, rare ones more, in titles three times as much",
        ),
        "passage": ("Passage", "many of the words close together, under one heading"),
        "letters": ("Letters", "a title that looks like what was typed, with typos and half words"),
        "topics": ("Topics", "texts about the same things in other words"),
        "kindred": ("Kindred", "texts about the same things as the three best"),
        "semantic": ("Meaning", "words that mean the same to a model that was trained elsewhere"),
        "kind": ("Kind", "the head start of guides and FAQ over the forum"),
        "unsolved": ("Unsolved", "what a topic without an accepted answer loses"),
        "exact": ("Code", "an error code or a name from the text, letter by letter"),
        "phrase": (
            "Phrase",
            "a title that has the last words as they were typed, one after another",
        ),
        "version": ("Version", "it is about the version that the query names"),
        "language": ("Language", "what a page in another language than the reader's loses"),
        "fresh": ("Fresh", "it was updated lately; hardly more than a tie-break"),
        "votes": ("Votes", "tickets like this one were solved with it"),
        "boost": ("Boost", "an editor raised or lowered it for this query"),
        "pin": ("Pin", "an editor put it on top for this query"),
    }
)


@dataclass(frozen=True, slots=True)
class Tried:
    """A query as ``audience`` is answered; ``parts`` are the names of score parts that occur."""

    query: str
    audience: str
    mode: str
    hits: tuple[Hit, ...] = ()
    parts: tuple[str, ...] = ()
    sentence: str = ""


@blueprint.get("")
def overview() -> str:
    return _page()


@blueprint.post("/rollback")
def rollback() -> tuple[str, int] | BaseResponse:
    """Another kept generation serves from now on; a later publish goes on from it."""
    name = request.form.get("name", "")
    try:
        serves = centre().index.rollback(name[:20])
    except (NotFound, Unavailable, Conflict) as error:
        return _page(sentence=error.sentence), error.status
    LOG.info("generation %s serves again, by the editor's page", serves.name)
    return redirect(url_for("editor.overview", served=serves.name), 303)


def _page(*, sentence: str = "") -> str:
    index = centre().index
    past = index.history(trusted=True)
    serving = index.current(trusted=True)
    return render_template(
        "editor/overview.html",
        standing=standing_of(serving, _may_try(serving)),
        doing=DOING,
        past=past,
        serving=_past_of(past, serving),
        created={one.name: _moment(one.created) for one in past},
        seen=_seen(serving) if serving else {},
        findings=serving.findings() if serving else (),
        shown=FINDINGS,
        decided=serving.curations() if serving else {},
        audiences=_may_try(serving),
        tried=_tried(serving),
        parts=PARTS,
        sentence=sentence,
        served=request.args.get("served", ""),
    )


def _past_of(past: Sequence[PastGeneration], serving: Generation | None) -> PastGeneration | None:
    return next((one for one in past if serving and one.name == serving.name), None)


def _moment(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None


def _may_try(serving: Generation | None) -> tuple[str, ...]:
    """The audiences that an editor may ask as: those that see no more than the editor does."""
    known = serving.manifest.partitions if serving else (PUBLIC,)
    own = visible_to(audience())
    return tuple(name for name in known if visible_to(name) <= own)


def _seen(serving: Generation) -> dict[str, dict[str, int]]:
    """audience -> kind -> how many documents they may see; empty while the searcher cannot say."""
    try:
        return {name: centre().searcher.counts(name) for name in _may_try(serving)}
    except KbError:
        return {}


def _tried(serving: Generation | None) -> Tried | None:
    """What the address asks for. Raises Invalid for an audience that the editor may not ask as."""
    query = request.args.get("q", "").strip()[:MAX_QUERY_LENGTH]
    if not query:
        return None
    asker, mode = request.args.get("as", PUBLIC), request.args.get("mode", "suggest")
    if asker not in _may_try(serving) or mode not in ("suggest", "search"):
        raise Invalid(
            f"There is no asking as {asker[:40]!r} here; choose from the list.", field="as"
        )
    try:
        hits = _hits(query, asker, mode)
    except KbError as error:
        return Tried(query, asker, mode, sentence=error.sentence)
    return Tried(query, asker, mode, hits, _order(hits))


def _hits(query: str, asker: str, mode: str) -> tuple[Hit, ...]:
    searcher = centre().searcher
    if mode == "suggest":
        return searcher.suggest(query, audience=asker, limit=TRIED, explain=True).hits
    return searcher.search(query, audience=asker, per_page=TRIED, explain=True).hits


def _order(hits: Sequence[Hit]) -> tuple[str, ...]:
    """The parts that occur, known ones first and in their order."""
    present = {name for hit in hits for name in hit.explain}
    return (*(name for name in PARTS if name in present), *sorted(present - set(PARTS)))
