"""The embedded search engine: packed arrays in the data folder, ranked in this process.

It needs no service. ``kb.search.engine`` has the protocols that it implements, ``partition`` what
one audience may see of a generation.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from kb.errors import Unavailable
from kb.search.documents import PUBLIC, Document
from kb.search.engine import WriterOptions
from kb.search.engines.whoosh import WHOOSH_FOLDER, OperatorSearch
from kb.search.generations.generation import Generation, Generations
from kb.search.index.array_file import touch_arrays
from kb.search.index.edits import load_partition
from kb.search.kernels.compilation import LOOPS_FOLDER, compiled_loops
from kb.search.kernels.layout import Loops
from kb.search.lexicon.matching import shipped_lexicon
from kb.search.meaning.embeddings import load_models
from kb.search.partition import Partition

if TYPE_CHECKING:
    from kb.search.build.builder import IndexBuilder


class EmbeddedEngine:
    """The engine that needs no service: packed arrays, mapped, and ranked in this process."""

    def __init__(self, data: Path, generations: Generations | None = None) -> None:
        self._data = data
        self.generations = generations or Generations(data)

    def prepare(self) -> None:
        """The first time in an installation the loops are compiled, for some 30 seconds. What the
        published index needs beside is loaded, so that processes which are started then share it.
        """
        with self.prepared():
            pass

    @contextlib.contextmanager
    def prepared(self) -> Iterator[tuple[Generation, EmbeddedIndex] | None]:
        """What ``prepare`` has opened, to be looked at; None if nothing can be opened."""
        self._loops()
        shipped_lexicon().load()
        opened = None
        with contextlib.suppress(Unavailable):  # told when it is opened to answer
            generation = self.generations.current(trusted=True)
            if generation is not None:
                opened = generation, self.open(generation)
        try:
            yield opened
        finally:
            if opened is not None:
                opened[1].close()

    def open(self, generation: Generation) -> EmbeddedIndex:
        return EmbeddedIndex(generation, self._loops())

    def problem(self, _generation: Generation, /) -> str:
        return ""  # it needs nothing but the generation

    def fallback(self) -> str:
        return ""

    def writer(self, **options: Unpack[WriterOptions]) -> IndexBuilder:
        from kb.search.build.builder import IndexBuilder  # who only searches builds nothing

        return IndexBuilder(self._data, generations=self.generations, **options)

    def _loops(self) -> Loops:
        return compiled_loops(self._data / LOOPS_FOLDER)


class EmbeddedIndex:
    """A generation of packed arrays."""

    def __init__(self, generation: Generation, loops: Loops) -> None:
        self._generation = generation
        self._loops = loops
        self._store = generation.store
        # Mapped now, as the folder may be gone when an audience comes that has not asked yet.
        self._arrays = {
            file: load_partition(file)
            for file in set(map(generation.partition, generation.manifest.partitions))
        }
        for arrays in self._arrays.values():
            load_models(arrays)
        self._partitions: dict[Path, Partition] = {}
        self._readers: dict[str, Partition] = {}  # by audience
        self._operators: OperatorSearch | None = None

    def reader(self, audience: str) -> Partition:
        reader = self._readers.get(audience)
        if reader is None:
            file = self._generation.partition(audience)
            if file not in self._partitions:
                self._partitions[file] = Partition(
                    self._arrays[file], self._loops, self._store, self._operator_search
                )
            reader = self._partitions[file]
            if audience in self._generation.manifest.partitions:  # others may be any number
                self._readers[audience] = reader
        return reader

    def _operator_search(self) -> OperatorSearch:
        if self._operators is None:
            self._operators = OperatorSearch(self._generation.path / WHOOSH_FOLDER)
        return self._operators

    def document(self, document_id: str) -> Document | None:
        return self._store.document(document_id)

    def title_of(self, document_id: str) -> str | None:
        return self._store.title(document_id)

    def audience_of(self, document_id: str) -> str | None:
        return self._store.audience(document_id)

    def warm(self) -> None:
        for arrays in self._arrays.values():
            touch_arrays(arrays)
        self.reader(PUBLIC).prepare_lists()

    def close(self) -> None:
        self._store.close()
