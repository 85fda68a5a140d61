from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.notifications.servers import Receiver, web_server


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with web_server() as receiver:
        yield receiver
