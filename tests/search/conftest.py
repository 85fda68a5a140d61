"""The loops of the search: the compiled ones, and the reference that they are compared with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kb.search.kernels.compilation import compiled_loops
from kb.search.kernels.layout import Loops
from tests.search.kernels import numpy_loops


@pytest.fixture(scope="session")
def compiled() -> Iterator[Loops]:
    """The compiled loops. No test may have one compiled again for types that an index does not
    have: this takes seconds, in a test as in a request.
    """
    loops = compiled_loops()
    types = _compiled_types(loops)
    yield loops
    assert _compiled_types(loops) == types


def _compiled_types(loops: Any) -> dict[str, int]:
    """The number of type signatures that each loop is compiled for in this process."""
    return {name: len(getattr(loops, name).signatures) for name in loops.__all__}


@pytest.fixture(scope="session")
def reference() -> Loops:
    return numpy_loops


@pytest.fixture(scope="session", params=["reference", "compiled"])
def loops(request: pytest.FixtureRequest) -> Loops:
    """Either."""
    either: Loops = request.getfixturevalue(request.param)
    return either
