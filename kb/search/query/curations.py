"""Curations: what editors decided about queries.

Documents pinned, hidden or boosted for a query, synonyms, and phrases that are ignored. They are
published with a generation as plain values; the indexer reads them from ``curations.toml``. Every
change to a score is a named part, so that it can be explained. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kb.search.analysis.tokenizer import Analyzer, index_words
from kb.search.array_types import DocumentMask, Documents
from kb.search.lexicon.files import Group
from kb.search.lexicon.matching import shipped_lexicon
from kb.search.query_terms import Curated

ScorePart = NDArray[Any]  # [candidates], float

#: From one pinned document to the next, and to the rest; the other parts sum to about 1.3.
PIN = 10.0
#: What a synonym counts that editors have declared, beside the word that was typed.
SYNONYM = 0.8


@dataclass(frozen=True, slots=True)
class Rule:
    """What holds for one query, whose words are ``stems``; ``whole`` says that it may have no other
    words. Documents by id.
    """

    stems: frozenset[str]
    whole: bool
    pin: tuple[str, ...] = ()
    hide: tuple[str, ...] = ()
    boost: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CurationRules:
    """All that holds for one query: ids to pin, in order; ids to hide; factors by id."""

    pin: tuple[str, ...] = ()
    hide: frozenset[str] = frozenset()
    boost: Mapping[str, float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.pin or self.hide or self.boost)


class Curations:
    """The curations of one generation; safe to share between threads."""

    def __init__(self, published: Mapping[str, Any]) -> None:
        self._analyzer = Analyzer()
        rows = [
            *published.get("queries", ()),
            # Whoever types an alias means its document, whatever the evidence is.
            *(
                {"query": row["titles"], "pin": [row["document"]]}
                for row in published.get("aliases", ())
            ),
        ]
        self.rules = tuple(rule for row in rows for rule in self._rules_of(row))
        #: What words mean besides: what is shipped, as editors changed it.
        self.lexicon = shipped_lexicon()
        groups = [_group(row) for row in published.get("synonyms", ())]
        removed = published.get("no_synonyms", ())
        if groups or removed:
            self.lexicon = self.lexicon.changed(groups, removed, share=SYNONYM)

        #: Of the weights of a score's parts, for every query.
        self.factors = tuple(sorted(published.get("weights", {}).items()))

        phrases = sorted(published.get("stop_phrases", ()), key=len, reverse=True)
        pattern = "|".join(r"\s+".join(map(re.escape, phrase.split())) for phrase in phrases)
        self._stop_phrases = (
            re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE) if pattern else None
        )

    def _rules_of(self, row: Mapping[str, Any]) -> list[Rule]:
        pin, hide = tuple(row.get("pin", ())), tuple(row.get("hide", ()))
        boost = dict(row.get("boost", {}))
        whole = row.get("match", "is") == "is"
        return [Rule(self._stems(query), whole, pin, hide, boost) for query in row["query"]]

    def _stems(self, text: str) -> frozenset[str]:
        return frozenset(self._analyzer.stems(text))

    def trimmed(self, text: str) -> str:
        """``text`` without its stop phrases; unchanged when nothing would be left."""
        if self._stop_phrases is None:
            return text
        trimmed = self._stop_phrases.sub(" ", text)
        return trimmed if index_words(trimmed) else text

    def decide(self, text: str) -> CurationRules:
        """All rules that hold for a query, the first pin first."""
        if not self.rules:
            return CurationRules()

        stems = self._stems(text)
        rules = [
            rule
            for rule in self.rules
            if (rule.stems == stems if rule.whole else rule.stems <= stems)
        ]
        boost: dict[str, float] = {}
        for rule in rules:
            for document_id, factor in rule.boost.items():
                boost[document_id] = boost.get(document_id, 1.0) * factor
        pin = tuple(dict.fromkeys(document_id for rule in rules for document_id in rule.pin))
        hide = frozenset(document_id for rule in rules for document_id in rule.hide)
        return CurationRules(pin, hide - set(pin), boost)

    def curated(self, text: str, numbers: Callable[[str], Sequence[int]]) -> Curated | None:
        """What holds for a query, about the documents of a partition; None for nothing.

        ``numbers`` gives the numbers of an id: none when it is hidden from the asker.
        """
        rules = self.decide(text)
        if not rules:
            return None
        pinned = [number for document_id in rules.pin for number in numbers(document_id)]
        hidden = [number for document_id in rules.hide for number in numbers(document_id)]
        boosts = [
            (number, factor)
            for document_id, factor in rules.boost.items()
            for number in numbers(document_id)
        ]
        return Curated(
            pinned=np.array(pinned, dtype=np.int64),
            hidden=np.array(hidden, dtype=np.int64),
            boosted=np.array([number for number, _ in boosts], dtype=np.int64),
            factors=np.array([factor for _, factor in boosts], dtype=np.float64),
        )


def _group(row: Mapping[str, Sequence[str]]) -> Group:
    same = tuple(row.get("words", ()))
    return Group(tuple(row.get("from", same)), tuple(row.get("to", same)))


def curate_matching(
    matching: DocumentMask, curated: Curated, selected: DocumentMask | None
) -> DocumentMask:
    """What a search may show: with what is pinned, as far as operators ``selected`` it, and without
    what is hidden.
    """
    shown = matching.copy()
    shown[curated.pinned] = True if selected is None else selected[curated.pinned]
    shown[curated.hidden] = False
    return shown


def curate_candidates(
    documents: Documents, curated: Curated, allowed: DocumentMask | None
) -> Documents:
    """The candidates with what is pinned (and allowed) and without what is hidden, ascending."""
    pinned = curated.pinned if allowed is None else curated.pinned[allowed[curated.pinned]]
    return np.union1d(np.setdiff1d(documents, curated.hidden), pinned)


def curation_scores(
    totals: ScorePart, documents: Documents, curated: Curated
) -> dict[str, NDArray[np.float64]]:
    """What "boost" and "pin" add to the totals of the candidates, where editors decided so."""
    boost, pin = np.zeros(documents.size), np.zeros(documents.size)
    for number, factor in zip(curated.boosted.tolist(), curated.factors.tolist(), strict=True):
        boost[documents == number] = (factor - 1) * totals[documents == number]
    for rank, number in enumerate(curated.pinned.tolist()):
        pin[documents == number] = PIN * (curated.pinned.size - rank)
    return {"boost": boost, "pin": pin}
