"""Is the new generation fit to be published?

Counts against the last generation, golden queries, and probes that nothing can be reached by an
audience that may not see it; and the best three before and after, to be looked at. Asks a
generation that no reader has seen yet. Not for editors' texts (``lint``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from indexer.publish.curation_files import GoldenQuery
from indexer.report import Finding, SuggestionChange
from kb.errors import NotFound
from kb.search.documents import AUDIENCES, PUBLIC, Document, visible_to
from kb.search.generations.generation import Generation
from kb.search.index.array_file import load_arrays
from kb.search.searcher import Searcher

GATES = ("off", "warn", "refuse")
#: Fewer documents than this may always go: a share of a handful says nothing.
HARDLY_ANY = 10
#: Hidden documents that are asked for, by each audience; that none is in the audience's partition
#: is checked of all.
PROBES = 12
TOP = 3


@dataclass(frozen=True, slots=True)
class GateSettings:
    """What is checked. ``drop`` is the share of documents, in percent, that may be gone; ``gate``
    says what a golden query that fails means; ``queries`` are further ones whose best three are
    compared, ``asked`` those of visitors as (query, audience, times)."""

    drop: int = 100
    gate: str = "off"
    golden: tuple[GoldenQuery, ...] = ()
    source: str = "golden.toml"
    queries: tuple[str, ...] = ()
    asked: tuple[tuple[str, str, int], ...] = ()


@dataclass(slots=True)
class Verdict:
    """``refused`` are reasons not to publish, ``findings`` are told, ``changes`` are differences of
    the best three.
    """

    refused: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    changes: list[SuggestionChange] = field(default_factory=list)
    failed: int = 0
    compared: int = 0


def check_generation(
    prepared: Generation,
    previous: Generation | None,
    checks: GateSettings,
    *,
    compare: bool = False,
) -> Verdict:
    """All checks on a prepared generation; with ``compare`` also the best three before and after."""
    verdict = Verdict()
    verdict.refused += _counts(prepared, previous, checks.drop)
    with Searcher.on(prepared) as after:
        verdict.refused += find_leaks(after, prepared)
        if checks.gate != "off":
            failed = list(_golden(after, checks))
            verdict.findings += failed
            verdict.failed = len(failed)
            if failed and checks.gate == "refuse":
                verdict.refused.append(
                    f"{len(failed)} of {len(checks.golden)} golden queries fail: {failed[0]}"
                )
        if compare and previous is not None:
            asked = _compared(checks)
            verdict.compared = len(asked)
            with Searcher.on(previous) as before:
                verdict.changes += _changes(before, after, asked)
    return verdict


def _counts(prepared: Generation, previous: Generation | None, drop: int) -> Iterator[str]:
    if previous is None:
        return
    before, after = previous.manifest.documents, prepared.manifest.documents
    lost = before - after
    if lost >= HARDLY_ANY and lost * 100 > before * drop:
        yield (
            f"It holds {after} documents where generation {previous.name} holds {before}, and "
            f"more than {drop} % would "
            "be gone; look at the sources, or set KB_PUBLISH_DROP=100 for this run if that is "
            "meant."
        )


def find_leaks(searcher: Searcher, generation: Generation) -> Iterator[str]:
    """Sentences about documents that an audience could reach although it may not see them; none
    when all is well.
    """
    store = generation.store
    kept = store.audiences()
    for audience in dict.fromkeys((*AUDIENCES, *(audience for _, audience in kept.values()))):
        allowed = visible_to(audience)
        rows = load_arrays(generation.partition(audience))["row"].tolist()
        leaked = [kept[row][0] for row in rows if kept[row][1] not in allowed]
        hidden = [id_ for id_, other in kept.values() if other not in allowed]
        for document in store.documents(hidden[:: max(1, len(hidden) // PROBES)]):
            shown = _reached(searcher, document, audience)
            leaked += [
                other.id for other in store.documents(shown) if other.audience not in allowed
            ]
        if leaked:
            yield (
                f"The audience {audience} could reach {leaked[0]}, which it may not see; please "
                f"report this."
            )
    store.close()


def _reached(searcher: Searcher, document: Document, audience: str) -> dict[str, None]:
    """The ids of what ``audience`` gets when it asks for ``document`` by id and by title."""
    found = [hit.id for hit in searcher.suggest(document.title, audience=audience).hits]
    found += [
        hit.id for hit in searcher.search(document.title, audience=audience, operators=False).hits
    ]
    with contextlib.suppress(NotFound):
        found.append(searcher.article(document.id, audience=audience).id)
    return dict.fromkeys(found)


def _golden(searcher: Searcher, checks: GateSettings) -> Iterator[Finding]:
    for one in checks.golden:
        shown = _best(searcher, one.query, one.audience, one.top)
        first = ", ".join(shown[:TOP]) or "nothing"
        if one.expect and not set(one.expect) & set(shown):
            wanted = " or ".join(one.expect)
            sentence = (
                f"“{one.query}” should show {wanted} among the first {one.top}; it shows {first}."
            )
            yield Finding(checks.source, one.line, sentence)
        if not one.expect and shown:
            yield Finding(
                checks.source, one.line, f"“{one.query}” should show nothing; it shows {first}."
            )


def _best(searcher: Searcher, query: str, audience: str, limit: int = TOP) -> tuple[str, ...]:
    return tuple(hit.id for hit in searcher.suggest(query, audience=audience, limit=limit).hits)


def _compared(checks: GateSettings) -> dict[tuple[str, str], int]:
    """(query, audience) -> how often visitors asked it; editors' own first."""
    own = [
        *((g.query, g.audience) for g in checks.golden),
        *((query, PUBLIC) for query in checks.queries),
    ]
    times = {(query, audience): times for query, audience, times in checks.asked}
    return {pair: times.get(pair, 0) for pair in dict.fromkeys((*own, *times))}


def _changes(
    before: Searcher, after: Searcher, asked: Mapping[tuple[str, str], int]
) -> Iterator[SuggestionChange]:
    for (query, audience), times in asked.items():
        old, new = _best(before, query, audience), _best(after, query, audience)
        if old != new:
            yield SuggestionChange(query, old, new, audience, times)


def read_queries(path: Path, most: int = 1000) -> tuple[str, ...]:
    """Queries from a text file, one a line, the first ``most``. Raises OSError."""
    lines = path.read_text("utf-8", "replace").splitlines()
    return tuple(dict.fromkeys(" ".join(line.split()) for line in lines if line.strip()))[:most]
