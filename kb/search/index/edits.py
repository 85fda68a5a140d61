"""Edits: a small segment beside the file of a partition, with the documents that were added, edited
or removed since that file was written.

The segment is written again at each publish, while the large file stays unchanged. An edited
document keeps its number: its entries in the large file are ignored, and those in the segment count
instead. A removed one has none in the segment. An added one takes a vacant number: a large file has
some after the documents of each kind, as if there were documents without a word. A number that a
document had is not taken by another until the two files become one again, which
``kb.search.build.partition_edits`` decides; it also writes the segment. Every query uses both
files.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from kb.search.array_types import Documents
from kb.search.index.array_file import Arrays, load_arrays, load_private_arrays
from kb.search.kernels.layout import Headings, Passages, PassageVectors, Titles

#: How the arrays of a segment are named that change those of the large file: the values at some
#: places, and where these are; values that follow the last ones.
AT, TO, END = "at:", "to:", "end:"
#: The rows of all documents: by how much each differs from the one before, which packs to nearly
#: nothing when the segment travels; up to format 14, as they are.
_ROW_STEPS, _ROWS = "row_steps", "all:row"
#: The fewest documents for edits: a smaller partition can be written whole just as quickly.
SMALLEST_WITH_EDITS = 2_000
#: Vacant numbers of each kind: a share of its documents, and at least so many.
_VACANT, _FEW_VACANT = 0.01, 16
#: Arrays that come from tickets: they are packed at each publish, never taken from the large file.
_FROM_TICKETS = ("solved_", "translated_")


def may_have_edits(documents: int) -> bool:
    """Whether a partition of so many documents is large enough."""
    return documents >= SMALLEST_WITH_EDITS


def vacancies(of_kind: int, documents: int) -> int:
    """How many vacant numbers follow the ``of_kind`` documents of a kind.

    ``documents`` is how many the whole partition has. A kind without documents gets no numbers.
    """
    if not of_kind or not may_have_edits(documents):
        return 0
    return max(_FEW_VACANT, int(_VACANT * of_kind))


def edits_file(partition: Path) -> Path:
    """The file of edits that may stand beside the file of a partition."""
    return partition.with_suffix(".edits")


def load_partition(file: Path) -> Arrays:
    """The arrays of a partition with what was edited since, as ``load_arrays`` gives them."""
    arrays, edits = load_arrays(file), load_edits(file)
    return with_edits(arrays, edits, load_private_arrays(file)) if edits else arrays


def load_edits(file: Path) -> Arrays:
    """The edits since the file of a partition was written; empty if there are none."""
    beside = edits_file(file)
    return load_arrays(beside) if beside.exists() else {}


def pack_rows(rows: NDArray[np.int64]) -> Arrays:
    """The segment's array for the rows that all documents have now, -1 where there is none."""
    return {_ROW_STEPS: np.diff(rows, prepend=0).astype(np.int32)}


def rows_with_edits(arrays: Arrays, edits: Arrays) -> NDArray[np.int32]:
    """The row of each document in the document store, or -1."""
    if _ROW_STEPS in edits:
        return np.cumsum(edits[_ROW_STEPS], dtype=np.int32)
    rows: NDArray[np.int32] = edits.get(_ROWS, arrays["row"])
    return rows


def with_edits(arrays: Arrays, edits: Arrays, private: Arrays | None = None) -> Arrays:
    """``arrays`` as ``edits`` change them. Of those that change only in some places, the rest stays
    shared with all processes where ``private`` are the same arrays, of which writing copies a page.
    """
    joined = {n: array for n, array in arrays.items() if not n.startswith(_FROM_TICKETS)}
    joined["row"] = rows_with_edits(arrays, edits)
    for key, values in edits.items():
        if key.startswith(END):
            name = key.removeprefix(END)
            joined[name] = np.concatenate((joined[name], values))
        elif ":" not in key and key != _ROW_STEPS:
            joined[key] = values
    for key, places in edits.items():
        if key.startswith(AT):
            name = key.removeprefix(AT)
            changed = joined[name]
            if not changed.flags.writeable:
                changed = changed.copy() if private is None else private[name]
            changed[places] = edits[TO + name]
            joined[name] = changed
    for name in {"row", *(key.partition(":")[2] for key in edits if ":" in key)}:
        joined[name].flags.writeable = False  # as mapped arrays are: see ``kernels.layout``
    return joined


class Edited(NamedTuple):
    """Which of some documents were edited."""

    positions: NDArray[np.int64]  # of these, among all
    documents: Documents  # their numbers among the edited ones
    others: NDArray[np.int64]  # the positions of those that were not edited


class EditedDocuments:
    """The data of edited documents, which count from 0 in the order of their numbers.

    Removed documents have no data.
    """

    def __init__(self, arrays: Arrays) -> None:
        self.numbers: NDArray[np.int32] = arrays["edited"]  # ascending
        self.passages = Passages(
            arrays["edited_doc_passages"],
            arrays["edited_passage_pointers"],
            arrays["edited_passage_stems"],
            arrays["edited_passage_codes"],
            arrays["edited_answer"],
        )
        self.titles = Titles(
            arrays["edited_title_pointers"],
            arrays["edited_title_grams"],
            arrays["edited_title_counts"],
            arrays["edited_title_lengths"],
        )
        self.headings = Headings(
            arrays["edited_title_stem_pointers"],
            arrays["edited_title_stems"],
            arrays["edited_heading_stem_pointers"],
            arrays["edited_heading_stems"],
        )

    @classmethod
    def of(cls, arrays: Arrays) -> Self | None:
        """None where nothing was edited."""
        return cls(arrays) if "edited" in arrays else None

    def among(self, documents: Documents) -> Edited | None:
        """None when none of ``documents`` was edited."""
        places = self.numbers.searchsorted(documents.astype(np.int32))
        np.minimum(places, self.numbers.size - 1, out=places)
        is_edited = self.numbers[places] == documents
        positions = np.flatnonzero(is_edited)
        if not positions.size:
            return None
        return Edited(positions, places[positions], np.flatnonzero(~is_edited))

    def place(self, document: int) -> int:
        """The number of a document among the edited ones, or -1."""
        place = int(self.numbers.searchsorted(np.int32(document)))
        is_edited = place < self.numbers.size and int(self.numbers[place]) == document
        return place if is_edited else -1


def edited_vectors(arrays: Arrays, name: str, lengths: str = "lengths") -> PassageVectors:
    """The directions of the passages of edited documents, where the partition has such."""
    return PassageVectors(arrays[f"edited_{name}_passages"], arrays[f"edited_{name}_{lengths}"])
