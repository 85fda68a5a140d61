"""Small corpora for the search tests, published for real in a temporary folder."""

from __future__ import annotations

import contextlib
import functools
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kb.errors import Unavailable
from kb.search.analysis.passages import split_passages
from kb.search.build.builder import IndexBuilder
from kb.search.build.forward_index import ForwardIndex
from kb.search.build.partition_writer import partition_arrays
from kb.search.documents import Document, DocumentKind, Section
from kb.search.engine import IndexWriter
from kb.search.engines.whoosh import OperatorSearch
from kb.search.generations.generation import Generation, Generations, Manifest
from kb.search.index.array_file import Arrays
from kb.search.index.document_store import DocumentStore, StoreWriter
from kb.search.kernels.compilation import compiled_loops
from kb.search.partition import Partition
from kb.search.searcher import Searcher


def document(
    document_id: str,
    title: str,
    text: str = "",
    *,
    kind: DocumentKind = DocumentKind.DOC,
    audience: str = "public",
    **more: object,
) -> Document:
    sections = (Section("", (), text),) if text else ()
    fields: dict[str, Any] = {**more}
    return Document(document_id, kind, title, sections, audience=audience, **fields)


ARTICLES = (
    document(
        "doc/port",
        "The port is already in use",
        "Another program listens on port 8000. Set KB_PORT to another number.",
    ),
    document(
        "doc/backup",
        "Back up and restore",
        "Stop nothing: copy the data folder with `kb backup`. Restore it anywhere.",
    ),
    document(
        "doc/embed",
        "Embed the suggestion box",
        "One script tag connects suggestions to any form.",
        product="Askfirst Embed",
    ),
    document(
        "doc/install",
        "Install Askfirst",
        "Installing needs git and Python 3.11. Run make serve.",
        versions=("0.1",),
    ),
    document(
        "faq/password",
        "How do I reset my password?",
        "Ask for a link on the sign-in page.",
        kind=DocumentKind.FAQ,
        tags=("account",),
    ),
    document(
        "forum/slow",
        "Suggestions are slow",
        "They take a second here.",
        kind=DocumentKind.FORUM,
        solved=False,
    ),
    document(
        "forum/fast",
        "Suggestions are fast",
        "They take no time here.",
        kind=DocumentKind.FORUM,
        solved=True,
    ),
    document(
        "doc/runbook",
        "Runbook for zephyrion outages",
        "Restart zephyrion by hand.",
        audience="staff",
    ),
)


def mapped(arrays: Arrays) -> Arrays:
    """The same arrays as they come from a mapped file: loops are compiled for such."""
    for array in arrays.values():
        array.flags.writeable = False
    return arrays


def partition_of(
    documents: Iterable[Document], audiences: frozenset[str] = frozenset({"public"})
) -> Partition:
    """What ``audiences`` see of some documents, built in memory: it can rank, but not show them."""
    forward_index = ForwardIndex()
    for row, one in enumerate(documents):
        forward_index.add(one, row, split_passages(one))
    arrays = mapped(partition_arrays(forward_index, audiences))
    return Partition(arrays, compiled_loops(), _empty_store(), _no_operators)


@functools.cache
def _empty_store() -> DocumentStore:
    folder = Path(tempfile.mkdtemp())
    try:
        StoreWriter(folder / "documents.arrays").close()
        return DocumentStore(folder / "documents.arrays")
    finally:
        shutil.rmtree(folder)


def _no_operators() -> OperatorSearch:
    raise Unavailable("An index in memory has no operators.")


def publish(
    data: Path, documents: Iterable[Document] = ARTICLES, *, operators: bool = True
) -> Manifest:
    with IndexBuilder(data, operators=operators) as builder:
        for article in documents:
            builder.add(article)
        return builder.publish(ledger={"sources": {}}, settings={})


def keep(writer: IndexWriter, ids: Iterable[str]) -> int:
    """Carry over these documents of the previous generation; returns how many there are."""
    if writer.previous is None:
        return 0
    with contextlib.closing(writer.previous.store) as store:
        kept = set(ids)
        others = [document_id for document_id in store.ids() if document_id not in kept]
    return writer.carry_over_all_but(others) if kept else 0


def published(
    data: Path, added: Iterable[Document], unread: Iterable[str] = (), *, read: int = 0
) -> Generation:
    """The next generation: ``unread`` documents carried over from the previous one, and others.

    The sentence encoder may read so many passages of each audience.
    """
    ids = list(unread)
    with IndexBuilder(data, operators=False, meaning=True, read=read) as builder:
        assert keep(builder, ids) == len(ids)
        for article in added:
            builder.add(article)
        builder.publish(ledger={}, settings={})
    current = Generations(data).current()
    assert current is not None
    return current


def searcher(
    data: Path, documents: Iterable[Document] = ARTICLES, *, operators: bool = True
) -> Searcher:
    publish(data, documents, operators=operators)
    # Suggestions under test must not end early because the machine is busy.
    return Searcher(data, budget_ms=60_000)
