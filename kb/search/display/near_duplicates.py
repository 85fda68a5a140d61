"""Near-duplicates: of documents that say almost the same, one is shown, and names the others.

Which ones say almost the same was found when the index was built.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kb.search.array_types import Documents, Totals
from kb.search.index.array_file import Arrays

MAX_NAMED = 5
#: Share of the best one's score from which a newer one is shown in its place.
_AS_GOOD = 0.9
_LAST = np.iinfo(np.int64).max


class NearDuplicates:
    """The groups of one partition."""

    def __init__(self, arrays: Arrays) -> None:
        """An index of an earlier version has no groups."""
        self._group_of: NDArray[np.int32] | None = arrays.get("duplicate_group")
        if self._group_of is None or self._group_of.max(initial=-1) < 0:
            self._group_of = None
            return
        self._pointers: NDArray[np.int64] = arrays["duplicate_pointers"]
        self._members: NDArray[np.int32] = arrays["duplicate_members"]
        #: [documents], the place in the group of each, from the newest
        self._place = np.zeros(self._group_of.size, dtype=np.int64)
        places = np.arange(self._members.size) - self._pointers[self._group_of[self._members]]
        self._place[self._members] = places

    def fold(
        self, documents: Documents, scores: Totals, *, newest: bool
    ) -> NDArray[np.int64] | None:
        """The positions of what is shown of ``documents``, best first; None for all.

        Of a group one is shown, at the place of the best: that one, or with ``newest`` the newest
        of those that are about as good.
        """
        if self._group_of is None:
            return None
        groups = self._group_of[documents]
        grouped = np.flatnonzero(groups >= 0)
        if grouped.size < 2:
            return None
        _, best, group = np.unique(groups[grouped], return_index=True, return_inverse=True)
        if best.size == grouped.size:
            return None

        places = np.zeros(grouped.size, dtype=np.int64)
        if newest:
            as_good = scores[grouped] >= _AS_GOOD * scores[grouped[best]][group]
            places = np.where(as_good, self._place[documents[grouped]], _LAST)
        order = np.lexsort((places, group))  # stable: of equal places, the better one
        chosen = order[np.unique(group[order], return_index=True)[1]]

        positions = np.arange(documents.size)
        positions[grouped[best]] = grouped[chosen]
        is_shown = groups < 0
        is_shown[grouped[best]] = True
        return positions[is_shown]

    def others(self, document: int) -> list[int]:
        """The documents that say almost the same, newest first."""
        if self._group_of is None or self._group_of[document] < 0:
            return []
        group = int(self._group_of[document])
        members = self._members[self._pointers[group] : self._pointers[group + 1]].tolist()
        return [member for member in members if member != document]
