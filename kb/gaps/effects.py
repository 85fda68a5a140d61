"""The effect of a proposal: what search would answer with it, before anybody accepts it.

A temporary index contains the aliases of the proposal. All other pages are carried over, so
building it takes about as long as publishing one edited page. Both indexes answer the golden
queries, each for its audience, and the most frequent queries of the last month, as the public sees
them.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from kb.analytics.query_log import QueryLog
from kb.database import Database
from kb.errors import KbError, NotFound, Unavailable
from kb.gaps.proposals import GapProposal
from kb.insights.lessons import read_lessons
from kb.search.build.vouching import vouched_tickets
from kb.search.documents import PUBLIC
from kb.search.installation import search_engine
from kb.search.query.golden_file import GoldenQuery, read_golden_queries
from kb.search.searcher import Searcher
from kb.settings import Settings
from kb.temporary_folder import temporary_folder

_COMPARED = 3  # suggestions of each query
_MOST_QUERIES = 300
_LAST_MONTH = dt.timedelta(days=31)


@dataclass(frozen=True, slots=True)
class ChangedQuery:
    """A query whose first suggestions change.

    ``times`` is how often it was asked in the last month. It is 0 for words of the proposal that
    nobody asked.
    """

    query: str
    times: int
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProposalEffect:
    """``broken`` golden queries pass now and would then fail, ``mended`` ones the other way round.

    ``asked`` is how many queries of the last month were compared.
    """

    golden: int
    broken: tuple[str, ...]
    mended: tuple[str, ...]
    asked: int
    changed: tuple[ChangedQuery, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(shape: Mapping[str, Any]) -> ProposalEffect:
        changed = tuple(
            ChangedQuery(row["query"], row["times"], tuple(row["before"]), tuple(row["after"]))
            for row in shape["changed"]
        )
        broken, mended = tuple(shape["broken"]), tuple(shape["mended"])
        return ProposalEffect(shape["golden"], broken, mended, shape["asked"], changed)


class EffectComparison:
    """Compares what is published with what a proposal would change."""

    def __init__(self, settings: Settings, database: Database, searcher: Searcher) -> None:
        self._settings = settings
        self._database = database
        self._searcher = searcher

    def effect(self, proposal: GapProposal, now: dt.datetime) -> ProposalEffect:
        """Raises NotFound if the page no longer exists, Unavailable without an index, and
        Misconfigured for mistakes in the file of golden queries.
        """
        file = self._settings.content / "golden.toml"
        golden = read_golden_queries(file) if file.exists() else ()
        frequent = QueryLog(self._database).frequent(
            [PUBLIC], now=now, limit=_MOST_QUERIES, since=now - _LAST_MONTH
        )
        asked = {query.query: query.times for query in frequent}
        with self._with_aliases(proposal) as candidate:
            return _compare(proposal, self._searcher, candidate, golden, asked)

    @contextlib.contextmanager
    def _with_aliases(self, proposal: GapProposal) -> Iterator[Searcher]:
        published = search_engine(self._settings.data).generations.current(trusted=True)
        if published is None:
            raise Unavailable("There is no index yet. Run kb index.")
        with contextlib.closing(published.store) as store:
            document = store.document(proposal.document)
        if document is None:
            raise NotFound("The page that these aliases are for no longer exists.")
        document = replace(document, aliases=(*document.aliases, *proposal.words))
        curations = published.curations()
        curations["aliases"] = [*curations.get("aliases", ()), proposal.row]
        lessons, customers = read_lessons(self._database), self._settings.vote_customers
        with contextlib.ExitStack() as stack:
            writer = stack.enter_context(
                search_engine(stack.enter_context(temporary_folder("kb-aliases-"))).writer(
                    previous=published,
                    operators=False,
                    meaning=bool(published.manifest.settings.get("meaning")),
                    false_suggestions=self._settings.false_suggestions,
                )
            )
            writer.curations = curations
            writer.resolved_tickets(vouched_tickets(lessons.tickets, customers))
            writer.customer_words(lessons.tickets, customers)
            writer.suggestion_outcomes(lessons.outcomes)
            store = stack.enter_context(contextlib.closing(published.store))
            if not writer.carry_over_all_but([document.id]):  # an earlier version has built it
                for page in store.all():
                    if page.id != document.id:
                        writer.add(page)
            writer.add(document)
            prepared = writer.prepare(ledger={}, settings=published.manifest.settings)
            yield stack.enter_context(Searcher.on(prepared))


def _compare(
    proposal: GapProposal,
    searcher: Searcher,
    candidate: Searcher,
    golden: Iterable[GoldenQuery],
    asked: Mapping[str, int],
) -> ProposalEffect:
    passed = [(each.query, _passes(searcher, each), _passes(candidate, each)) for each in golden]
    changed = []
    for query in dict.fromkeys((*proposal.words, *asked)):
        before, after = _first(searcher, query), _first(candidate, query)
        if before != after:
            changed.append(ChangedQuery(query, asked.get(query, 0), before, after))
    return ProposalEffect(
        len(passed),
        tuple(query for query, before, after in passed if before and not after),
        tuple(query for query, before, after in passed if after and not before),
        len(asked),
        tuple(changed),
    )


def _passes(searcher: Searcher, golden: GoldenQuery) -> bool:
    hits = searcher.suggest(golden.query, audience=golden.audience, limit=golden.top).hits
    names = {hit.id for hit in hits} | {other.id for hit in hits for other in hit.also}
    return bool(names & {*golden.expect}) if golden.expect else not hits


def _first(searcher: Searcher, query: str) -> tuple[str, ...]:
    try:
        return tuple(hit.id for hit in searcher.suggest(query, limit=_COMPARED).hits)
    except KbError:
        return ()
