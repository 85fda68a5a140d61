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
from kb.search.array_types import DocumentMask, Documents
from kb.search.documents import DOCUMENT_KINDS, DocumentKind
from kb.search.index.array_file import Arrays
from kb.search.index.edits import EditedDocuments
from kb.search.kernels.layout import Loops
from kb.search.kernels.ranges import showable


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
        self.size = int(arrays["kind"].size)
        self.names: dict[str, list[str]] = json.loads(bytes(arrays["names"]))
        self.kind: NDArray[np.uint8] = arrays["kind"]  # [documents], positions in DOCUMENT_KINDS
        self.day: NDArray[np.int32] = arrays["day"]  # [documents], proleptic ordinal; 0: no date
        self.solved: NDArray[np.int8] = arrays["solved"]  # [documents], -1: no question
        #: [documents], whether it lists what changed; None in an index of an earlier version
        self.changelog: NDArray[np.uint8] | None = arrays.get("changelog")
        self.row: NDArray[np.int32] = arrays["row"]  # [documents], in the document store
        #: [documents], the first passage in the store; None if the store itself has this
        self.first: NDArray[np.int32] | None = arrays.get("first")
        self.key: NDArray[np.uint64] = arrays["key"]  # [documents], see ``document_key``
        bounds = np.searchsorted(self.kind, np.arange(len(DOCUMENT_KINDS) + 1))
        self.kind_ranges = [(int(low), int(high)) for low, high in pairwise(bounds)]

    def range_of(self, kind: DocumentKind) -> tuple[int, int]:
        """The documents of a kind, half-open."""
        return self.kind_ranges[DOCUMENT_KINDS.index(kind)]

    def having(self, column: str, value: str) -> DocumentMask:
        """Which documents have ``value`` in ``column`` (kind, product, version, tag, language)."""
        if column == "kind":
            return np.asarray(self.kind == DOCUMENT_KINDS.index(DocumentKind(value)))
        mask = np.zeros(self.size, dtype=bool)
        if value in self.names.get(column, ()):  # an index of an earlier release has no languages
            code = self.names[column].index(value)
            entries = np.flatnonzero(self._arrays[f"{column}_codes"] == code)
            mask[self._arrays[f"{column}_pointers"].searchsorted(entries, "right") - 1] = True
        return mask

    def shown_passages(self, document: int) -> tuple[int, int]:
        """The half-open range of a document's passages that may be shown, from its first."""
        doc_passages, answer = self._arrays["doc_passages"], self._arrays["answer"]
        place = self._edited.place(document) if self._edited else -1
        if self._edited is not None and place >= 0:
            document = place
            doc_passages = self._edited.passages.document_pointers
            answer = self._edited.passages.shown
        first, last = doc_passages[document : document + 2].tolist()
        low, high = showable(answer[[document]], last - first)
        return int(low[0]), int(high[0])

    def language(self, document: int) -> str:
        """The language of a document, "" where it is not known."""
        names = self.names.get("language", [])
        if not names:  # an index of an earlier release has no languages
            return ""
        start, end = self._arrays["language_pointers"][document : document + 2].tolist()
        return names[self._arrays["language_codes"][start]] if end > start else ""

    def has_any(self, column: str, documents: Documents) -> NDArray[np.bool_]:
        """Which of ``documents`` have any value in ``column``."""
        counts: NDArray[Any] = np.diff(self._arrays[f"{column}_pointers"])
        return np.asarray(counts[documents] > 0)

    def count(self, column: str, documents: Documents) -> dict[str, int]:
        """How many of ``documents``, ascending, have each value of ``column``, most first; kinds in
        order.
        """
        if column == "kind":
            counts = np.diff(documents.searchsorted(np.array(self.kind_ranges))).ravel().tolist()
            return {str(kind): n for kind, n in zip(DOCUMENT_KINDS, counts, strict=True) if n}
        names = self.names[column]
        if not names:
            return {}
        pointers, codes = self._arrays[f"{column}_pointers"], self._arrays[f"{column}_codes"]
        counts = self._loops.count_values(documents, pointers, codes, len(names)).tolist()
        pairs = [(name, n) for name, n in zip(names, counts, strict=True) if n]
        return dict(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))
