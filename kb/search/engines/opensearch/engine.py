"""The OpenSearch engine: candidates, operators and counts from a cluster, ranked in this process.

It also keeps the embedded engine's generations: it uses them to rank and show documents, and to
find documents while the cluster does not answer.
"""

from __future__ import annotations

import contextlib
import logging
from functools import partial
from pathlib import Path
from typing import Unpack

from kb.errors import Unavailable
from kb.search.embedded import EmbeddedEngine
from kb.search.engine import IndexWriter, OpenIndex, WriterOptions
from kb.search.engines.opensearch.cluster import Cluster, ClusterAddress
from kb.search.engines.opensearch.cluster_index import (
    ClusterIndex,
    absence,
    move_aliases,
    problem_of,
)
from kb.search.generations.generation import Generation, Generations

LOG = logging.getLogger(__name__)


class OpenSearchEngine:
    """The engine of one data folder and one cluster."""

    def __init__(self, data: Path, address: str) -> None:
        self.cluster = Cluster(ClusterAddress.parse(address))
        self.generations = Generations(data, partial(move_aliases, cluster=self.cluster))
        self._embedded = EmbeddedEngine(data, self.generations)
        self._absence = ""  # of the generation that was opened last

    def prepare(self) -> None:
        """Also says what is wrong with the cluster; until that is fixed, the local index may be
        used.
        """
        self._embedded.prepare()
        with contextlib.suppress(Unavailable):
            generation = self.generations.current(trusted=True)
            # Connections of its own: those of a server must not be shared by its processes.
            cluster = Cluster(self.cluster.address)
            problem = problem_of(generation, cluster) if generation is not None else ""
            if problem:
                LOG.warning("%s", problem)
            elif (
                generation is not None
                and self._is_large(generation)
                and not cluster.compares_vectors()
            ):
                LOG.warning(
                    "OpenSearch at %s has no k-NN plugin: questions find no documents that say the "
                    "same in other words.",
                    cluster.address,
                )

    def _is_large(self, generation: Generation) -> bool:
        """Whether an audience has so many documents that their meanings are compared only by the
        cluster.
        """
        with contextlib.closing(self._embedded.open(generation)) as index:
            readers = [index.reader(audience) for audience in generation.manifest.partitions]
            return not all(reader.meanings.are_compared for reader in readers)

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
