"""Adapter: what the sentence encoder has learnt about questions and pages of help centres.

Low-rank adaptation (LoRA; Hu et al., 2021): to each matrix of the encoder, the product of two
narrow ones is added, so that "it wont switch on" comes nearer to the page about an empty battery
than to one about switching between profiles. Fitted by ``bench/adapt.py`` to help centres that were
invented for this purpose (``bench/invented``), and contains numbers only.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kb.search.index.array_file import Arrays, load_arrays
from kb.search.kernels.layout import read_only
from kb.search.meaning.verified_file import read_verified

ADAPTER_FILE = Path(__file__).parent / "adapter.arrays"
ADAPTER_SHA256 = "a7c267eddf186133a4a7a4a89f0c11a8394017f4ee0bf4e03fd805510425bb9f"


class LowRank(NamedTuple):
    """What is added to a matrix: ``down @ up``, of [inputs, rank] and [rank, outputs]."""

    down: NDArray[np.float32]
    up: NDArray[np.float32]


class LayerAdapter(NamedTuple):
    """What is added to the matrices of one layer; nothing to those that are None."""

    attention: LowRank | None = None
    mixed: LowRank | None = None
    inner: LowRank | None = None
    outer: LowRank | None = None


Adapter = tuple[LayerAdapter, ...]  # layer by layer


def read_adapter(path: Path) -> Adapter:
    """Raises Misconfigured for any file but the one that this version knows."""
    read_verified(path, ADAPTER_SHA256, "The adapter")
    arrays = load_arrays(path)
    layers = 1 + max(int(name.partition(".")[0]) for name in arrays)
    return tuple(
        LayerAdapter(*(_low_rank(arrays, f"{layer}.{name}") for name in LayerAdapter._fields))
        for layer in range(layers)
    )


def _low_rank(arrays: Arrays, name: str) -> LowRank:
    down, up = (arrays[f"{name}.{side}"].astype(np.float32) for side in LowRank._fields)
    return LowRank(read_only(down), read_only(up))
