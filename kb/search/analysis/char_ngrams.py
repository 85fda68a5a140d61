"""Character n-grams of a text, each known by a hash.

For each word, the n-grams of 3 and 4 letters, with a space at either end (scikit-learn's char_wb).
Where two words meet, the n-grams of 6 letters across the space, with up to 4 letters on either
side: these capture how a question is phrased. Because an n-gram is identified by its hash, a
vocabulary of n-grams is a sorted list of numbers. Weighting them belongs to ``index.title_ngrams``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kb.search.analysis.tokenizer import fold

CodePoints = NDArray[np.uint32]  # [characters]
NgramHashes = NDArray[np.uint32]  # [n-grams]
NgramOffsets = NDArray[np.int64]  # [n-grams], into code points

MAX_WORD_LENGTH = 40  # letters; the rest of a longer word is ignored
#: FNV-1a over code points, with 32 bits (Fowler, Noll, Vo 1991; constants of the reference).
BASIS, PRIME = 0x811C9DC5, 0x01000193
SPACE = 32
REACH = 4  # letters on either side of the space between two words
ACROSS = 6  # letters of an n-gram across a space


def code_points(texts: Sequence[str]) -> tuple[CodePoints, NDArray[np.int64]]:
    """The code points of all texts, folded, with a space at either end of each text and one between
    words; and where each text begins, and the last one ends.
    """
    spaced = [_spaced_words(text) for text in texts]
    ends = np.cumsum([0, *map(len, spaced)])
    return _points_of("".join(spaced)), ends


def code_points_of(text: str) -> CodePoints:
    """The code points of one text, as in ``code_points``."""
    return _points_of(_spaced_words(text))


def _spaced_words(text: str) -> str:
    return f" {' '.join([word[:MAX_WORD_LENGTH] for word in fold(text).split()])} "


def _points_of(text: str) -> CodePoints:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def ngram_hashes(points: CodePoints) -> tuple[NgramHashes, NgramOffsets]:
    """The hash of each n-gram of ``code_points``, as often as it occurs, and where it begins."""
    if points.size < 3:
        return np.zeros(0, dtype=np.uint32), np.zeros(0, dtype=np.int64)

    is_letter = points != SPACE
    threes = np.flatnonzero(is_letter[1:-1])
    fours = np.flatnonzero(is_letter[1:-2] & is_letter[2:-1])
    # A word of one letter is too short for four: its three count twice.
    lone_threes = threes[~is_letter[threes] & ~is_letter[threes + 2]]

    low, high = _meetings(is_letter)
    is_long = high - low >= ACROSS
    fives = low[~is_long]
    counts = (high - low)[is_long] - ACROSS + 1
    first = np.cumsum(counts) - counts
    sixes = np.arange(int(counts.sum())) + np.repeat(low[is_long] - first, counts)

    hashes = _hashes_by_size(points)
    groups = ((3, threes), (4, fours), (3, lone_threes), (ACROSS - 1, fives), (ACROSS, sixes))
    return (
        np.concatenate([hashes[size][offsets] for size, offsets in groups]),
        np.concatenate([offsets for _, offsets in groups]),
    )


def _meetings(is_letter: NDArray[np.bool_]) -> tuple[NgramOffsets, NgramOffsets]:
    """For each space between two words the range that is looked at: 5 to 9 characters."""
    spaces = np.flatnonzero(~is_letter)
    between = is_letter[spaces[1:-1] - 1] & is_letter[spaces[1:-1] + 1]
    inner = np.flatnonzero(between) + 1
    low = np.maximum(spaces[inner] - REACH, spaces[inner - 1])
    high = np.minimum(spaces[inner] + REACH, spaces[inner + 1]) + 1
    return low, high


def _hashes_by_size(points: CodePoints) -> dict[int, NgramHashes]:
    """For each n the hash of the n characters from each offset on."""
    by_size = {}
    hashes = np.full(points.size + 1, BASIS, dtype=np.uint32)
    for size in range(1, ACROSS + 1):
        hashes = (hashes[:-1] ^ points[size - 1 :]) * np.uint32(PRIME)
        by_size[size] = hashes
    return by_size
