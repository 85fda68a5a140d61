"""Doc values: from a document to its kind, date, product, versions, tags, language and passages.

For filters, facets and the way back to the document store. Nothing here ranks.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kb.search.analysis.languages import ENGLISH
from kb.search.array_types import DocumentMask, Documents, Pointers, Sums
from kb.search.documents import DOCUMENT_KINDS, DocumentKind
from kb.search.index.array_file import Arrays
from kb.search.index.edits import EditedDocuments
from kb.search.kernels.layout import Loops, read_only
from kb.search.kernels.ranges import positions_of


def languages_of(arrays: Arrays) -> list[str]:
    """The languages that the documents of a partition were read in."""
    # An index of an earlier version was read as English, whatever it was.
    names = bytes(arrays["languages"]).decode() if "languages" in arrays else ENGLISH
    return [name for name in names.split(",") if name] or [ENGLISH]


class DocValues:
    """The columns of one partition."""

    def __init__(self, arrays: Arrays, loops: Loops) -> None:
        self._arrays = arrays
        self._loops = loops
        self._edited = EditedDocuments.of(arrays)
        self.size = int(arrays["kind"].size)  # of the numbers, some of which may be vacant
        #: The values of each column of lists by their codes; "" is none that any document has.
        self._values: dict[str, list[str]] = json.loads(bytes(arrays["names"]))
        self.names = {name: list(filter(None, values)) for name, values in self._values.items()}
        self._lists: dict[str, tuple[Pointers, NDArray[np.int32]]] = {}
        self.kind: NDArray[np.uint8] = arrays["kind"]  # [documents], positions in DOCUMENT_KINDS
        self.day: NDArray[np.int32] = arrays["day"]  # [documents], proleptic ordinal; 0: no date
        self.solved: NDArray[np.int8] = arrays["solved"]  # [documents], -1: no question
        #: [documents], whether it lists what changed; None in an index of an earlier version
        self.changelog: NDArray[np.uint8] | None = arrays.get("changelog")
        #: [documents], in the document store; -1 for a vacant number
        self.row: NDArray[np.int32] = arrays["row"]
        self.is_taken: DocumentMask = self.row >= 0
        self.documents: Documents = np.flatnonzero(self.is_taken)
        #: [documents], the first passage in the store; None if the store itself has this
        self.first: NDArray[np.int32] | None = arrays.get("first")
        self.key: NDArray[np.uint64] = arrays["key"]  # [documents], see ``document_key``
        bounds = np.searchsorted(self.kind, np.arange(len(DOCUMENT_KINDS) + 1))
        self.kind_ranges = [(int(low), int(high)) for low, high in pairwise(bounds)]

    def of_kind(self, kind: DocumentKind) -> Documents:
        """The documents of a kind."""
        low, high = self.kind_ranges[DOCUMENT_KINDS.index(kind)]
        first, last = self.documents.searchsorted((low, high)).tolist()
        return self.documents[first:last]

    def _column(self, name: str) -> tuple[Pointers, NDArray[np.int32]]:
        """A column of lists: where the codes of each document begin, and all codes."""
        if name not in self._lists:
            pointers, codes = self._arrays[f"{name}_pointers"], self._arrays[f"{name}_codes"]
            if self._edited is not None and f"edited_{name}_pointers" in self._arrays:
                numbers = self._edited.numbers
                edited_codes = self._arrays[f"edited_{name}_codes"]
                lengths = np.diff(pointers)
                is_edited = np.zeros(codes.size, dtype=bool)
                is_edited[positions_of(pointers[numbers], pointers[numbers + 1])] = True
                lengths[numbers] = np.diff(self._arrays[f"edited_{name}_pointers"])
                pointers = np.concatenate(([0], np.cumsum(lengths)))
                joined = np.empty(int(pointers[-1]), dtype=np.int32)
                is_joined = np.zeros(joined.size, dtype=bool)
                is_joined[positions_of(pointers[numbers], pointers[numbers + 1])] = True
                joined[is_joined], joined[~is_joined] = edited_codes, codes[~is_edited]
                pointers, codes = read_only(pointers), read_only(joined)
            self._lists[name] = pointers, codes
        return self._lists[name]

    def having(self, column: str, value: str) -> DocumentMask:
        """Which documents have ``value`` in ``column`` (kind, product, version, tag, language)."""
        if column == "kind":
            return np.asarray(self.kind == DOCUMENT_KINDS.index(DocumentKind(value)))
        mask = np.zeros(self.size, dtype=bool)
        if value in self.names.get(column, ()):  # an index of an earlier release has no languages
            pointers, codes = self._column(column)
            entries = np.flatnonzero(codes == self._values[column].index(value))
            mask[pointers.searchsorted(entries, "right") - 1] = True
        return mask

    def shown_passages(self, document: int) -> tuple[int, int]:
        """The half-open range of a document's passages that may be shown, from its first; one at
        least.
        """
        doc_passages, answer = self._arrays["doc_passages"], self._arrays["answer"]
        place = self._edited.place(document) if self._edited else -1
        if self._edited is not None and place >= 0:
            document = place
            doc_passages = self._edited.passages.document_pointers
            answer = self._edited.passages.shown
        first, last = doc_passages[document : document + 2].tolist()
        low, high = answer[document].tolist()
        low = min(low, last - first - 1)
        return low, max(min(high, last - first), low + 1)

    def language(self, document: int) -> str:
        """The language of a document, "" where it is not known."""
        if not self.names.get("language"):  # an index of an earlier release has no languages
            return ""
        pointers, codes = self._column("language")
        start, end = pointers[document : document + 2].tolist()
        return self._values["language"][codes[start]] if end > start else ""

    def has_any(self, column: str, documents: Documents) -> NDArray[np.bool_]:
        """Which of ``documents`` have any value in ``column``."""
        counts: NDArray[Any] = np.diff(self._column(column)[0])
        return np.asarray(counts[documents] > 0)

    def most(self, values: Sums, count: int) -> Documents:
        """The documents of the ``count`` largest of some values above 0, ascending."""
        return self._loops.top_sums(values, 0, self.size, count)

    def count(self, column: str, documents: Documents) -> dict[str, int]:
        """How many of ``documents``, ascending, have each value of ``column``, most first; kinds in
        order.
        """
        if column == "kind":
            counts = np.diff(documents.searchsorted(np.array(self.kind_ranges))).ravel().tolist()
            return {str(kind): n for kind, n in zip(DOCUMENT_KINDS, counts, strict=True) if n}
        names = self._values[column]
        if not names:
            return {}
        pointers, codes = self._column(column)
        counts = self._loops.count_values(documents, pointers, codes, len(names)).tolist()
        pairs = [(name, n) for name, n in zip(names, counts, strict=True) if n]
        return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))
