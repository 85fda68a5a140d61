"""Prefix postings: the merged postings of short prefixes that many words share.

They are merged when an index is built, because short prefixes are the most expensive ones and the
first that somebody types. Longer prefixes are merged as they are typed (see ``Bm25``). From one
audience's words alone, like all completion.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kb.search import weights
from kb.search.array_types import Frequencies, Pointers, PostingCodes, PostingDocs
from kb.search.index.array_file import Arrays
from kb.search.index.postings import pack_postings, unite_postings
from kb.search.index.spill import Spill
from kb.search.index.term_dictionary import TermDictionary
from kb.search.query_terms import QueryTerm

_LONGEST = 5  # characters; fewer words share a longer prefix
_MANY_POSTINGS = 8192
_MANY_WORDS = 1000
WordStems = NDArray[np.int32]  # [words], the stem of each word
_PrefixRange = tuple[
    str, int, int
]  # a prefix, and the half-open range of the words that begin with it


def complete(
    words: NDArray[np.int64], surface_df: Frequencies, surface_stem: WordStems
) -> NDArray[np.int32]:
    """The distinct stems of the most frequent of some ``words``."""
    if words.size > weights.COMPLETIONS:
        most = np.argsort(-surface_df[words], kind="stable")[: weights.COMPLETIONS]
        words = words[most]
    return np.unique(surface_stem[words])


def pack_prefixes(
    words: Sequence[str],
    made: Arrays,
    postings: tuple[Pointers, PostingDocs, PostingCodes],
    documents: int,
    spill: Spill,
) -> Arrays:
    """Arrays for the prefixes of the sorted ``words``, and the postings of all terms.

    Terms are stems, then prefixes. ``made`` has the words' stems and frequencies; ``postings`` are
    those of the stems.
    """
    pointers, docs, codes = postings
    df, stem_of = np.diff(pointers), made["surface_stem"]
    # The postings before each word, as if each stem were one word's own.
    before = np.concatenate(([0], np.cumsum(df[stem_of])))
    many = max(_MANY_POSTINGS, documents // 3)

    prefixes: list[str] = []
    stems_of: list[NDArray[np.int32]] = []
    counts: list[int] = []
    all_docs, all_codes = spill.array(np.int32), spill.array(np.uint8)
    all_docs.append(docs)
    all_codes.append(codes)
    for prefix, low, high in _shared_prefixes(words, before, many):
        stems = complete(np.arange(low, high), made["surface_df"], stem_of)
        if stems.size < 2 or (df[stems].sum() < many and high - low < _MANY_WORDS):
            continue
        lists = [
            (docs[start:end], codes[start:end])
            for start, end in zip(pointers[stems], pointers[stems + 1], strict=True)
        ]
        united_docs, united_codes = unite_postings(lists, documents)
        prefixes.append(prefix)
        stems_of.append(stems)
        counts.append(united_docs.size)
        all_docs.append(united_docs)
        all_codes.append(united_codes)

    ends = pointers[-1] + np.cumsum(counts)
    all_pointers = np.concatenate((pointers, ends)).astype(np.int64)
    stem_counts = [stems.size for stems in stems_of]
    return {
        **TermDictionary.pack(prefixes, "begin"),
        "begin_pointers": np.concatenate(([0], np.cumsum(stem_counts))).astype(np.int64),
        "begin_stems": np.concatenate([*stems_of, np.zeros(0)]).astype(np.int32),
        **pack_postings(all_pointers, all_docs.array(), all_codes.array(), documents, spill),
    }


def _shared_prefixes(
    words: Sequence[str], before: NDArray[np.int64], many: int
) -> list[_PrefixRange]:
    """The short prefixes that may have ``many`` postings, or many words, sorted by their UTF-8."""
    if not words:
        return []
    ranges = []
    letters, length = _first_letters(words)
    other = np.logical_or.accumulate(letters[1:] != letters[:-1], axis=1)
    for size in range(1, _LONGEST + 1):
        # Words are sorted: those that share a prefix stand together, and shorter words before them.
        bounds = np.flatnonzero(np.concatenate(([True], other[:, size - 1], [True])))
        low, high = bounds[:-1], bounds[1:]
        common = (before[high] - before[low] >= many) | (high - low >= _MANY_WORDS)
        is_shared = (length[low] >= size) & (high - low > 1) & common
        ranges += [
            (words[start][:size], start, end)
            for start, end in zip(low[is_shared].tolist(), high[is_shared].tolist(), strict=True)
        ]
    return sorted(ranges, key=lambda row: row[0])


def _first_letters(words: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The first characters of each word, zeros behind a shorter one; and the words' lengths."""
    text = np.frombuffer("".join(words).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    length = np.fromiter(map(len, words), dtype=np.int64, count=len(words))
    positions = (np.cumsum(length) - length)[:, None] + np.arange(_LONGEST)
    letters = text.take(positions, mode="clip")
    return np.where(np.arange(_LONGEST) < length[:, None], letters, 0), length


class PrefixPostings:
    """The prefixes of one partition's words, of which some were united when the index was built."""

    def __init__(self, arrays: Arrays, surfaces: TermDictionary) -> None:
        self._surfaces = surfaces
        self._surface_df: Frequencies = arrays["surface_df"]
        self._surface_stem: WordStems = arrays["surface_stem"]
        self._prefixes = TermDictionary(arrays, "begin")
        self._pointers: Pointers = arrays["begin_pointers"]
        self._stems: NDArray[np.int32] = arrays["begin_stems"]
        self._first_term = int(arrays["df"].size)

    def term(self, prefix: str) -> QueryTerm | None:
        """The most frequent words that begin with ``prefix``, as one term; None where none does."""
        number = self._prefixes.find(prefix)
        if number >= 0 and not self._surfaces.has_added(prefix):
            stems = self._stems[self._pointers[number] : self._pointers[number + 1]]
            return _prefix_term(prefix, stems, self._first_term + number)
        words = self._surfaces.beginning_with(prefix)
        if not words.size:
            return None
        return _prefix_term(prefix, complete(words, self._surface_df, self._surface_stem))


def _prefix_term(prefix: str, stems: NDArray[np.int32], united: int = -1) -> QueryTerm:
    shares = (1.0,) * stems.size
    return QueryTerm(prefix, tuple(stems.tolist()), shares, prefix=True, prefix_term=united)
