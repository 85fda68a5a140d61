"""`kb gaps`: questions that people asked without an answer, and proposals to close each gap."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from pathlib import Path
from typing import Any

import click

from kb.analytics.query_log import QueryLog
from kb.cli_options import data_option, json_option
from kb.database import Database, open_database
from kb.errors import Conflict, NotFound
from kb.gaps.alias_candidate import AliasCandidates
from kb.gaps.finder import GapFinder
from kb.gaps.gaps import Gap, GapCause
from kb.gaps.proposals import (
    MOST_QUERIES,
    GapProposal,
    ProposalEffect,
    accept,
    proposal_effect,
    proposal_for,
    searcher_with,
)
from kb.search.documents import PUBLIC, Document
from kb.search.generations.generation import Generation
from kb.search.installation import search_engine
from kb.search.searcher import Searcher
from kb.settings import Settings, load_settings

LAST_MONTH = dt.timedelta(days=31)


@click.command()
@data_option
@click.option(
    "--effects", is_flag=True, help="Also print what the proposal for each group would change."
)
@click.option(
    "--accept", "accepted", metavar="GROUP", help="Write the proposal for this group to its file."
)
@json_option
def gaps(data: str | None, *, effects: bool, accepted: str | None, as_json: bool) -> None:
    """Print what people asked without success, in groups, with the tickets that followed.

    For a group with the cause "search", a page exists but was not shown: the command proposes to
    add the customers' words to its aliases. A group with the cause "writing" needs a new page.
    """
    settings, now = load_settings(data=data), dt.datetime.now(dt.UTC)
    with contextlib.closing(open_database(settings.database_location)) as database:
        proposals = _Proposals(settings, database, now)
        found = GapFinder(database, proposals.searcher).find(now)
        if accepted is not None:
            click.echo(proposals.accept(found, accepted))
            return
        shown = {gap: proposals.effect(gap) if effects else None for gap in found}
    if as_json:
        rows = [_as_json(gap, effect, settings) for gap, effect in shown.items()]
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    if not found:
        click.echo("No question was asked twice without an answer in the last 90 days.")
    for gap, effect in shown.items():
        minutes = gap.price(settings.handling_minutes)
        page = f", {gap.document} may answer" if gap.document else ""
        click.echo(
            f"{gap.tickets:>5} tickets ({minutes} min) {gap.queries:>5} queries  "
            f"{gap.cause.value:<8} {gap.title}{page}"
        )
        if effect is not None:
            click.echo(_words(*effect))


class _Proposals:
    """Proposals for the gaps of one data folder."""

    def __init__(self, settings: Settings, database: Database, now: dt.datetime) -> None:
        self._content = settings.content
        self._generations = search_engine(settings.data).generations
        self._candidates = AliasCandidates(
            database,
            customers=settings.vote_customers,
            false_suggestions=settings.false_suggestions,
        )
        frequent = QueryLog(database).frequent(
            [PUBLIC], now=now, limit=MOST_QUERIES, since=now - LAST_MONTH
        )
        self._asked = [(query.query, query.times) for query in frequent]
        self.searcher = Searcher(settings.data, cluster=settings.search_cluster)

    def effect(self, gap: Gap) -> tuple[GapProposal, ProposalEffect] | None:
        proposed = self._proposed(gap)
        if proposed is None:
            return None
        proposal, document, published = proposed
        with searcher_with(
            proposal, document, published, self.searcher, self._candidates
        ) as candidate:
            golden = self._content / "golden.toml"
            effect = proposal_effect(proposal, self.searcher, candidate, golden, self._asked)
        return proposal, effect

    def accept(self, found: tuple[Gap, ...], title: str) -> str:
        """Raises NotFound for an unknown group, and Conflict."""
        gap = next((gap for gap in found if gap.title == title), None)
        if gap is None:
            raise NotFound(f"There is no group {title!r:.80}. Run kb gaps to see them.")
        proposed = self._proposed(gap)
        if proposed is None:
            raise Conflict("This group needs a new page, so there is no proposal to accept.")
        accept(proposed[0], self._content)
        return f"Saved in {Path(self._content) / proposed[0].file}. Publish it with kb index."

    def _proposed(self, gap: Gap) -> tuple[GapProposal, Document, Generation] | None:
        published = self._generations.current(trusted=True)
        if gap.cause is not GapCause.SEARCH or published is None:
            return None
        with contextlib.closing(published.store) as store:
            document = store.document(gap.document)
        if document is None:
            return None
        return proposal_for(gap, document, self._content), document, published


def _as_json(
    gap: Gap, effect: tuple[GapProposal, ProposalEffect] | None, settings: Settings
) -> dict[str, Any]:
    shape = {
        "title": gap.title,
        "queries": gap.queries,
        "tickets": gap.tickets,
        "price": gap.price(settings.handling_minutes),
        "cause": gap.cause.value,
        "document": gap.document or None,
        "aliases": list(gap.aliases),
    }
    if effect is not None:
        proposal, measured = effect
        shape["proposal"] = {
            "kind": "aliases" if proposal.is_alias else "curation",
            "file": proposal.file,
            "words": list(proposal.words),
            "effect": measured.as_json(),
        }
    return shape


def _words(proposal: GapProposal, effect: ProposalEffect) -> str:
    kind = "Aliases" if proposal.is_alias else "A curation"
    lines = [
        f"      {kind} in {proposal.file}: {' · '.join(proposal.words)}",
        f"      Golden queries: {len(effect.mended)} fixed, {len(effect.broken)} broken "
        f"of {effect.golden}.",
    ]
    lines += [f"        broken: {query}" for query in effect.broken]
    for change in effect.changed:
        before, after = (", ".join(ids) or "nothing" for ids in (change.before, change.after))
        lines.append(f"      {change.query} ({change.times} times): {before} -> {after}")
    return "\n".join(lines)
