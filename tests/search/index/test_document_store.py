"""Ids are found in a store that takes over most of another, and so on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kb.ids import document_key
from kb.search.index import document_store
from kb.search.index.document_store import STORE_FILE, DocumentStore, StoreWriter
from tests.search.library import document


def written(folder: Path, previous: DocumentStore | None, titles: dict[str, str]) -> DocumentStore:
    """A store of the previous documents, except those of which ``titles`` has a new title or ""."""
    folder.mkdir()
    writer = StoreWriter(folder / STORE_FILE)
    if previous is not None:
        gone = {previous.row(document_id) for document_id in titles}
        writer.carry_over(previous, np.array(sorted({*range(len(previous))} - gone)))
    for document_id, title in titles.items():
        if title:
            writer.add(document(document_id, title))
    writer.close()
    assert sorted(writer.files) == sorted(path.name for path in folder.iterdir())
    return DocumentStore(folder / STORE_FILE)


def test_every_document_is_found_by_its_id_in_each_of_many_stores(tmp_path: Path) -> None:
    titles = {f"doc/{number}": f"Title {number}" for number in range(2_200)}
    store = written(tmp_path / "0", None, titles)
    key_files = {path.name for path in tmp_path.glob("0/keys-*")}
    for number in range(1, 9):
        edits = {f"doc/{place}": f"Title {number}" for place in range(number, 2_200, 1_500)}
        edits |= {f"doc/{number * 200}": "", f"new/{number}": f"New {number}"}
        store = written(tmp_path / str(number), store, edits)
        key_files |= {path.name for path in (tmp_path / str(number)).glob("keys-*")}

        titles = {name: title for name, title in (titles | edits).items() if title}
        assert {name: store.title(name) for name in titles} == titles
        assert store.row(f"doc/{number * 200}") is None
        assert store.keys().tolist() == [document_key(name) for name in store.ids()]
    assert 1 < len(key_files) < 9  # it was linked, and written again


def test_two_documents_whose_ids_have_one_key_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_store, "document_key", lambda document_id: len(document_id))
    titles = {f"doc/{number}": f"Title {number}" for number in range(1_100)}
    first = written(tmp_path / "first", None, titles)
    assert list(tmp_path.glob("first/keys-*"))
    second = written(tmp_path / "second", first, {"doc/123": "Edited"})
    assert second.title("doc/123") == "Edited"
    assert second.title("doc/124") == "Title 124"
    assert second.row("doc/abc") is None
