"""Which pieces of a few letters does a text have?

Of each word the pieces of 3 and 4 letters, a space at either end (scikit-learn's char_wb), and
where two words meet the pieces of 6 letters across them, up to 4 letters of either side: these tell
how a question is put. A piece is known by a hash of its letters, so that a vocabulary of pieces is
a sorted list of numbers. Not for weighing them (``code_points``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.search.analysis.tokenizer import fold

Ints = npt.NDArray[Any]
SPACE = 32
MAX_WORD_LENGTH = 40  # letters; of a longer one the beginning is looked at
#: FNV-1a over code points, with 32 bits (Fowler, Noll, Vo 1991; constants of the reference).
BASIS, PRIME = 0x811C9DC5, 0x01000193
REACH = 4  # letters on either side of where two words meet
ACROSS = 6  # letters of a piece there


def code_points(texts: Sequence[str]) -> tuple[Ints, Ints]:
    """The code points of all texts, folded, a space at either end of each text and one between
    words; and where each text begins among them, and the last one ends."""
    spaced = [
        f" {' '.join(word[:MAX_WORD_LENGTH] for word in fold(text).split())} " for text in texts
    ]
    ends = np.cumsum([0, *map(len, spaced)])
    return np.frombuffer(
        "".join(spaced).encode("utf-32-le", "surrogatepass"), dtype=np.uint32
    ), ends


def ngram_hashes(points: Ints) -> tuple[Ints, Ints]:
    """The hash of each piece of ``code_points``, as often as it is there, and where the piece begins."""
    if points.size < 3:
        return np.zeros(0, dtype=np.uint32), np.zeros(0, dtype=np.int64)
    by_size = _by_size(points)
    word = points != SPACE
    three = np.flatnonzero(word[1:-1])
    four = np.flatnonzero(word[1:-2] & word[2:-1])
    lone = three[~word[three] & ~word[three + 2]]  # too short for four: its three count twice
    low, high = _meetings(word)
    short, long = low[high - low < ACROSS], high - low >= ACROSS
    counts = (high - low)[long] - ACROSS + 1
    first = np.cumsum(counts) - counts
    across = np.arange(int(counts.sum())) + np.repeat(low[long] - first, counts)
    at = ((3, three), (4, four), (3, lone), (ACROSS - 1, short), (ACROSS, across))
    return np.concatenate([by_size[size][i] for size, i in at]), np.concatenate([i for _, i in at])


def _meetings(word: Ints) -> tuple[Ints, Ints]:
    """From where to where one looks at each space between two words; 5 to 9 letters."""
    spaces = np.flatnonzero(~word)
    inner = np.flatnonzero(word[spaces[1:-1] - 1] & word[spaces[1:-1] + 1]) + 1
    low = np.maximum(spaces[inner] - REACH, spaces[inner - 1])
    return low, np.minimum(spaces[inner] + REACH, spaces[inner + 1]) + 1


def _by_size(points: Ints) -> dict[int, Ints]:
    """The hash of as many letters as the key says, from each place on."""
    found, value = {}, np.full(points.size + 1, BASIS, dtype=np.uint32)
    for size in range(1, ACROSS + 1):
        value = (value[:-1] ^ points[size - 1 :]) * np.uint32(PRIME)
        found[size] = value
    return found


def ngram_numbers(points: Ints, vocabulary: Ints) -> tuple[Ints, Ints, int]:
    """The places in ``vocabulary`` (hashes, ascending) of the pieces that it has, ascending, how
    often each is there, and how many pieces it has not."""
    found, _ = ngram_hashes(points)
    if not vocabulary.size:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), found.size
    at = np.minimum(vocabulary.searchsorted(found), vocabulary.size - 1)
    known = at[vocabulary[at] == found]
    pieces, counts = np.unique(known, return_counts=True)
    return pieces, counts, found.size - known.size
