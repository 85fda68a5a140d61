"""The gate: checks of a generation before it is published.

Counts against the last generation, golden queries, and probes that no audience can reach what it
may not see; also the best suggestions before and after, for people to look at. The gate searches a
generation that no visitor has seen yet. Editors' texts are checked in ``indexer.lint``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from indexer.findings import Finding, make_finding
from indexer.report import SuggestionChange, count_newly_public
from kb.errors import NotFound
from kb.search.documents import AUDIENCES, PUBLIC, visible_to
from kb.search.engine import SearchEngine
from kb.search.generations.generation import Generation
from kb.search.query.golden_file import GoldenQuery
from kb.search.searcher import Searcher

#: Fewer documents than this may always go: a share of a handful says nothing.
MIN_LOSS = 10
#: Hidden documents that are searched for, by each audience. That none is in the audience's
#: partition is checked of all.
MAX_PROBES = 12
#: Suggestions that are compared, and named in findings.
TOP = 3
MAX_QUERIES = 1000


@dataclass(frozen=True, slots=True)
class GateSettings:
    """What is checked.

    ``drop`` is the share of documents, in percent, that may be gone. ``gate`` says what a golden
    query that fails means; the queries are from the file ``source``. The best suggestions are
    compared for golden queries, for ``queries``, and for those that visitors ask: ``asked`` are
    (query, audience, times).
    """

    drop: int = 100
    gate: str = "off"
    golden: tuple[GoldenQuery, ...] = ()
    source: str = "golden.toml"
    queries: tuple[str, ...] = ()
    asked: tuple[tuple[str, str, int], ...] = ()
    #: Whether pages that become public need consent, and whether it is given.
    ask_for_public: bool = False
    #: Old IDs that lead to the documents of moved files.
    moved: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Verdict:
    """``refused`` are reasons not to publish; ``findings`` and ``changes`` are only reported."""

    refused: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    changes: list[SuggestionChange] = field(default_factory=list)
    failed: int = 0  # golden queries
    compared: int = 0
    newly_public: tuple[str, ...] = ()  # IDs


def check_generation(
    engine: SearchEngine,
    prepared: Generation,
    previous: Generation | None,
    settings: GateSettings,
    *,
    compare: bool = False,
) -> Verdict:
    """All checks of the generation that is ``prepared``; with ``compare``, also the best
    suggestions before and after.
    """
    verdict = Verdict()
    if previous is not None:
        verdict.refused += _check_loss(prepared, previous, settings.drop)

    verdict.newly_public = newly_public(prepared, previous, settings.moved)
    if verdict.newly_public and settings.ask_for_public:
        verdict.refused.append(
            f"{count_newly_public(len(verdict.newly_public))} Check the list and agree to it first."
        )

    with Searcher.on(prepared, engine=engine) as after:
        verdict.refused += find_leaks(after, prepared)
        if settings.gate != "off":
            failed = list(_failed_queries(after, settings))
            verdict.findings += failed
            verdict.failed = len(failed)
            if failed and settings.gate == "refuse":
                total = len(settings.golden)
                verdict.refused.append(f"{len(failed)} of {total} golden queries fail: {failed[0]}")

        if compare and previous is not None:
            queries = _queries_to_compare(settings)
            verdict.compared = len(queries)
            with Searcher.on(previous) as before:
                verdict.changes += _changes(before, after, queries)
    return verdict


def _check_loss(prepared: Generation, previous: Generation, drop: int) -> Iterator[str]:
    before, after = previous.manifest.documents, prepared.manifest.documents
    lost = before - after
    if lost >= MIN_LOSS and lost * 100 > before * drop:
        yield (
            f"The new generation has {after} documents, generation {previous.name} has {before}: "
            f"more than {drop} % would be removed. Check the sources. If this is intended, set "
            "KB_PUBLISH_DROP=100 for this run."
        )


def newly_public(
    prepared: Generation, previous: Generation | None, moved: Mapping[str, str]
) -> tuple[str, ...]:
    """The IDs of documents that are public in ``prepared`` and were not before, under any ID."""
    before = _public_ids(previous) if previous is not None else set()
    before |= {new for old, new in moved.items() if old in before}
    return tuple(sorted(_public_ids(prepared) - before))


def _public_ids(generation: Generation) -> set[str]:
    with contextlib.closing(generation.store) as store:
        return {id_ for id_, audience in store.audiences().values() if audience == PUBLIC}


def find_leaks(searcher: Searcher, generation: Generation) -> Iterator[str]:
    """A sentence for each audience that could reach a document which it may not see."""
    store = generation.store
    documents = store.audiences()  # row -> (ID, audience)
    audiences = dict.fromkeys((*AUDIENCES, *(audience for _, audience in documents.values())))
    # Audiences that see the same are answered from the same file.
    answers: dict[tuple[Path, str], dict[str, None]] = {}

    for audience in audiences:
        allowed = visible_to(audience)
        rows = generation.visible_rows(audience)
        leaked = [documents[row][0] for row in rows if documents[row][1] not in allowed]

        hidden = [id_ for id_, other in documents.values() if other not in allowed]
        sample = hidden[:: max(1, len(hidden) // MAX_PROBES)]
        for document in store.documents(sample):
            asked = generation.partition(audience), document.id
            if asked not in answers:
                answers[asked] = _answers(searcher, document.title, audience)
            reached = answers[asked] | _article(searcher, document.id, audience)
            leaked += [
                other.id for other in store.documents(reached) if other.audience not in allowed
            ]
        if leaked:
            yield (
                f"The audience {audience} could reach {leaked[0]}, which it must not see. "
                "Please report this."
            )
    store.close()


def _answers(searcher: Searcher, title: str, audience: str) -> dict[str, None]:
    """The IDs of what ``audience`` gets when it asks for ``title``."""
    hits = [
        *searcher.suggest(title, audience=audience).hits,
        *searcher.search(title, audience=audience, operators=False).hits,
    ]
    return dict.fromkeys(hit.id for hit in hits)


def _article(searcher: Searcher, document_id: str, audience: str) -> dict[str, None]:
    """The ID of the article that ``audience`` gets by ``document_id``, if it gets any."""
    with contextlib.suppress(NotFound):
        return {searcher.article(document_id, audience=audience).id: None}
    return {}


def _failed_queries(searcher: Searcher, settings: GateSettings) -> Iterator[Finding]:
    for golden in settings.golden:
        results = _best(searcher, golden.query, golden.audience, golden.top)
        listed = ", ".join(results[:TOP]) or "nothing"
        if golden.expect and not set(golden.expect) & set(results):
            yield make_finding(
                "golden-missing",
                settings.source,
                line=golden.line,
                query=golden.query,
                expected=" or ".join(golden.expect),
                top=golden.top,
                results=listed,
            )
        elif not golden.expect and results:
            yield make_finding(
                "golden-not-empty",
                settings.source,
                line=golden.line,
                query=golden.query,
                results=listed,
            )


def _best(searcher: Searcher, query: str, audience: str, limit: int = TOP) -> tuple[str, ...]:
    return tuple(hit.id for hit in searcher.suggest(query, audience=audience, limit=limit).hits)


def _queries_to_compare(settings: GateSettings) -> dict[tuple[str, str], int]:
    """(query, audience) -> how often visitors asked it; those of editors first."""
    queries = {(golden.query, golden.audience): 0 for golden in settings.golden}
    queries |= {(query, PUBLIC): 0 for query in settings.queries}
    return queries | {(query, audience): times for query, audience, times in settings.asked}


def _changes(
    before: Searcher, after: Searcher, queries: Mapping[tuple[str, str], int]
) -> Iterator[SuggestionChange]:
    for (query, audience), times in queries.items():
        old, new = _best(before, query, audience), _best(after, query, audience)
        if old != new:
            yield SuggestionChange(query, old, new, audience, times)


def read_queries(path: Path) -> tuple[str, ...]:
    """The first queries of a text file, one a line. Raises OSError."""
    lines = path.read_text("utf-8", "replace").splitlines()
    queries = dict.fromkeys(" ".join(line.split()) for line in lines if line.strip())
    return tuple(queries)[:MAX_QUERIES]
