"""Similarity of short texts: the cosine of their tf-idf vectors over stems.

The caller weights the words, because words that occur throughout a help centre say little about the
title of a ticket. Pure; finding and ranking documents belongs to the partition.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping

TfidfVector = Mapping[str, float]  # stem -> weight, of length 1


def tfidf_vector(counts: Counter[str], idf: Callable[[str], float]) -> TfidfVector:
    """Stem -> ``(1 + ln tf) * idf``, normalized; empty for a text without words."""
    weights = {stem: (1 + math.log(count)) * idf(stem) for stem, count in counts.items()}
    length = math.sqrt(sum(weight * weight for weight in weights.values()))
    return {stem: weight / length for stem, weight in weights.items()} if length else {}


def cosine(left: TfidfVector, right: TfidfVector) -> float:
    """Between 0 and 1."""
    return min(1.0, sum(weight * right.get(stem, 0.0) for stem, weight in left.items()))
