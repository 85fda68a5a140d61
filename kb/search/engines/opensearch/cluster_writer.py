"""Cluster writer: builds a generation, and its indexes on the cluster beside those that answer.

If only a few documents changed, an index is a clone of the last one, whose files it shares, and
only these documents are written again. A generation is published only if every index has the right
number of documents; indexes that were not published are deleted.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any, Self

from kb.disk import sync
from kb.errors import Unavailable
from kb.ids import document_key
from kb.search.documents import Document, visible_to
from kb.search.embedded import EmbeddedIndex
from kb.search.engine import IndexWriter
from kb.search.engines.opensearch.cluster import Cluster
from kb.search.engines.opensearch.cluster_documents import (
    FORMAT,
    Lengths,
    NumbersByKey,
    ReadDocument,
    average_lengths,
    directed,
    index_body,
    models_of,
)
from kb.search.engines.opensearch.cluster_index import (
    FORMAT_SETTING,
    STEM_SETTING,
    VECTORS_SETTING,
    index_names,
)
from kb.search.generations.findings import Finding
from kb.search.generations.generation import Generation, Generations, Manifest
from kb.search.index.document_store import DocumentStore
from kb.search.partition import Partition

NAMES_FILE = "opensearch.json"  # in the folder of generations: the indexes that it has made
#: The share of documents that may change before a whole index is written again, which frees the
#: space of deleted documents and measures the average lengths again.
_CLONED = 0.2
_SAMPLE = 2000  # documents that tell how long documents are


@dataclass(frozen=True, slots=True)
class _Changes:
    """What differs from the previous generation."""

    fresh: Sequence[str]  # ids of documents that are new or not as they were
    gone: Sequence[str]  # ids of documents that are not as they were, or not there
    then: Mapping[str, str]  # id -> audience
    now: Mapping[str, str]

    def gone_for(self, visible: frozenset[str]) -> list[str]:
        """What these audiences could see before, and cannot see any more."""
        return [
            id_
            for id_ in self.gone
            if self.then[id_] in visible and self.now.get(id_, "") not in visible
        ]

    def count_for(self, visible: frozenset[str]) -> int:
        changed = sum(self.now[id_] in visible for id_ in self.fresh)
        return changed + len(self.gone_for(visible))


@dataclass(frozen=True, slots=True)
class _Target:
    """An index that is being written."""

    name: str
    visible: frozenset[str]  # audiences
    partition: Partition
    has_vectors: bool
    lengths: Lengths
    source: str | None  # the index that it is a clone of


class ClusterIndexWriter:
    """Builds the next generation here, and on the cluster."""

    def __init__(
        self,
        builder: IndexWriter,
        cluster: Cluster,
        generations: Generations,
        open_index: Callable[[Generation], EmbeddedIndex],
        progress: Callable[[str, int, int], None] | None,
    ) -> None:
        self._builder, self._cluster, self._generations = builder, cluster, generations
        self._open_index = open_index
        self._progress = progress or (lambda _stage, _done, _total: None)
        self.curations: Mapping[str, Any] = {}
        self.warning = ""
        self.carry_over_all_but = builder.carry_over_all_but
        self.add, self.alias = builder.add, builder.alias
        self.resolved_tickets = builder.resolved_tickets
        self.customer_words = builder.customer_words
        self.suggestion_outcomes = builder.suggestion_outcomes

    @property
    def previous(self) -> Generation | None:
        return self._builder.previous

    def __enter__(self) -> Self:
        try:
            self._cluster.check()
        except Unavailable as error:
            raise Unavailable(
                f"{error.sentence} Nothing was published. Check OpenSearch and KB_OPENSEARCH, then "
                "run `kb index` again.",
                retry_after=error.retry_after,
            ) from error
        self._builder.__enter__()
        with contextlib.suppress(Unavailable):  # tried again at the next build
            self._delete_unused()
        return self

    def __exit__(self, *raised: Any) -> None:
        with contextlib.suppress(Unavailable):
            self._delete_unused()
        self._builder.__exit__(*raised)

    def prepare(
        self,
        *,
        ledger: Mapping[str, Any],
        settings: Mapping[str, Any],
        findings: Iterable[Finding] = (),
        pictures: Mapping[str, Iterable[str]] = MappingProxyType({}),
    ) -> Generation:
        prefix, name = self._cluster.address.prefix, self._generations.next_name()
        self._builder.curations = self.curations
        compares_vectors = False
        with contextlib.suppress(Unavailable):  # a user may not be allowed to ask
            compares_vectors = self._cluster.compares_vectors()
        generation = self._builder.prepare(
            ledger=ledger,
            settings={
                **settings,
                STEM_SETTING: f"{prefix}-{name}-{secrets.token_hex(4)}",
                VECTORS_SETTING: compares_vectors,
                FORMAT_SETTING: FORMAT,
            },
            findings=findings,
            pictures=pictures,
        )
        self._write_indexes(generation)
        return generation

    def release(self, prepared: Generation) -> Manifest:
        manifest = self._builder.release(prepared)
        self.warning = self._builder.warning
        return manifest

    def publish(self, *, ledger: Mapping[str, Any], settings: Mapping[str, Any]) -> Manifest:
        return self.release(self.prepare(ledger=ledger, settings=settings))

    # --- writing

    def _write_indexes(self, generation: Generation) -> None:
        names = index_names(generation.manifest)
        self._remember([*self._made(), *names.values()])
        index = self._open_index(generation)
        with contextlib.closing(index), contextlib.closing(generation.store) as store:
            changes = self._changes(store)
            targets = [
                self._target(generation, index, file, name, changes) for file, name in names.items()
            ]
            self._progress("opensearch", 0, len(store))
            for target in targets:
                if target.source is not None:
                    self._cluster.clone(target.source, target.name)
                    self._cluster.change(_deletions(target.name, changes.gone_for(target.visible)))
            fresh = store.documents(changes.fresh)
            self._write([target for target in targets if target.source is not None], fresh)

            created = [
                self._created(target, store, changes.now)
                for target in targets
                if target.source is None
            ]
            if created:
                self._write(created, self._counted(store.all(), len(store)))
            for target in targets:
                count = self._cluster.seal(target.name, merge=target.source is None)
                if count != target.partition.size:
                    raise Unavailable(
                        f"The index {target.name} on OpenSearch holds {count} documents where "
                        f"{target.partition.size} were written; nothing was published."
                    )
            self._progress("opensearch", len(store), len(store))

    def _changes(self, store: DocumentStore) -> _Changes:
        now = dict(store.audiences().values())
        if self.previous is None:
            return _Changes((), (), {}, now)
        with contextlib.closing(self.previous.store) as before:
            difference = store.difference(before)
            then = dict(before.audiences().values())
        return _Changes(difference.fresh, difference.gone, then, now)

    def _target(
        self,
        generation: Generation,
        index: EmbeddedIndex,
        file: str,
        name: str,
        changes: _Changes,
    ) -> _Target:
        audience = next(who for who, its in generation.manifest.partitions.items() if its == file)
        partition, visible = index.reader(audience), visible_to(audience)
        has_vectors = (
            generation.manifest.settings[VECTORS_SETTING] and not partition.meanings.are_compared
        )
        # Documents that an audience cannot see must not influence how its index is written.
        if self.previous is not None and changes.count_for(visible) <= _CLONED * partition.size:
            then = self.previous.manifest
            source = index_names(then).get(then.partitions.get(audience, ""))
            written = self._cluster.metadata(source) if source else {}
            held = sum(who in visible for who in changes.then.values())
            # Somebody may have changed it by hand.
            if source and _is_alike(written, partition, has_vectors) and self._holds(source, held):
                lengths = Lengths(**written["lengths"])
                return _Target(name, visible, partition, has_vectors, lengths, source)
        return _Target(name, visible, partition, has_vectors, Lengths(0, 0), None)

    def _holds(self, name: str, documents: int) -> bool:
        """Whether an index can be read and holds so many documents."""
        try:
            return self._cluster.count(name) == documents
        except Unavailable:  # it is red; without a cluster, nothing can be written either
            return False

    def _created(
        self, target: _Target, store: DocumentStore, audience_of: Mapping[str, str]
    ) -> _Target:
        """A new index, with average lengths that are measured on some of the documents."""
        ids = sorted(id_ for id_, audience in audience_of.items() if audience in target.visible)
        sample = store.documents(ids[:: 1 + len(ids) // _SAMPLE])
        lengths = average_lengths(map(ReadDocument.read, sample))
        body = index_body(lengths, target.partition.size, vectors=target.has_vectors)
        body["mappings"]["_meta"] |= {"languages": list(target.partition.languages)}
        self._cluster.create(target.name, body)
        return replace(target, lengths=lengths)

    def _write(self, targets: Sequence[_Target], documents: Iterable[Document]) -> None:
        if targets:
            self._cluster.change(_writings(targets, documents))

    def _counted(self, documents: Iterable[Document], total: int) -> Iterator[Document]:
        for done, document in enumerate(documents):
            if done % 500 == 0:
                self._progress("opensearch", done, total)
            yield document

    # --- what was made before

    def _made(self) -> list[str]:
        try:
            names: list[str] = json.loads((self._generations.folder / NAMES_FILE).read_text())
        except (OSError, ValueError):
            return []
        return names

    def _remember(self, names: Iterable[str]) -> None:
        draft = self._generations.folder / f"{NAMES_FILE}.new"
        draft.write_text(json.dumps(sorted(set(names))))
        sync(draft)
        draft.replace(self._generations.folder / NAMES_FILE)

    def _delete_unused(self) -> None:
        """Delete the indexes of generations that are no longer kept or were not published."""
        kept: set[str] = set()
        for name in self._generations.names():
            with contextlib.suppress(Unavailable):
                kept.update(index_names(Manifest.read(self._generations.path(name))).values())
        made = self._made()
        unused = [name for name in made if name not in kept]
        if unused:
            self._cluster.delete(unused)
            self._remember(name for name in made if name in kept)


def _is_alike(written: Mapping[str, Any], partition: Partition, has_vectors: bool) -> bool:
    """Whether an index with this metadata can be cloned for this partition."""
    return (
        written.get("format") == FORMAT
        and set(written.get("lengths", ())) == set(asdict(Lengths(0, 0)))
        and written.get("languages") == list(partition.languages)
        and written.get("vectors", False) == has_vectors
        and written.get("models", "") == models_of(has_vectors)
    )


def _writings(
    targets: Sequence[_Target], documents: Iterable[Document]
) -> Iterator[dict[str, Any]]:
    numbers = {
        target.name: NumbersByKey(target.partition.values.key)
        for target in targets
        if target.has_vectors
    }
    for document in documents:
        read, key = ReadDocument.read(document), document_key(document.id)
        for target in targets:
            if document.audience in target.visible:
                partition = target.partition
                fields = read.json(target.lengths, partition.vocabulary, partition.title_ngrams)
                if target.has_vectors:
                    (number,) = numbers[target.name].of([key]).tolist()
                    fields |= directed(partition.meanings.directions(number))
                yield {
                    "_op_type": "index",
                    "_index": target.name,
                    "_id": str(key),
                    "_source": fields,
                }


def _deletions(name: str, ids: Iterable[str]) -> Iterator[dict[str, Any]]:
    for document_id in ids:
        yield {"_op_type": "delete", "_index": name, "_id": str(document_key(document_id))}
