"""Cluster index: the indexes of a generation, one for each set of documents that an audience sees.

A generation names them in its manifest, so that an answer never mixes two generations. Aliases,
one for each audience, tell other programs which indexes are live.
"""

from __future__ import annotations

from typing import Any

from kb.errors import Unavailable
from kb.search.embedded import EmbeddedIndex
from kb.search.engine import IndexReader
from kb.search.engines.opensearch.cluster import Cluster
from kb.search.engines.opensearch.cluster_documents import FORMAT
from kb.search.engines.opensearch.cluster_reader import ClusterReader
from kb.search.generations.generation import Generation, Manifest
from kb.search.partition import Partition

#: Key in the settings of a manifest: the prefix of the names of a generation's indexes.
STEM_SETTING = "opensearch"
#: Key beside it: whether the cluster can compare vectors, so that its large indexes have them.
VECTORS_SETTING = "opensearch_vectors"
#: Key beside it: the format of the indexes; without it, the first.
FORMAT_SETTING = "opensearch_format"
_INSTEAD = "Until this is fixed, the local index is used."


def index_names(manifest: Manifest) -> dict[str, str]:
    """File of a partition -> the name of its index; empty where there are none."""
    stem = manifest.settings.get(STEM_SETTING)
    if not stem:
        return {}
    files = sorted(set(manifest.partitions.values()))
    return {file: f"{stem}-{number}" for number, file in enumerate(files)}


def aliases(manifest: Manifest, prefix: str) -> dict[str, str]:
    """Alias of an audience -> the index that it names."""
    names = index_names(manifest)
    return {
        f"{prefix}-{_name(audience)}": names[file]
        for audience, file in manifest.partitions.items()
        if file in names
    }


def _name(audience: str) -> str:
    """An audience as part of an alias, which may not contain capitals, spaces or other signs."""
    return "".join(
        sign if (sign.isascii() and sign.isalnum() and sign == sign.lower()) else f"_{ord(sign):x}"
        for sign in audience
    )


class ClusterIndex:
    """A generation of packed arrays whose documents are found on the cluster."""

    def __init__(self, generation: Generation, embedded: EmbeddedIndex, cluster: Cluster) -> None:
        self._generation, self._embedded, self._cluster = generation, embedded, cluster
        self._names = {} if absence(generation, cluster) else index_names(generation.manifest)
        self._readers: dict[Partition, ClusterReader] = {}
        self.document, self.title_of = embedded.document, embedded.title_of
        self.audience_of = embedded.audience_of
        self.warm, self.close = embedded.warm, embedded.close

    def reader(self, audience: str) -> IndexReader[Any]:
        partition = self._embedded.reader(audience)
        name = self._names.get(self._generation.partition(audience).name)
        if name is None:  # published by the embedded engine, or by another version
            return partition
        if partition not in self._readers:
            has_vectors = self._generation.manifest.settings.get(VECTORS_SETTING, False)
            self._readers[partition] = ClusterReader(
                partition, self._cluster, name, has_vectors=has_vectors
            )
        return self._readers[partition]


def move_aliases(manifest: Manifest, cluster: Cluster) -> str:
    """Point the aliases to the indexes of a live generation; returns a warning or ""."""
    live = aliases(manifest, cluster.address.prefix)
    if not live:
        return ""
    try:
        cluster.point(live)
    except Unavailable as error:
        return (
            f"Generation {manifest.name} is live here, but the aliases of its indexes were not "
            f"changed: {error.sentence}"
        )
    return ""


def absence(generation: Generation, cluster: Cluster) -> str:
    """A sentence if a generation was published without the cluster, or by a version that wrote
    other indexes; else "".
    """
    settings = generation.manifest.settings
    if not index_names(generation.manifest):
        return f"Generation {generation.name} is not on OpenSearch at {cluster.address} yet."
    if settings.get(FORMAT_SETTING, 1) != FORMAT:
        return (
            f"Generation {generation.name} was written to OpenSearch at {cluster.address} by "
            "another version."
        )
    return ""


def problem_of(generation: Generation, cluster: Cluster) -> str:
    """What is wrong with a generation on the cluster, and what it means; "" for nothing."""
    if reason := absence(generation, cluster):
        return f"{reason} {_INSTEAD}"
    names = index_names(generation.manifest)
    try:
        cluster.check()
        cluster.check_health(names.values())
        for name in names.values():
            if cluster.metadata(name).get("format") != FORMAT:
                return f"Another version of Askfirst changed the index {name} on OpenSearch."
        for alias, name in aliases(generation.manifest, cluster.address.prefix).items():
            pointed = cluster.pointed(alias)
            if pointed != (name,):
                others = " and ".join(pointed) or "nothing"
                return (
                    f"The alias {alias} on OpenSearch points to {others} instead of {name}, the "
                    f"index of generation {generation.name}. Only other programs use it; answers "
                    "do not change."
                )
    except Unavailable as error:
        return f"{error.sentence} {_INSTEAD}"
    return ""
