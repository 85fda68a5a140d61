"""An OpenSearch server for tests.

``ASKFIRST_TEST_OPENSEARCH`` is the address of one on which the tests may create indexes (see
``.ci/services``); without it, tests that need one are skipped.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from kb.search.engines.opensearch.engine import OpenSearchEngine

SERVER = os.environ.get("ASKFIRST_TEST_OPENSEARCH", "")
needs_opensearch = pytest.mark.skipif(not SERVER, reason="no OpenSearch: see .ci/services")


@contextlib.contextmanager
def own_address() -> Iterator[str]:
    """An address whose indexes are nobody else's, and are deleted afterwards."""
    address = f"{SERVER}/test-{secrets.token_hex(6)}"
    engine = OpenSearchEngine(Path(), address)
    try:
        yield address
    finally:
        engine.cluster.delete([f"{engine.cluster.address.prefix}-*"])
