"""What there is already of a partition to be built: the values that say what can be reused, and
lists that are put together from what there is and from what is new.

It is what the previous generation had for the same audience, or what this one has for an audience
that sees a part of it. Passed to every writer of a part of the new partition. Finding out what is
still valid belongs to ``kb.search.build.reuse``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kb.search.array_types import Pointers
from kb.search.index.array_file import Arrays
from kb.search.index.document_store import DocumentStore
from kb.search.index.spill import Spill
from kb.search.kernels.ranges import positions_of


@dataclass(frozen=True, slots=True)
class PreviousPartition:
    """The previous generation's partition for the same audience, or a smaller one of this build.

    ``changed`` is how many documents are new or different now; ``drift`` is how many differ from
    ``arrays``, including those that are in ``edits`` (see ``index.edits``). ``lost`` says that a
    document which the audience could see since ``arrays`` were written is gone or hidden now,
    ``lost_article`` that one of these was not a thread. ``numbers`` has the previous number of each
    unchanged document, ``numbers_of_all`` also that of each changed one; ``added`` are the rows of
    those that the audience could not see. ``store`` has the previous documents; None if they are
    those of this build.
    """

    arrays: Arrays
    edits: Arrays
    changed: int
    drift: int
    lost: bool
    lost_article: bool
    numbers: NDArray[np.int64]  # [documents of this build, by row], or -1
    numbers_of_all: NDArray[np.int64]
    added: NDArray[np.int64]
    store: DocumentStore | None

    def is_edited(self, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of the documents with these ``numbers`` stood in ``edits``."""
        return np.isin(numbers, self.edits.get("edited", ()))


@dataclass(frozen=True, slots=True)
class CarriedOver:
    """What of the previous partition's ``arrays`` still holds."""

    arrays: Arrays
    #: [numbers now], which number each had; -1 for a new or changed document, and a vacant number
    places: NDArray[np.int64]
    surfaces: NDArray[np.int32]  # [words then], the number each has now, or -1
    stems: NDArray[np.int32]  # [stems then], the number each has now, or -1
    same_stems: bool = False  # every word has the stem that it had
    vacant: int = 0  # numbers that no document has, of then and of now

    def numbers_now(self) -> NDArray[np.int32]:
        """The number that each document of then has now, or -1."""
        numbers = np.full(self.arrays["kind"].size, -1, dtype=np.int32)
        now = np.flatnonzero(self.places >= 0)
        numbers[self.places[now]] = now
        return numbers

    def changes(self) -> int:
        """How many documents are new or gone, one that differs being both."""
        unchanged = int((self.places >= 0).sum())
        return self.places.size + self.arrays["kind"].size - self.vacant - 2 * unchanged

    def passages(
        self, doc_passages: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The passages of the unchanged documents: their numbers now and their numbers then.

        ``doc_passages`` says where the passages of each document begin now.
        """
        now = np.flatnonzero(self.places >= 0)
        then = self.places[now]
        old_doc_passages = self.arrays["doc_passages"]
        return (
            positions_of(doc_passages[now], doc_passages[now + 1]),
            positions_of(old_doc_passages[then], old_doc_passages[then + 1]),
        )


class Lists(NamedTuple):
    """Lists of numbers, one after the other, in columns that stand beside each other."""

    pointers: Pointers  # [lists + 1]
    columns: Mapping[str, NDArray[Any]]


def spliced_lists(
    rows_then: NDArray[np.int64],
    then: Lists,
    new: Lists,
    spill: Spill,
    numbers_now: Mapping[str, NDArray[np.int32]],
) -> Lists:
    """Lists of which each had the row that ``rows_then`` says, or -1: these are ``new``, in order.

    ``numbers_now`` says what has become of the numbers in some columns.
    """
    is_old = rows_then >= 0
    lengths = np.zeros(rows_then.size, dtype=np.int64)
    lengths[is_old] = np.diff(then.pointers)[rows_then[is_old]]
    lengths[~is_old] = np.diff(new.pointers)

    copies = {name: spill.array(values.dtype) for name, values in new.columns.items()}
    taken = 0
    for low, high in _runs(rows_then):
        source, first, numbers = then, int(rows_then[low]), numbers_now
        if first < 0:
            source, first, numbers = new, taken, {}
            taken += high - low
        start, end = source.pointers[[first, first + high - low]].tolist()
        for block in range(start, end, spill.block):
            part = slice(block, min(end, block + spill.block))
            for name, copy in copies.items():
                values = source.columns[name][part]
                copy.append(numbers[name][values] if name in numbers else values)
    pointers = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    return Lists(pointers, {name: copy.array() for name, copy in copies.items()})


def _runs(rows: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Half-open ranges of ``rows`` that follow each other without a gap, or are all -1."""
    if not rows.size:
        return
    follows = np.where(rows[1:] >= 0, rows[1:] == rows[:-1] + 1, rows[:-1] < 0)
    # After a new row, row 0 does not follow.
    follows &= (rows[1:] >= 0) == (rows[:-1] >= 0)
    yield from pairwise([0, *(np.flatnonzero(~follows) + 1).tolist(), rows.size])
