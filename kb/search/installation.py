"""Installation: the search engine of a data folder, chosen here and nowhere else."""

from __future__ import annotations

from pathlib import Path

from kb.search.embedded import EmbeddedEngine
from kb.search.engine import SearchEngine


def search_engine(data: Path) -> SearchEngine:
    """The engine that answers from ``data``, and publishes to it. Opens nothing yet."""
    return EmbeddedEngine(data)
