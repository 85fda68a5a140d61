"""Which texts say nearly the same?

Cosine of tf-idf vectors over stems. Only texts that share several of their weightiest words are
compared, so that the work grows with the texts and not with their pairs. Pure; not for ranking.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import combinations

from kb.search.analysis.similarity import cosine, tfidf_vector
from kb.search.analysis.tokenizer import Analyzer

LEAST_WORDS = 20  # besides stop words; shorter texts look alike by accident
_WEIGHTIEST, _SHARED = 12, 6
_CROWD = 50  # a word that more texts hold among their weightiest tells nothing


def near_duplicates(texts: Mapping[str, str], least: float = 0.9) -> list[tuple[str, str, float]]:
    """(id, id, cosine) of the pairs with a cosine of ``least`` or more, the most alike first."""
    analyzer = Analyzer()
    counted = {id_: Counter(analyzer.stems(text)) for id_, text in texts.items()}
    counted = {id_: counts for id_, counts in counted.items() if counts.total() >= LEAST_WORDS}
    df: Counter[str] = Counter(stem for counts in counted.values() for stem in counts)
    idf = {stem: math.log1p(len(counted) / n) for stem, n in df.items()}
    vectors = {id_: tfidf_vector(counts, idf.__getitem__) for id_, counts in counted.items()}
    alike = (
        (one, other, cosine(vectors[one], vectors[other]))
        for one, other in sorted(_candidates(vectors))
    )
    return sorted((pair for pair in alike if pair[2] >= least), key=lambda pair: (-pair[2], pair))


def _candidates(vectors: Mapping[str, Mapping[str, float]]) -> set[tuple[str, str]]:
    """Pairs that share enough of their weightiest words."""
    holders: defaultdict[str, list[str]] = defaultdict(list)
    for id_, weights in vectors.items():
        for stem in sorted(weights, key=lambda stem: (-weights[stem], stem))[:_WEIGHTIEST]:
            holders[stem].append(id_)
    shared: Counter[tuple[str, str]] = Counter()
    for ids in holders.values():
        if len(ids) <= _CROWD:
            shared.update(combinations(sorted(ids), 2))
    return {pair for pair, count in shared.items() if count >= min(_SHARED, _WEIGHTIEST)}
