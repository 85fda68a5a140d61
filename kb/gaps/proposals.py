"""What to do about a gap that search could close: a curation, and its effect before it is accepted.

A page exists and was not shown. The proposal pins it for the words in which customers asked; the
golden queries and the queries of the last weeks are answered with and without it, as the public is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kb.errors import Conflict, KbError, Unavailable
from kb.gaps.gaps import Gap
from kb.search.query.curation_file import read_curations
from kb.search.query.golden_file import GoldenQuery, read_golden_queries
from kb.search.searcher import Searcher

COMPARED = 3  # suggestions of each query
MOST_QUERIES = 300


@dataclass(frozen=True, slots=True)
class CurationProposal:
    """``words`` are wordings of customers, for which ``document`` comes first."""

    words: tuple[str, ...]
    document: str

    @property
    def rule(self) -> dict[str, Any]:
        """As ``curations.toml`` has it."""
        return {"query": list(self.words), "match": "is", "pin": [self.document]}

    @property
    def toml(self) -> str:
        words = ", ".join(json.dumps(text, ensure_ascii=False) for text in self.words)
        return f"\n[[queries]]\nquery = [{words}]\npin = [{json.dumps(self.document)}]\n"


@dataclass(frozen=True, slots=True)
class ChangedQuery:
    """A query whose first suggestions change, with how often it was asked (0: a golden query)."""

    query: str
    times: int
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProposalEffect:
    """``broken`` golden queries find their page now and would not any longer, ``mended`` ones the
    other way round; ``asked`` is how many queries of the last weeks were compared.
    """

    golden: int
    broken: tuple[str, ...]
    mended: tuple[str, ...]
    asked: int
    changed: tuple[ChangedQuery, ...]


def proposal_for(gap: Gap) -> CurationProposal:
    return CurationProposal((gap.title, *gap.aliases), gap.document)


def proposal_effect(
    proposal: CurationProposal,
    published: Mapping[str, Any],
    searcher: Searcher,
    golden_file: Path,
    asked: Iterable[tuple[str, int]],
) -> ProposalEffect:
    """``published`` are the curations of the generation that answers. Raises Unavailable,
    Misconfigured for a file of golden queries with mistakes.
    """
    rules = {**published, "queries": [*published.get("queries", ()), proposal.rule]}
    candidate = searcher.curated_by(rules)
    golden = read_golden_queries(golden_file) if golden_file.exists() else ()
    passed = [(each.query, _passes(searcher, each), _passes(candidate, each)) for each in golden]
    compared = list(asked)[:MOST_QUERIES]
    changed = []
    for query, times in compared:
        before, after = _first(searcher, query), _first(candidate, query)
        if before != after:
            changed.append(ChangedQuery(query, times, before, after))
    return ProposalEffect(
        len(golden),
        tuple(query for query, before, after in passed if before and not after),
        tuple(query for query, before, after in passed if after and not before),
        len(compared),
        tuple(changed),
    )


def accept(proposal: CurationProposal, path: Path) -> None:
    """Adds the proposal to the file of curations, which takes effect with the next publish.

    Raises Misconfigured for a file with mistakes, Conflict for a proposal that is there already,
    Unavailable when the file cannot be written.
    """
    try:
        text = path.read_text("utf-8-sig") if path.exists() else ""
    except OSError as error:
        raise _not_saved(path, error) from error
    if proposal.toml.strip() in text:
        raise Conflict(f"{path.name} has this already. It takes effect when you publish.")
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_text(text.rstrip("\n") + "\n" + proposal.toml, "utf-8")
        read_curations(beside)  # nothing is replaced by a file that cannot be read
        beside.replace(path)
    except OSError as error:
        raise _not_saved(path, error) from error
    finally:
        beside.unlink(missing_ok=True)


def _not_saved(path: Path, error: OSError) -> Unavailable:
    return Unavailable(
        f"{path.name} could not be changed: {error.strerror}. Give the portal write access to the "
        "content folder."
    )


def _passes(searcher: Searcher, golden: GoldenQuery) -> bool:
    hits = searcher.suggest(golden.query, audience=golden.audience, limit=golden.top).hits
    names = {hit.id for hit in hits} | {other.id for hit in hits for other in hit.also}
    return bool(names & {*golden.expect}) if golden.expect else not hits


def _first(searcher: Searcher, query: str) -> tuple[str, ...]:
    try:
        return tuple(hit.id for hit in searcher.suggest(query, limit=COMPARED).hits)
    except KbError:
        return ()
