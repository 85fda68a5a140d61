"""The OpenSearch engine: candidates, operators and counts from a cluster, ranked in this process.

It also keeps the embedded engine's generations: it uses them to rank and show documents, and to
find documents while the cluster does not answer.
"""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import Unpack

from kb.search.embedded import EmbeddedEngine, EmbeddedIndex
from kb.search.engine import IndexWriter, OpenIndex, WriterOptions
from kb.search.engines.opensearch.cluster import QUERY_SECONDS, Cluster, ClusterAddress
from kb.search.engines.opensearch.cluster_index import (
    VECTORS_SETTING,
    ClusterIndex,
    absence,
    move_aliases,
    problem_of,
)
from kb.search.generations.generation import Generation, Generations

LOG = logging.getLogger(__name__)


class OpenSearchEngine:
    """The engine of one data folder and one cluster, for which a query waits for ``query_seconds``
    at most.
    """

    def __init__(self, data: Path, address: str, *, query_seconds: float = QUERY_SECONDS) -> None:
        self.cluster = Cluster(ClusterAddress.parse(address), query_seconds=query_seconds)
        self.generations = Generations(data, partial(move_aliases, cluster=self.cluster))
        self._embedded = EmbeddedEngine(data, self.generations)
        self._absence = ""  # of the generation that was opened last

    def prepare(self) -> None:
        """Also says what is wrong with the cluster; until that is fixed, the local index may be
        used.
        """
        with self._embedded.prepared() as opened:
            if opened is not None:
                warning = self._warning(*opened)
                if warning:
                    LOG.warning("%s", warning)

    def _warning(self, generation: Generation, index: EmbeddedIndex) -> str:
        # Connections of its own: those of a server must not be shared by its processes.
        problem = problem_of(generation, Cluster(self.cluster.address))
        if problem or generation.manifest.settings.get(VECTORS_SETTING):
            return problem

        readers = [index.reader(audience) for audience in generation.manifest.partitions]
        if all(reader.meanings.are_compared for reader in readers):
            return ""
        return (
            f"Generation {generation.name} was published to OpenSearch at {self.cluster.address} "
            "without vectors: questions find no documents that say the same in other words. "
            "If all nodes have the k-NN plugin, run `kb index --full`."
        )

    def problem(self, generation: Generation, /) -> str:
        return problem_of(generation, self.cluster)

    def fallback(self) -> str:
        return self._absence or self.cluster.failure

    def open(self, generation: Generation) -> OpenIndex:
        self.cluster.load()
        self._absence = absence(generation, self.cluster)
        if self._absence:
            LOG.warning("%s The local index is used.", self._absence)
        return ClusterIndex(generation, self._embedded.open(generation), self.cluster)

    def writer(self, **options: Unpack[WriterOptions]) -> IndexWriter:
        from kb.search.engines.opensearch.cluster_writer import ClusterIndexWriter

        return ClusterIndexWriter(
            self._embedded.writer(**options),
            self.cluster,
            self.generations,
            self._embedded.open,
            options.get("progress"),
        )
