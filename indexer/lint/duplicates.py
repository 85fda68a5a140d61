"""Near duplicates: pairs of texts with nearly the same words.

Cosine of tf-idf vectors over stems. Only texts that share several of their heaviest words are
compared, so that the work grows with the texts and not with their pairs. Pure; ranking has its own
similarity.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import combinations

from kb.search.analysis.similarity import cosine, tfidf_vector
from kb.search.analysis.tokenizer import Analyzer

#: Besides stop words. Shorter texts are similar by accident.
MIN_WORDS = 20
#: A pair is compared when it shares so many of so many heaviest words.
_HEAVIEST_WORDS, _MIN_SHARED = 12, 6
#: A word that more texts have among their heaviest identifies none of them.
_MAX_HOLDERS = 50


def near_duplicates(
    texts: Mapping[str, str], min_cosine: float = 0.9
) -> list[tuple[str, str, float]]:
    """(ID, ID, cosine) of the similar pairs, the most similar first."""
    analyzer = Analyzer()
    counts: dict[str, Counter[str]] = {}
    for id_, text in texts.items():
        words = Counter(analyzer.stems(text))
        if words.total() >= MIN_WORDS:
            counts[id_] = words

    document_frequency = Counter(stem for words in counts.values() for stem in words)
    idf = {stem: math.log1p(len(counts) / n) for stem, n in document_frequency.items()}
    vectors = {id_: tfidf_vector(words, idf.__getitem__) for id_, words in counts.items()}

    pairs = []
    for first, second in sorted(_candidates(vectors)):
        similarity = cosine(vectors[first], vectors[second])
        if similarity >= min_cosine:
            pairs.append((first, second, similarity))
    return sorted(pairs, key=lambda pair: (-pair[2], pair))


def _candidates(vectors: Mapping[str, Mapping[str, float]]) -> set[tuple[str, str]]:
    """Pairs that share enough of their heaviest words."""
    holders: defaultdict[str, list[str]] = defaultdict(list)
    for id_, weights in vectors.items():
        heaviest = sorted(weights, key=lambda stem: (-weights[stem], stem))[:_HEAVIEST_WORDS]
        for stem in heaviest:
            holders[stem].append(id_)

    shared: Counter[tuple[str, str]] = Counter()
    for ids in holders.values():
        if len(ids) <= _MAX_HOLDERS:
            shared.update(combinations(sorted(ids), 2))
    return {pair for pair, count in shared.items() if count >= _MIN_SHARED}
