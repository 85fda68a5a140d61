"""`kb gaps`: questions that people asked without an answer, and proposals to close each gap."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from kb.cli_options import data_option, json_option
from kb.database import open_database
from kb.errors import Conflict, NotFound
from kb.gaps.effects import EffectComparison, ProposalEffect
from kb.gaps.finder import GapFinder
from kb.gaps.gaps import Gap, GapCause
from kb.gaps.proposals import CURATION_SOURCE, GapProposal, accept, proposal_for
from kb.search.documents import PUBLIC
from kb.search.searcher import Searcher
from kb.settings import load_settings


@click.command()
@data_option
@click.option(
    "--effects", is_flag=True, help="Also print what the proposal for each group would change."
)
@click.option(
    "--accept",
    "accepted",
    metavar="GROUP",
    help=f"Add the proposal for this group to {CURATION_SOURCE}.",
)
@json_option
def gaps(data: str | None, *, effects: bool, accepted: str | None, as_json: bool) -> None:
    """Print what people asked without success, in groups, with the tickets that followed.

    For a group with the cause "search", a page exists but was not shown: the command proposes to
    add the customers' words to its aliases. A group with the cause "writing" needs a new page.
    """
    settings, now = load_settings(data=data), dt.datetime.now(dt.UTC)
    with contextlib.closing(open_database(settings.database_location)) as database:
        searcher = Searcher(settings.data, cluster=settings.search_cluster)
        groups = GapFinder(database, searcher).find(now)
        if accepted is not None:
            accept(_proposal_of(groups, accepted, searcher), settings.content)
            click.echo(f"Saved in {settings.content / CURATION_SOURCE}. Publish it with kb index.")
            return
        shown: dict[Gap, tuple[GapProposal, ProposalEffect] | None] = dict.fromkeys(groups)
        comparison = EffectComparison(settings, database, searcher)
        for gap in groups if effects else ():
            proposal = _proposal(gap, searcher)
            if proposal is not None:
                shown[gap] = proposal, comparison.effect(proposal, now)
        titles = _titles(searcher, shown)
    if as_json:
        rows = [_as_json(gap, effect, settings.handling_minutes) for gap, effect in shown.items()]
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    if not groups:
        click.echo("No question was asked twice without an answer in the last 90 days.")
    for gap, effect in shown.items():
        minutes = gap.price(settings.handling_minutes)
        page = ""
        if gap.document:
            what = "may answer" if gap.cause is GapCause.SEARCH else "is shown but does not help"
            page = f" ({titles[gap.document]!r} {what})"
        click.echo(
            f"{gap.tickets:>5} tickets ({minutes} min) {gap.queries:>5} queries  "
            f"{gap.cause.value:<8} {gap.title}{page}"
        )
        if effect is not None:
            click.echo(_words(*effect, titles))


def _proposal(gap: Gap, searcher: Searcher) -> GapProposal | None:
    """None also for a page that the public does not see, or that no longer exists."""
    try:
        return proposal_for(gap, searcher.article(gap.document)) if gap.document else None
    except NotFound:
        return None


def _proposal_of(groups: Sequence[Gap], title: str, searcher: Searcher) -> GapProposal:
    """Raises NotFound for an unknown group, and Conflict for one without a proposal."""
    gap = next((gap for gap in groups if gap.title == title), None)
    if gap is None:
        raise NotFound(f"There is no group {title!r:.80}. Run kb gaps to see all groups.")
    proposal = _proposal(gap, searcher)
    if proposal is None:
        raise Conflict("There is no proposal for this group: no words can be added to a page.")
    return proposal


def _titles(
    searcher: Searcher, shown: Mapping[Gap, tuple[GapProposal, ProposalEffect] | None]
) -> dict[str, str]:
    """The titles of all pages that are printed, or the id of a page that the public can't see."""
    ids = {gap.document for gap in shown if gap.document}
    for measured in shown.values():
        for change in measured[1].changed if measured else ():
            ids |= {*change.before, *change.after}
    return {name: name for name in ids} | (searcher.titles(ids, audience=PUBLIC) if ids else {})


def _as_json(
    gap: Gap, effect: tuple[GapProposal, ProposalEffect] | None, handling_minutes: int
) -> dict[str, Any]:
    shape = {
        "title": gap.title,
        "queries": gap.queries,
        "tickets": gap.tickets,
        "price": gap.price(handling_minutes),
        "cause": gap.cause.value,
        "document": gap.document or None,
        "aliases": list(gap.aliases),
    }
    if effect is not None:
        proposal, measured = effect
        shape["proposal"] = {
            "kind": "aliases",
            "file": CURATION_SOURCE,
            "words": list(proposal.words),
            "effect": measured.as_json(),
        }
    return shape


def _words(proposal: GapProposal, effect: ProposalEffect, titles: Mapping[str, str]) -> str:
    lines = [
        f"      Aliases in {CURATION_SOURCE}: {' · '.join(proposal.words)}",
        f"      Golden queries: {len(effect.mended)} fixed, {len(effect.broken)} broken "
        f"of {effect.golden}.",
    ]
    lines += [f"        broken: {query}" for query in effect.broken]
    for change in effect.changed:
        before, after = (
            " | ".join(titles[name] for name in ids) or "nothing"
            for ids in (change.before, change.after)
        )
        lines.append(f"      {change.query} ({change.times} times): {before} -> {after}")
    return "\n".join(lines)
