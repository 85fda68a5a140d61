"""Vouching: which resolved tickets may vote, so that no single one shows in what search answers.

A ticket votes for a document when at least so many different customers filed tickets with similar
titles whose answers linked it, and with those words only that as many of them used. How votes are
counted is ``kb.search.index.resolved_tickets``; what is learnt from words that customers used,
whether their titles are similar or not, is ``kb.search.scoring.translations``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from kb.search.analysis.tokenizer import Analyzer
from kb.search.documents import ResolvedTicket

#: The fewest customers that may be asked for: of two, each knows what the other filed.
MIN_CUSTOMERS = 3
#: The share of their words that similar titles have in common (Jaccard).
SIMILARITY = 0.5
#: The newest tickets of one document that are compared with each other.
MAX_COMPARED = 300

_Row = tuple[ResolvedTicket, frozenset[str]]


def vouched_tickets(
    tickets: Iterable[ResolvedTicket], customers: int = MIN_CUSTOMERS
) -> tuple[ResolvedTicket, ...]:
    """The votes of ``tickets`` that ``customers`` different customers stand behind."""
    analyzer = Analyzer()
    rows = [(ticket, frozenset(analyzer.stems(ticket.title))) for ticket in tickets]
    rows.sort(key=lambda row: (row[0].solved_at, row[0].title))

    linking: defaultdict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        for document_id in row[0].documents:
            linking[document_id].append(row)

    votes: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
    kept: dict[int, ResolvedTicket] = {}
    for document_id, group in linking.items():
        for ticket, stems in _vouched(group[-MAX_COMPARED:], customers):
            words = (w for w in ticket.title.split() if stems.issuperset(analyzer.stems(w)))
            title = " ".join(words)
            kept[id(ticket)] = ticket
            votes[id(ticket), title].append(document_id)

    result = [
        replace(kept[key], title=title, documents=tuple(ids), customer="")
        for (key, title), ids in votes.items()
        if title
    ]
    return tuple(sorted(result, key=lambda ticket: (ticket.solved_at, ticket.title)))


def customer_words(
    tickets: Iterable[ResolvedTicket], customers: int = MIN_CUSTOMERS
) -> frozenset[tuple[str, str]]:
    """The words, each with a document, that ``customers`` different customers used for it."""
    analyzer = Analyzer()
    using: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for ticket in tickets:
        for stem in set(analyzer.stems(ticket.title)):
            for document_id in ticket.documents:
                using[stem, document_id].add(ticket.customer)
    return frozenset(pair for pair, who in using.items() if len(who) >= customers)


def _vouched(group: Sequence[_Row], customers: int) -> Iterator[_Row]:
    """The tickets of one document that enough customers stand behind, with their common words."""
    if len({ticket.customer for ticket, _ in group}) < customers:
        return
    for ticket, stems in group:
        near = [row for row in group if _similar(stems, row[1])]
        if len({other.customer for other, _ in near}) < customers:
            continue
        using: defaultdict[str, set[str]] = defaultdict(set)
        for other, words in near:
            for stem in words & stems:
                using[stem].add(other.customer)
        common = frozenset(stem for stem, who in using.items() if len(who) >= customers)
        if common:
            yield ticket, common


def _similar(one: frozenset[str], other: frozenset[str]) -> bool:
    both = len(one & other)
    return both > 0 and both >= SIMILARITY * len(one | other)
