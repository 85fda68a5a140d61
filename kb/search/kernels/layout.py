"""In which arrays do the innermost loops find what they look at?

Names for the arrays that belong together, so that numpy's loops and the compiled ones (``kernels``,
``compiled``) take the same. Nothing here does anything.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]
#: What a step of half a byte is in steps of a byte.
HALF_STEP = 17


class Passages(NamedTuple):
    """Where each document's passages begin, where each passage's entries begin, and their stems and
    codes.

    ``shown`` is, for each document, the half-open range of its passages that may be shown, counted
    from its first.
    """

    of_document: Ints
    pointers: Ints
    stems: Ints
    codes: Ints
    shown: Ints


class Titles(NamedTuple):
    """Where each title's entries begin, and their pieces and how often it has them."""

    pointers: Ints
    pieces: Ints
    counts: Ints


class Directions(NamedTuple):
    """A row of bytes for each passage, and its length; no rows in an index without."""

    vectors: Ints
    lengths: Floats


class Asked(NamedTuple):
    """What a query asks of a text: what each of ``stems`` is worth (of one named twice, the more),
    each of ``pieces`` in a title, and a direction, empty where there is none."""

    stems: Ints
    gains: Ints
    pieces: Ints
    values: Ints
    direction: Ints


class ScratchMarks(NamedTuple):
    """A zero for each stem and for each piece, and again after use."""

    stems: Ints
    pieces: Ints
