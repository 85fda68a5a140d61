"""The ticket that most tests begin with."""

from __future__ import annotations

import pytest

from tests.world import FRIDAY, World, draft


@pytest.fixture
def number(world: World) -> str:
    return world.desk.filing.file(draft(), world.alice, key="first", now=FRIDAY)
