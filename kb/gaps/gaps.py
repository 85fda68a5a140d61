"""Gaps, found and priced: clusters of what went unanswered, with the page that exists, if any.

Pure but for the page finder, which is handed in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from kb.gaps.clustering import clusters, text_directions, typical_text

#: What fewer people than this asked is nobody else's business.
LEAST_ASKING = 2


@dataclass(frozen=True, slots=True)
class AskedText:
    """A text that was typed without success: ``queries`` times in search or a form, and as the
    title of ``tickets``. ``documents`` are pages with which agents answered those.

    ``people`` filed the tickets, and typed ``known_queries`` of the queries.
    """

    text: str
    queries: int = 0
    tickets: int = 0
    documents: tuple[str, ...] = ()
    people: frozenset[int] = frozenset()
    known_queries: int = 0


class GapCause(StrEnum):
    """The values are stored."""

    SEARCH = "search"  # a page exists and was not shown
    WRITING = "writing"  # no page answers it


@dataclass(frozen=True, slots=True)
class Gap:
    """``title`` is in the words of those who asked; ``document`` the page that may answer, or "".

    ``aliases`` are other wordings, of which none was typed only once.
    """

    title: str
    queries: int
    tickets: int
    cause: GapCause
    document: str = ""
    aliases: tuple[str, ...] = ()

    def price(self, handling_minutes: int) -> int:
        """What its tickets cost, in minutes."""
        return self.tickets * handling_minutes


@dataclass(frozen=True, slots=True)
class BestPage:
    """The page that search thinks of first, whether it would be shown, and whether it may answer
    at all.
    """

    document: str
    shown: bool
    likely: bool


PageFinder = Callable[[str], BestPage | None]


def find_gaps(asked: Sequence[AskedText], best_page: PageFinder) -> tuple[Gap, ...]:
    """The gaps, the one with the most tickets first, then the one that was asked most."""
    gaps = []
    texts = [each.text for each in asked]
    directions = text_directions(texts)
    for cluster in clusters(texts, directions):
        members = [asked[position] for position in cluster]
        queries = sum(member.queries for member in members)
        tickets = sum(member.tickets for member in members)
        if least_asking(members) < LEAST_ASKING:
            continue
        of_members = None if directions is None else directions[list(cluster)]
        title = typical_text([member.text for member in members], of_members)
        gap = _gap(title, members, queries, tickets, best_page) if title else None
        if gap is not None:
            gaps.append(gap)
    return tuple(sorted(gaps, key=lambda gap: (-gap.tickets, -gap.queries, gap.title)))


def least_asking(asked: Iterable[AskedText]) -> int:
    """How many people asked at least: who searched without signing in may have filed a ticket."""
    members = tuple(asked)
    unknown = sum(member.queries - member.known_queries for member in members)
    return max(unknown, len(frozenset().union(*(member.people for member in members))))


def _gap(
    title: str, members: Sequence[AskedText], queries: int, tickets: int, best_page: PageFinder
) -> Gap | None:
    """None where a page is shown and nobody files: nothing is missing."""
    often = tuple(
        dict.fromkeys(member.text for member in members if least_asking([member]) >= LEAST_ASKING)
    )
    page = best_page(title)
    linked = Counter(document for member in members for document in member.documents)
    shown = page.document if page is not None and page.shown else ""
    if shown and not tickets:
        return None
    document = linked.most_common(1)[0][0] if linked else ""
    if not document and page is not None and page.likely:
        document = page.document
    # A page that was shown and did not help has to be written better.
    cause = GapCause.SEARCH if document and document != shown else GapCause.WRITING
    return Gap(title, queries, tickets, cause, document, tuple(t for t in often if t != title)[:8])
