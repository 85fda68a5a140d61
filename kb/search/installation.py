"""Installation: the search engine of a data folder, chosen here and nowhere else."""

from __future__ import annotations

from pathlib import Path

from kb.search.embedded import EmbeddedEngine
from kb.search.engine import SearchEngine


def search_engine(
    data: Path, cluster: str = "", *, cluster_seconds: float | None = None
) -> SearchEngine:
    """The engine that answers from ``data``, and publishes to it. Opens nothing yet.

    ``cluster`` is the address of OpenSearch (see ``Settings.search_cluster``); "" for none. A query
    waits for it for half of its time, but not longer than ``cluster_seconds``.
    """
    if cluster:
        from kb.search.engines.opensearch.engine import OpenSearchEngine

        if cluster_seconds is None:
            return OpenSearchEngine(data, cluster)
        return OpenSearchEngine(data, cluster, query_seconds=cluster_seconds)
    return EmbeddedEngine(data)
