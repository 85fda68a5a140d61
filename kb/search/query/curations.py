"""What did editors decide about a query: what is pinned, hidden or boosted, which words mean the
same?

Decisions are published with a generation, as plain values; ``indexer`` reads them from
``curations.toml``. Pure: a ``Curations`` reads a query's words, ``steered`` changes scores, and
every change is a named part that can be explained.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.search.analysis.tokenizer import Analyzer, index_words
from kb.search.scoring.bm25 import QueryTerm

Floats = npt.NDArray[Any]
Ints = npt.NDArray[Any]
PIN = (
    10.0  # the step between pinned documents, and to the rest: the parts of a mix sum to about 1.3
)
SYNONYM = (
    0.8  # what a word counts that editors call the same, as a share of the word that was typed
)


@dataclass(frozen=True, slots=True)
class Rule:
    """``stems`` are the words of one query; ``whole`` says that nothing else may be asked. Ids of
    documents.
    """

    stems: frozenset[str]
    whole: bool
    pin: tuple[str, ...] = ()
    hide: tuple[str, ...] = ()
    boost: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CurationRules:
    """What holds for one query: ids to pin (in order), to hide, and factors by id."""

    pin: tuple[str, ...] = ()
    hide: frozenset[str] = frozenset()
    boost: Mapping[str, float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.pin or self.hide or self.boost)


@dataclass(frozen=True, slots=True)
class Curated:
    """Decisions about documents of one partition, by number; ``pinned`` in the order of showing."""

    pinned: Ints
    hidden: Ints
    boosted: Ints
    factors: Floats


class Curations:
    """The decisions of one generation, ready to be asked; safe to share."""

    def __init__(self, decided: Mapping[str, Any]) -> None:
        self._analyzer = Analyzer()
        self.rules = tuple(rule for row in decided.get("queries", ()) for rule in self._rules(row))
        self._synonyms = tuple(self._pairs(decided.get("synonyms", ())))
        phrases = sorted(decided.get("stop_phrases", ()), key=len, reverse=True)
        joined = "|".join(r"\s+".join(map(re.escape, phrase.split())) for phrase in phrases)
        self._stop = re.compile(rf"(?<!\w)(?:{joined})(?!\w)", re.IGNORECASE) if joined else None

    def _rules(self, row: Mapping[str, Any]) -> list[Rule]:
        pin, hide, boost = (
            tuple(row.get("pin", ())),
            tuple(row.get("hide", ())),
            dict(row.get("boost", {})),
        )
        whole = row.get("match", "is") == "is"
        return [Rule(self._stems(query), whole, pin, hide, boost) for query in row["query"]]

    def _stems(self, text: str) -> frozenset[str]:
        return frozenset(self._analyzer.stems(text))

    @staticmethod
    def _pairs(rows: Sequence[Mapping[str, Any]]) -> list[tuple[list[str], list[str]]]:
        """(words typed, words they also stand for), in both directions where ``words`` are given."""
        pairs = []
        for row in rows:
            same = row.get("words", ())
            pairs += [
                (index_words(one), index_words(other))
                for one in same
                for other in same
                if one != other
            ]
            pairs += [
                (index_words(one), index_words(other))
                for one in row.get("from", ())
                for other in row.get("to", ())
            ]
        return pairs

    def trimmed(self, text: str) -> str:
        """``text`` without its stop phrases; unchanged when nothing would be left."""
        if self._stop is None:
            return text
        rest = self._stop.sub(" ", text)
        return rest if index_words(rest) else text

    def decide(self, text: str) -> CurationRules:
        """All rules that hold for a query, the first pin first."""
        if not self.rules:
            return CurationRules()
        asked = self._stems(text)
        held = [
            rule
            for rule in self.rules
            if (rule.stems == asked if rule.whole else rule.stems <= asked)
        ]
        boost: dict[str, float] = {}
        for rule in held:
            boost |= {id_: boost.get(id_, 1.0) * factor for id_, factor in rule.boost.items()}
        pin = tuple(dict.fromkeys(id_ for rule in held for id_ in rule.pin))
        return CurationRules(
            pin, frozenset(id_ for rule in held for id_ in rule.hide) - set(pin), boost
        )

    def widened(
        self, text: str, meanings: tuple[QueryTerm, ...], number: Callable[[str], int]
    ) -> tuple[QueryTerm, ...]:
        """``meanings`` with the synonyms of the words in ``text``; ``number`` gives a word's stem,
        -1 for none.
        """
        if not self._synonyms:
            return meanings
        typed = index_words(text)
        more: dict[str, list[int]] = {}
        for one, other in self._synonyms:
            if one and _holds(typed, one):
                for place, word in enumerate(other):
                    stem = number(self._analyzer.stem(word)) if self._analyzer.stem(word) else -1
                    if stem >= 0:
                        more.setdefault(one[min(place, len(one) - 1)], []).append(stem)
        found = [_with(meaning, more.pop(meaning.word, [])) for meaning in meanings]
        # What stood for a stop word ("log in"), or for a word nobody wrote, becomes a word of its
        # own.
        found += [
            QueryTerm(word, tuple(s), (SYNONYM,) * len(s))
            for word, stems in more.items()
            if (s := _new(stems, ()))
        ]
        return tuple(found)


def _holds(text: Sequence[str], phrase: Sequence[str]) -> bool:
    return any(text[at : at + len(phrase)] == phrase for at in range(len(text) - len(phrase) + 1))


def _new(stems: Sequence[int], known: Sequence[int]) -> list[int]:
    return [stem for stem in dict.fromkeys(stems) if stem not in known]


def _with(meaning: QueryTerm, stems: Sequence[int]) -> QueryTerm:
    added = _new(stems, meaning.stems)
    if not added:
        return meaning
    if meaning.corrected:  # editors know this word: it was no slip
        return QueryTerm(meaning.word, tuple(added), (SYNONYM,) * len(added))
    shares = (*meaning.shares, *(SYNONYM for _ in added))
    return replace(meaning, stems=(*meaning.stems, *added), shares=shares)


def steering(decisions: CurationRules, places: Callable[[str], Sequence[int]]) -> Curated | None:
    """``decisions`` about the documents of a partition; ``places`` gives the numbers of an id, none
    when it is hidden from the asker. None when nothing was decided."""
    if not decisions:
        return None
    boosted = [(place, factor) for id_, factor in decisions.boost.items() for place in places(id_)]
    return Curated(
        pinned=np.array([place for id_ in decisions.pin for place in places(id_)], dtype=np.int64),
        hidden=np.array([place for id_ in decisions.hide for place in places(id_)], dtype=np.int64),
        boosted=np.array([place for place, _ in boosted], dtype=np.int64),
        factors=np.array([factor for _, factor in boosted], dtype=np.float64),
    )


def pool(
    found: npt.NDArray[np.bool_], steer: Curated, selected: npt.NDArray[np.bool_] | None
) -> npt.NDArray[np.bool_]:
    """What a search may show: with what is pinned (and selected by operators), without what is
    hidden.
    """
    changed = found.copy()
    changed[steer.pinned] = True if selected is None else selected[steer.pinned]
    changed[steer.hidden] = False
    return changed


def candidates(
    documents: Ints, steer: Curated | None, allowed: npt.NDArray[np.bool_] | None
) -> Ints:
    """The candidates with what is pinned (and allowed) and without what is hidden, ascending."""
    if steer is None:
        return documents
    pinned = steer.pinned if allowed is None else steer.pinned[allowed[steer.pinned]]
    return np.union1d(np.setdiff1d(documents, steer.hidden), pinned)


def steered(
    parts: Mapping[str, Floats], documents: Ints, steer: Curated | None
) -> dict[str, Floats]:
    """The parts of the candidates' scores with "boost" and "pin" added where editors decided so."""
    made = dict(parts)
    if steer is None:
        return made
    total = sum(made.values(), np.zeros(documents.size))
    boost, pin = np.zeros(documents.size), np.zeros(documents.size)
    for place, factor in zip(steer.boosted.tolist(), steer.factors.tolist(), strict=True):
        boost[documents == place] = (factor - 1) * total[documents == place]
    for order, place in enumerate(steer.pinned.tolist()):
        pin[documents == place] = PIN * (steer.pinned.size - order)
    return made | {"boost": boost, "pin": pin}
