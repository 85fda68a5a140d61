"""What there is already of a partition to be built: the values that say what can be reused.

It is what the previous generation had for the same audience, or what this one has for an audience
that sees a part of it. Passed to every writer of a part of the new partition. Finding out what is
still valid belongs to ``kb.search.build.reuse``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kb.search.index.array_file import Arrays
from kb.search.kernels.ranges import positions_of


@dataclass(frozen=True, slots=True)
class PreviousPartition:
    """The previous generation's partition for the same audience, or a smaller one of this build.

    ``changed`` documents are new or different now; ``lost`` says that a document which the audience
    could see then is gone or hidden now. ``numbers`` gives the number that each unchanged document
    had. ``forward_index`` holds the words of all documents then (see ``ForwardIndex.save``); None
    when they are those of this build.
    """

    arrays: Arrays
    changed: int
    lost: bool
    numbers: NDArray[np.int64]  # [documents of the forward index of this build], or -1
    forward_index: Arrays | None


@dataclass(frozen=True, slots=True)
class CarriedOver:
    """What of the previous partition's ``arrays`` still holds."""

    arrays: Arrays
    places: NDArray[np.int64]  # [documents], the number each had; -1 for a new or changed one
    surfaces: NDArray[np.int32]  # [words then], the number each has now, or -1
    stems: NDArray[np.int32]  # [stems then], the number each has now, or -1
    same_stems: bool = False  # every word has the stem that it had

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
