"""How like are short texts?

Cosine of tf-idf vectors over stems. The weight of a word is the asker's to give: what the whole
help centre says all the time tells little about a ticket's title. Pure; not for finding or ranking
documents, which is the matrix's.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping

TfidfVector = Mapping[str, float]


def tfidf_vector(counts: Counter[str], idf: Callable[[str], float]) -> TfidfVector:
    """Stem -> ``(1 + ln tf) * idf``, of length 1; empty for a text without words."""
    weights = {stem: (1 + math.log(n)) * idf(stem) for stem, n in counts.items()}
    length = math.sqrt(sum(weight * weight for weight in weights.values()))
    return {stem: weight / length for stem, weight in weights.items()} if length else {}


def cosine(one: TfidfVector, other: TfidfVector) -> float:
    """Between 0 and 1."""
    return min(1.0, sum(weight * other.get(stem, 0.0) for stem, weight in one.items()))
