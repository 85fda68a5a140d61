"""The loops of the search: numpy's, and the compiled ones where the ``fast`` extra is installed."""

from __future__ import annotations

import pytest

from kb.search.kernels.dispatch import Kernels, by_numpy


@pytest.fixture(scope="session")
def compiled() -> Kernels:
    pytest.importorskip("numba", reason="the fast extra is not installed")
    from kb.search.kernels.numba_loops import loops

    return Kernels(**loops())


@pytest.fixture(scope="session", params=["numpy", "compiled"])
def run(request: pytest.FixtureRequest) -> Kernels:
    """Either."""
    if request.param == "numpy":
        return by_numpy()
    found: Kernels = request.getfixturevalue("compiled")
    return found
