"""Which words may one or two letters become?

The most frequent completions of a short beginning are chosen, and their postings united, when the
index is built: a beginning that many words share would cost the most just when somebody types its
first letters. Longer beginnings are worked out as they are typed. From one audience's words alone,
like all completion.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.search.index.array_file import Arrays
from kb.search.index.spill import Spill
from kb.search.index.term_dictionary import TermDictionary
from kb.search.scoring import bm25 as lexical
from kb.search.scoring import weights
from kb.search.scoring.bm25 import QueryTerm

Ints = npt.NDArray[Any]
_LONGEST = 5  # characters; fewer words share a longer beginning
_MANY_POSTINGS = 8192
_MANY_WORDS = 1000


def complete(low: int, high: int, surface_df: Ints, surface_stem: Ints) -> Ints:
    """The distinct stems of the most frequent of the words from ``low`` to ``high``."""
    numbers = np.arange(low, high)
    if numbers.size > weights.COMPLETIONS:
        numbers = low + np.argsort(-surface_df[low:high], kind="stable")[: weights.COMPLETIONS]
    return np.unique(surface_stem[numbers])


def pack(
    words: Sequence[str],
    made: Arrays,
    postings: tuple[Ints, Ints, Ints],
    documents: int,
    spill: Spill,
) -> Arrays:
    """Arrays for the beginnings of the sorted ``words``, and the postings of all terms: stems, then
    beginnings.

    ``made`` has the words' stems and frequencies; ``postings`` are the (pointers, docs, codes) of
    the stems.
    """
    pointers, docs, codes = postings
    df, of_word = np.diff(pointers), made["surface_stem"]
    most = np.concatenate(
        ([0], np.cumsum(df[of_word]))
    )  # postings before each word, were each stem a word's own
    many = max(_MANY_POSTINGS, documents // 3)
    texts: list[str] = []
    stems_of: list[Ints] = []
    counts: list[int] = []
    all_docs, all_codes = spill.array(np.int32), spill.array(np.uint8)
    all_docs.append(docs)
    all_codes.append(codes)
    for text, low, high in _ranges(words, most, many):
        stems = complete(low, high, made["surface_df"], of_word)
        if stems.size < 2 or (df[stems].sum() < many and high - low < _MANY_WORDS):
            continue
        texts.append(text)
        stems_of.append(stems)
        lists = [
            (docs[a:b], codes[a:b])
            for a, b in zip(pointers[stems], pointers[stems + 1], strict=True)
        ]
        found, parts = lexical.prefix(lists, documents)
        all_docs.append(found)
        all_codes.append(parts)
        counts.append(found.size)
    ends = pointers[-1] + np.cumsum(counts)
    return {
        **TermDictionary.pack(texts, "begin"),
        "begin_pointers": np.concatenate(([0], np.cumsum([s.size for s in stems_of]))).astype(
            np.int64
        ),
        "begin_stems": np.concatenate([*stems_of, np.zeros(0)]).astype(np.int32),
        **lexical.pack(
            np.concatenate((pointers, ends)).astype(np.int64),
            all_docs.array(),
            all_codes.array(),
            documents,
            spill,
            coarse=df.size,
        ),
    }


def _ranges(words: Sequence[str], most: Ints, many: int) -> list[tuple[str, int, int]]:
    """The words that share each short beginning, as half-open ranges, sorted by its UTF-8; where
    ``most``, the postings before each word, says that they may have ``many``, or where there are
    many words."""
    if not words:
        return []
    found = []
    letters, length = _letters(words)
    other = np.logical_or.accumulate(letters[1:] != letters[:-1], axis=1)
    for size in range(1, _LONGEST + 1):
        # Words are sorted: those with the same beginning stand together, and shorter ones before
        # them.
        bounds = np.flatnonzero(np.concatenate(([True], other[:, size - 1], [True])))
        low, high = bounds[:-1], bounds[1:]
        wanted = (
            (length[low] >= size)
            & (high - low > 1)
            & ((most[high] - most[low] >= many) | (high - low >= _MANY_WORDS))
        )
        found += [
            (words[a][:size], a, b)
            for a, b in zip(low[wanted].tolist(), high[wanted].tolist(), strict=True)
        ]
    return sorted(found, key=lambda row: row[0])


def _letters(words: Sequence[str]) -> tuple[Ints, Ints]:
    """The first characters of each word, zeros behind a shorter one, and how many characters each
    has.
    """
    text = np.frombuffer("".join(words).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    length = np.fromiter(map(len, words), dtype=np.int64, count=len(words))
    at = (np.cumsum(length) - length)[:, None] + np.arange(_LONGEST)
    return np.where(np.arange(_LONGEST) < length[:, None], text.take(at, mode="clip"), 0), length


class PrefixPostings:
    """The beginnings that were worked out when the index was built."""

    def __init__(self, arrays: Arrays) -> None:
        self._texts = TermDictionary(arrays, "begin")
        self._pointers, self._stems = arrays["begin_pointers"], arrays["begin_stems"]
        self._first = int(arrays["df"].size)

    def find(self, text: str) -> QueryTerm | None:
        """What ``text`` begins, when it stands ready."""
        number = self._texts.find(text)
        if number < 0:
            return None
        stems = self._stems[self._pointers[number] : self._pointers[number + 1]].tolist()
        return QueryTerm(
            text, tuple(stems), (1.0,) * len(stems), prefix=True, term=self._first + number
        )
