"""Installation: the search engine of a data folder, chosen here and nowhere else."""

from __future__ import annotations

from pathlib import Path

from kb.search.embedded import EmbeddedEngine
from kb.search.engine import SearchEngine


def search_engine(data: Path, cluster: str = "") -> SearchEngine:
    """The engine that answers from ``data``, and publishes to it. Opens nothing yet.

    ``cluster`` is the address of OpenSearch (see ``Settings.search_cluster``); "" for none.
    """
    if cluster:
        from kb.search.engines.opensearch.engine import OpenSearchEngine

        return OpenSearchEngine(data, cluster)
    return EmbeddedEngine(data)
