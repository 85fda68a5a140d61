"""What did the last generation have for the same audience?

What a new partition may take over is told by these values, to all who make parts of it. Not for
finding it out (``find_reuse``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kb.search.index.array_file import Arrays
from kb.search.kernels.dispatch import places

Ints = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class PreviousPartition:
    """The last generation's partition for the same audience, of which ``changed`` documents are new
    or different now.

    ``lost`` says that a document which that audience saw then is gone or hidden from it now;
    ``places`` are the numbers that the documents which are the same had then; ``words`` are those
    of all documents then (see ``ForwardIndex.save``).
    """

    arrays: Arrays
    changed: int
    lost: bool
    places: Mapping[str, int]
    words: Arrays


@dataclass(frozen=True, slots=True)
class CarriedOver:
    """What of ``arrays`` still holds: for each document the place it had (-1: it is new or
    different), and for each word and stem of then the number it has now, -1 for none."""

    arrays: Arrays
    places: Ints
    surfaces: Ints
    stems: Ints

    def passages(self, doc_passages: Ints) -> tuple[Ints, Ints]:
        """The passages of the documents that are the same: where they are now, by ``doc_passages``,
        and were then.
        """
        now = np.flatnonzero(self.places >= 0)
        old, was = self.arrays["doc_passages"], self.places[now]
        return places(doc_passages[now], doc_passages[now + 1]), places(old[was], old[was + 1])
