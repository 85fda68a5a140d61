"""Which numbers is ranking made of?

The formulas and the weights, each with its source, in one place: tuned on development halves of judged sets, reported
on others (see bench/). Pure.

BM25F: Robertson, Zaragoza, Taylor, "Simple BM25 extension to multiple weighted fields", CIKM 2004. The weighted,
length-normalised term frequency of all fields is saturated once: ``idf * (k1 + 1) * tf / (k1 + tf)``.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

K1 = 2.0
B = 0.75
TITLE = 3.0  # a title word counts as three words of the body
PASSAGE_TITLE = 2  # the title stands in front of each passage, twice
PASSAGE_K1 = 0.3  # in a passage it counts which words are there, hardly how often

#: The convex sum over scores that were each divided by their best candidate. The optimum is flat.
MIX = MappingProxyType({"words": 0.45, "passage": 0.20, "letters": 0.20, "topics": 0.15})
#: Added for documents that the answers to tickets like this one linked, divided by the most wanted one.
VOTES = 0.6
NEAREST = 20  # resolved tickets that vote
#: Added to articles and FAQ entries in a mixed index, from one of few topics to one of almost nothing else, so that
#: chatter does not bury the article.
KIND_BONUS = (0.1, 0.3)
UNSOLVED = 0.85  # an unsolved topic keeps this share of its score

#: Logistic regression for "is the best candidate worth showing", over the features of ``ranking.confidence``; fitted
#: on the development queries of clinc150, stackfaq, slicer-docs and scifact against questions out of their scope.
CONFIDENCE = MappingProxyType(
    {
        "coverage": 2.21,
        "letters": 4.38,
        "words": 6.09,
        "length": 3.68,
        "passage": 2.28,
        "unknown": 0.57,
        "strength": 1.74,
    }
)
CONFIDENCE_BIAS = -9.45
#: Log-odds below which nothing is shown: loses 1 to 7 % of the right answers to whole questions and keeps quiet on
#: half to three quarters of those out of scope. Features carry over between sites, the threshold does not.
DOUBT = -2.0

COMPLETIONS = 100  # most frequent words that an open last word may stand for
FIRST_LETTER = 0.3  # share of a correction that changes the first letter
CANDIDATES = 100  # of each kind, from the lexical lane
LETTER_CANDIDATES = 60  # from the character lane
LETTER_POSTINGS = 200  # heaviest documents kept for each character n-gram

# One byte a posting: 255 steps of equal ratio (3.7 %) between the smallest and largest weighted frequency that occur.
_LOW, _HIGH = 0.01, 100.0
TF = np.concatenate(([0.0], np.geomspace(_LOW, _HIGH, 255))).astype(np.float32)
#: Code of a posting -> saturated weight, idf still to be applied.
IMPACT = ((K1 + 1) * TF / (K1 + TF)).astype(np.float32)
PASSAGE_IMPACT = ((PASSAGE_K1 + 1) * TF / (PASSAGE_K1 + TF)).astype(np.float32)


def code(tf: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """The one-byte code of each weighted term frequency (0 only for 0)."""
    steps = np.log(np.clip(tf, _LOW, _HIGH) / _LOW) * (254 / np.log(_HIGH / _LOW))
    return np.where(tf > 0, np.rint(steps) + 1, 0).astype(np.uint8)


def idf(df: npt.ArrayLike, documents: int) -> npt.NDArray[np.float64]:
    """Lucene's BM25 idf, ``ln(1 + (N - df + 0.5) / (df + 0.5))``: never negative."""
    counts = np.asarray(df, dtype=np.float64)
    return np.asarray(np.log1p((documents - counts + 0.5) / (counts + 0.5)))


def shorten(length: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """BM25's length normalisation ``1 - b + b * length / average`` for each field length."""
    average = float(length.mean()) if length.size else 0.0
    return 1 - B + B * length / average if average > 0 else np.ones_like(length)
