"""Adapter: what the sentence encoder has learnt about questions and pages of help centres.

Low-rank adaptation (LoRA; Hu et al., 2021): to each matrix of the encoder, the product of two
narrow ones is added, so that "it wont switch on" comes nearer to the page about an empty battery
than to one about switching between profiles. Fitted by ``bench/adapt.py`` to help centres that were
invented for this purpose (``bench/invented``), and contains numbers only.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kb.errors import Misconfigured
from kb.search.index.array_file import Arrays, load_arrays
from kb.search.kernels.layout import read_only

ADAPTER_FILE = Path(__file__).parent / "adapter.arrays"
ADAPTER_SHA256 = "8e2485bfc1e554bb4bc8f4cb749664cdadbd8bdd1681a281252ab2e78e286c72"


class LowRank(NamedTuple):
    """What is added to a matrix: ``down @ up``, of [inputs, rank] and [rank, outputs]."""

    down: NDArray[np.float32]
    up: NDArray[np.float32]


class LayerAdapter(NamedTuple):
    """What is added to the matrices of one layer."""

    attention: LowRank | None
    mixed: LowRank | None
    inner: LowRank | None
    outer: LowRank | None


#: That of each layer; empty for the encoder as it was published.
Adapter = tuple[LayerAdapter, ...]
NO_ADAPTER: Final[Adapter] = ()
NOTHING_ADDED: Final = LayerAdapter(None, None, None, None)


def read_adapter(path: Path) -> Adapter:
    """Raises Misconfigured for any file but the one that this version knows."""
    try:
        checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise Misconfigured(f"The adapter {path} cannot be read: {error.strerror}.") from None
    if checksum != ADAPTER_SHA256:
        raise Misconfigured(
            f"The adapter {path} is damaged or of another version (its checksum differs). "
            "Install Askfirst again."
        )
    return adapter_of(load_arrays(path))


def adapter_of(arrays: Arrays) -> Adapter:
    """The adapter in the arrays of its file, which are named ``0.attention.down`` and so on."""
    layers = 1 + max(int(name.partition(".")[0]) for name in arrays)
    return tuple(
        LayerAdapter(*(_low_rank(arrays, f"{layer}.{name}") for name in LayerAdapter._fields))
        for layer in range(layers)
    )


def _low_rank(arrays: Arrays, name: str) -> LowRank:
    down, up = (arrays[f"{name}.{side}"].astype(np.float32) for side in LowRank._fields)
    return LowRank(read_only(down), read_only(up))
