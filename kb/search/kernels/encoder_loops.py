"""The loop that takes most of the sentence encoder's time: rows times 8-bit weights.

``layout.Loops`` specifies it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kb.search.kernels.compiled import compiled

#: The largest sum of 32 bits, and the largest absolute weight.
_SUM, _WEIGHT = 2**31 - 1, 128


@compiled
def _to_steps(row: Any, steps: Any) -> Any:
    """Quantises ``row`` into ``steps``, as finely as the sum allows; returns the size of a step."""
    most = np.float32(min(2**15 - 1, _SUM // (_WEIGHT * row.size)))
    largest = np.float32(0)
    for k in range(row.size):
        largest = max(largest, abs(row[k]))
    if largest == 0:
        steps[:] = 0
        return largest
    factor = most / largest
    for k in range(row.size):
        steps[k] = np.rint(row[k] * factor)
    return largest / most


@compiled
def project(rows: Any, weights: Any, scales: Any, bias: Any) -> Any:
    projected = np.empty((rows.shape[0], weights.shape[0]), np.float32)
    steps, sizes = np.empty(rows.shape, np.int16), np.empty(rows.shape[0], np.float32)
    for i in range(rows.shape[0]):
        sizes[i] = _to_steps(rows[i], steps[i])
    for o in range(weights.shape[0]):
        weight = weights[o]
        for i in range(rows.shape[0]):
            row, total = steps[i], np.int32(0)
            for k in range(weight.size):
                # numba would continue in 64 bits; a CPU multiplies half as many of these at once.
                total = np.int32(total + np.int32(row[k]) * np.int32(weight[k]))
            projected[i, o] = np.float32(total) * (sizes[i] * scales[o]) + bias[o]
    return projected
