"""Which texts say nearly the same?

Cosine of tf-idf vectors over stems. Only texts that share several of their weightiest words are compared, so that the
work grows with the texts and not with their pairs. Pure; not for ranking.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import combinations

from kb.search.analysis import Analyzer

LEAST_WORDS = 20  # besides stop words; shorter texts look alike by accident
_WEIGHTIEST, _SHARED = 12, 6
_CROWD = 50  # a word that more texts hold among their weightiest tells nothing


def near(texts: Mapping[str, str], least: float = 0.9) -> list[tuple[str, str, float]]:
    """(id, id, cosine) of the pairs with a cosine of ``least`` or more, the most alike first."""
    analyzer = Analyzer()
    counted = {id_: Counter(analyzer.stems(text)) for id_, text in texts.items()}
    counted = {id_: counts for id_, counts in counted.items() if counts.total() >= LEAST_WORDS}
    df: Counter[str] = Counter(stem for counts in counted.values() for stem in counts)
    vectors = {id_: _unit(counts, df, len(counted)) for id_, counts in counted.items()}
    found = []
    for one, other in sorted(_candidates(vectors)):
        cosine = sum(weight * vectors[other].get(stem, 0.0) for stem, weight in vectors[one].items())
        if cosine >= least:
            found.append((one, other, min(cosine, 1.0)))
    return sorted(found, key=lambda pair: (-pair[2], pair))


def _unit(counts: Counter[str], df: Counter[str], texts: int) -> dict[str, float]:
    weights = {stem: (1 + math.log(n)) * math.log1p(texts / df[stem]) for stem, n in counts.items()}
    length = math.sqrt(sum(weight * weight for weight in weights.values()))
    return {stem: weight / length for stem, weight in weights.items()}


def _candidates(vectors: Mapping[str, Mapping[str, float]]) -> set[tuple[str, str]]:
    """Pairs that share enough of their weightiest words."""
    holders: defaultdict[str, list[str]] = defaultdict(list)
    for id_, vector in vectors.items():
        for stem in sorted(vector, key=lambda stem: (-vector[stem], stem))[:_WEIGHTIEST]:
            holders[stem].append(id_)
    shared: Counter[tuple[str, str]] = Counter()
    for ids in holders.values():
        if len(ids) <= _CROWD:
            shared.update(combinations(sorted(ids), 2))
    return {pair for pair, count in shared.items() if count >= min(_SHARED, _WEIGHTIEST)}
