"""Near-duplicates: of documents that say almost the same, one is shown, and names the others.

Which ones say almost the same was found when the index was built.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kb.search.array_types import Documents, Totals
from kb.search.index.array_file import Arrays
from kb.search.kernels.layout import Loops

MAX_NAMED = 5


class NearDuplicates:
    """The groups of one partition."""

    def __init__(self, arrays: Arrays, loops: Loops) -> None:
        """An index of an earlier version has no groups."""
        self._group_of: NDArray[np.int32] | None = arrays.get("duplicate_group")
        if self._group_of is None or self._group_of.max(initial=-1) < 0:
            self._group_of = None
            return
        self._loops = loops
        self._pointers: NDArray[np.int64] = arrays["duplicate_pointers"]
        self._members: NDArray[np.int32] = arrays["duplicate_members"]
        #: [documents], the place in the group of each, from the newest
        self._place = np.zeros(self._group_of.size, dtype=np.int64)
        sizes = np.diff(self._pointers)
        self._place[self._members] = np.arange(self._members.size) - np.repeat(
            self._pointers[:-1], sizes
        )

    def fold(
        self, documents: Documents, scores: Totals, *, newest: bool
    ) -> NDArray[np.int64] | None:
        """The positions of what is shown of ``documents``, best first; None for all.

        Of a group one is shown, at the place of the best: that one, or with ``newest`` the newest
        of those that are about as good.
        """
        if self._group_of is None:
            return None
        positions = self._loops.fold_groups(documents, scores, self._group_of, self._place, newest)
        return None if positions.size == documents.size else positions

    def others(self, document: int) -> list[int]:
        """The documents that say almost the same, newest first."""
        if self._group_of is None or self._group_of[document] < 0:
            return []
        group = int(self._group_of[document])
        members = self._members[self._pointers[group] : self._pointers[group + 1]]
        # An edited document may have left the group (see ``index.edits``).
        members = members[self._group_of[members] == group]
        return [member for member in members.tolist() if member != document]
