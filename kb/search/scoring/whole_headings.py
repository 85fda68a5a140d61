"""Headings: the documents that have a heading, letter by letter, by its hash.

Whoever types a heading whole, common words and all, wants its page: "What it is not" has no word
that ranking could go by. Nor has the number of a clause, "2.5.2", which stands for its heading.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kb.search.analysis.tokenizer import written_words
from kb.search.array_types import Documents
from kb.search.index.array_file import Arrays

MOST = 20  # documents of one heading
#: The number that a clause's heading begins with.
_CLAUSE_NUMBER = re.compile(r"\d{1,3}(?:\.\d{1,3}){1,5}(?=\.?\s)", re.ASCII)
_NONE: Documents = np.zeros(0, dtype=np.int64)


def heading_hash(words: Sequence[str]) -> int:
    """A number for the words of a heading; 0 for a lone word, which says little by itself."""
    if len(words) < 2:
        return 0
    digest = hashlib.blake2b(" ".join(words).encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "little") or 1


def heading_hashes(text: str) -> list[int]:
    """The hashes by which a heading is found: of its words, and of its number as a clause."""
    number = _CLAUSE_NUMBER.match(text)
    headings = [text, *([number[0]] if number else ())]
    return [heading_hash(written_words(heading)) for heading in headings]


def pack_headings(hashes: NDArray[np.uint64], documents: NDArray[np.int64]) -> Arrays:
    """The documents by the hashes of their headings; a heading may have several."""
    says_much = hashes > 0
    hashes, documents = hashes[says_much], documents[says_much]
    order = np.lexsort((documents, hashes))
    hashes, documents = hashes[order], documents[order]
    is_first = np.ones(hashes.size, dtype=bool)
    is_first[1:] = (hashes[1:] != hashes[:-1]) | (documents[1:] != documents[:-1])
    return {"headings": hashes[is_first], "heading_docs": documents[is_first].astype(np.int32)}


class WholeHeadings:
    """The headings of one partition; none in an index of an earlier version."""

    def __init__(self, arrays: Arrays) -> None:
        self._hashes: NDArray[np.uint64] = arrays.get("headings", np.zeros(0, dtype=np.uint64))
        self._documents: NDArray[np.int32] = arrays.get("heading_docs", np.zeros(0, dtype=np.int32))
        self._edited: NDArray[np.int32] | None = arrays.get("edited")
        if self._edited is not None:
            self._edited_hashes: NDArray[np.uint64] = arrays["edited_headings"]
            self._edited_documents: NDArray[np.int32] = arrays["edited_heading_docs"]

    def documents(self, words: Sequence[str]) -> Documents:
        """The first documents, ascending, that have a heading of just these ``words``."""
        wanted = np.uint64(heading_hash(words))
        if not wanted:
            return _NONE
        low = int(self._hashes.searchsorted(wanted))
        high = int(self._hashes.searchsorted(wanted, "right"))
        if self._edited is not None:
            others = np.setdiff1d(self._documents[low:high], self._edited)
            return self._with_edited(others, wanted)
        if low == high:
            return _NONE
        return self._documents[low : min(high, low + MOST)].astype(np.int64)

    def _with_edited(self, others: NDArray[np.int32], wanted: np.uint64) -> Documents:
        low = self._edited_hashes.searchsorted(wanted)
        high = self._edited_hashes.searchsorted(wanted, "right")
        joined = np.union1d(others, self._edited_documents[low:high])
        return joined[:MOST].astype(np.int64)
