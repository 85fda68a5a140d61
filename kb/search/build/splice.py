"""Splice: postings and passages of unchanged documents, taken over as they are.

The previous partition has them under other numbers; what is new stands between them. Only what is
new was counted: nothing of an unchanged document is read again. This needs a common measure, as
the weight of a word depends on how long texts are on average: see ``LengthBasis``. Build time only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from kb.search.array_types import Pointers, PostingCodes, PostingDocs
from kb.search.index.array_file import Arrays
from kb.search.index.previous import CarriedOver, PreviousPartition
from kb.search.index.spill import Spill, blocks

#: Documents; counting fewer again takes milliseconds.
SMALLEST_SPLICED = 400
#: The share of documents that may change before lengths are measured anew.
_DRIFT = 0.1

PostingLists = tuple[Pointers, PostingDocs, PostingCodes]  # of all terms, one after the other


@dataclass(frozen=True, slots=True)
class LengthBasis:
    """How long titles, bodies and passages are on average, when that was last measured.

    As long as it is kept, so is how rare the letters of titles are (see ``title_ngrams``).
    """

    title: float
    body: float
    passage: float
    drift: int = 0  # documents that changed since

    @classmethod
    def kept(cls, previous: PreviousPartition | None, documents: int) -> Self | None:
        """That of the partition which the same audience had; None where it has to be measured.

        A lost document means a new measure: what is hidden has no part in it.
        """
        if (
            previous is None
            or previous.store is None
            or previous.lost
            or documents < SMALLEST_SPLICED
            or "average_lengths" not in previous.arrays
        ):
            return None
        drift = int(previous.arrays["length_drift"][0]) + previous.drift
        if drift > _DRIFT * documents:
            return None
        title, body, passage = previous.arrays["average_lengths"].tolist()
        return cls(title, body, passage, drift)

    def arrays(self) -> Arrays:
        return {
            "average_lengths": np.array([self.title, self.body, self.passage]),
            "length_drift": np.array([self.drift], dtype=np.int64),
        }


def spliced_postings(then: CarriedOver, fresh: PostingLists, spill: Spill) -> PostingLists:
    """The postings of all stems: those of unchanged documents, and between them the ``fresh``."""
    pointers_then, docs_then, codes_then = _all_postings(then.arrays, spill)
    number_now = then.numbers_now()

    pointers, fresh_docs, fresh_codes = fresh
    stems = pointers.size - 1
    fresh_stems = np.flatnonzero(np.diff(pointers))
    # For each stem of then the number that it has now, or that the next one has.
    numbers = np.where(then.stems >= 0, then.stems, stems)
    bounds = np.append(np.minimum.accumulate(numbers[::-1])[::-1], stems)
    bounds[0] = 0

    df = np.diff(pointers)
    docs, codes = spill.array(np.int32), spill.array(np.uint8)
    for low, high in blocks(pointers_then, spill.block):
        entries = slice(*pointers_then[[low, high]].tolist())
        docs_now = number_now[docs_then[entries]]
        kept = docs_now >= 0
        ends = np.concatenate(([0], np.cumsum(kept)))[pointers_then[low : high + 1] - entries.start]
        docs_now, codes_now = docs_now[kept], codes_then[entries][kept]

        # Where the kept postings of each stem in this block begin, by its number now.
        first, last = int(bounds[low]), int(bounds[high])
        counts = np.zeros(last - first, dtype=np.int64)
        named = np.flatnonzero(then.stems[low:high] >= 0)
        counts[then.stems[low:high][named] - first] = np.diff(ends)[named]
        df[first:last] += counts
        begins = np.concatenate(([0], np.cumsum(counts)))

        a, b = fresh_stems.searchsorted((first, last)).tolist()
        places = [
            begins[stem - first]
            + docs_now[begins[stem - first] : begins[stem - first + 1]].searchsorted(
                fresh_docs[pointers[stem] : pointers[stem + 1]]
            )
            for stem in fresh_stems[a:b].tolist()
        ]
        if places:
            inserted = slice(int(pointers[fresh_stems[a]]), int(pointers[fresh_stems[b - 1] + 1]))
            positions = np.concatenate(places)
            docs_now = np.insert(docs_now, positions, fresh_docs[inserted])
            codes_now = np.insert(codes_now, positions, fresh_codes[inserted])
        docs.append(docs_now)
        codes.append(codes_now)
    return np.concatenate(([0], np.cumsum(df))).astype(np.int64), docs.array(), codes.array()


def _all_postings(arrays: Arrays, spill: Spill) -> PostingLists:
    """The postings of all stems of a partition, those in rows as well, as lists."""
    df = arrays["df"]
    pointers, row_of = arrays["pointers"], arrays["row_of"][: df.size]
    docs, codes = spill.array(np.int32), spill.array(np.uint8)
    begin = 0
    for stem in [*np.flatnonzero(row_of >= 0).tolist(), df.size]:
        start, end = pointers[[begin, stem]].tolist()
        docs.append(arrays["docs"][start:end])
        codes.append(arrays["codes"][start:end])
        if stem < df.size:
            row = arrays["rows"][row_of[stem]]
            entries = np.flatnonzero(row)
            docs.append(entries)
            codes.append(row[entries])
        begin = stem + 1
    ends = np.concatenate(([0], np.cumsum(df, dtype=np.int64)))
    return ends, docs.array(), codes.array()
