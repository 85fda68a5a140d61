"""The loops of the search: the compiled ones, and the reference that they are compared with."""

from __future__ import annotations

import pytest

from kb.search.kernels.compilation import compiled_loops
from kb.search.kernels.layout import Loops
from tests.search.kernels import numpy_loops


@pytest.fixture(scope="session")
def compiled() -> Loops:
    return compiled_loops()


@pytest.fixture(scope="session")
def reference() -> Loops:
    return numpy_loops


@pytest.fixture(scope="session", params=["reference", "compiled"])
def loops(request: pytest.FixtureRequest) -> Loops:
    """Either."""
    either: Loops = request.getfixturevalue(request.param)
    return either
