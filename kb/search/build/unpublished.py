"""Unpublished index: asks an index that is being built, as a visitor will ask it afterwards."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from kb.errors import Unavailable
from kb.search.documents import Document
from kb.search.engines.whoosh import OperatorSearch
from kb.search.generations.generation import INDEX_FORMAT, Generation, Manifest
from kb.search.index.document_store import STORE_FILE, DocumentStore
from kb.search.index.edits import load_partition
from kb.search.kernels.layout import Loops
from kb.search.partition import Partition
from kb.search.snapshot import Snapshot
from kb.search.standpoint import ANYWHERE


class UnpublishedIndex:
    """The partitions in ``folder``, whose manifest is not written yet."""

    def __init__(self, folder: Path, partitions: Mapping[str, str], loops: Loops) -> None:
        manifest = Manifest("", INDEX_FORMAT, "", 0, {}, dict(partitions), {}, {})
        self._generation = Generation(folder, manifest)
        self._store = DocumentStore(folder / STORE_FILE)
        self._readers = {
            file: Partition(load_partition(folder / file), loops, self._store, _no_operators)
            for file in set(partitions.values())
        }
        self._snapshot = Snapshot(self._generation, self)

    def log_odds(self, text: str, audience: str) -> float:
        """Those that any document answers ``text``."""
        answer = self._snapshot.suggest(
            text,
            audience,
            limit=1,
            deadline=math.inf,
            explain=False,
            doubt=math.inf,
            standpoint=ANYWHERE,
        )
        return answer.log_odds

    def documents_of(self, audience: str, numbers: Sequence[int]) -> list[Document]:
        """Some of the documents that ``audience`` sees, by their numbers in its order."""
        values = self.reader(audience).values
        rows = values.row[values.documents[list(numbers)]].tolist()
        ids = [document_id for document_id, *_ in self._store.shown(rows)]
        return list(self._store.documents(ids))

    # --- as ``engine.OpenIndex``

    def reader(self, audience: str) -> Partition:
        return self._readers[self._generation.partition(audience).name]

    def document(self, document_id: str) -> Document | None:
        return self._store.document(document_id)

    def title_of(self, document_id: str) -> str | None:
        return self._store.title(document_id)

    def audience_of(self, document_id: str) -> str | None:
        return self._store.audience(document_id)

    def warm(self) -> None:
        """Nothing waits for it."""

    def close(self) -> None:
        self._store.close()


def _no_operators() -> OperatorSearch:
    raise Unavailable("The index of phrases and fields is not built yet.")
