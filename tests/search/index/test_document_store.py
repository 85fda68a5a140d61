"""A store that takes over most of another, and so on, holds what one that is written anew holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.ids import document_key
from kb.search.index import document_store
from kb.search.index.document_store import (
    SEGMENTS,
    STORE_FILE,
    DocumentStore,
    SegmentLimits,
    StoreWriter,
)
from tests.search.library import document


def written(folder: Path, previous: DocumentStore | None, titles: dict[str, str]) -> DocumentStore:
    """A store of the previous documents, except those of which ``titles`` has a new title or ""."""
    folder.mkdir()
    writer = StoreWriter(folder / STORE_FILE)
    if previous is not None:
        gone = {previous.row(document_id) for document_id in titles}
        rows = sorted({*range(len(previous))} - gone)
        writer.carry_over(previous, np.array(rows, dtype=np.int64))
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


#: The documents of a publish that are written (with these titles) or removed, by their numbers.
changes = st.dictionaries(
    st.integers(0, 40), st.none() | st.sampled_from(["Anchor", "Button", "Candle"]), max_size=9
)


@contextmanager
def small_segments(*, cleaned: int) -> Iterator[None]:
    """Segments of up to eight documents, of which a publish cleans so many."""
    with pytest.MonkeyPatch.context() as patched:
        limits = SegmentLimits(documents=8, small=3, cleaned=cleaned)
        patched.setattr(document_store, "SEGMENTS", limits)
        patched.setattr(document_store, "may_be_recent", lambda keys, documents: keys < 6)
        yield


def contents(store: DocumentStore) -> dict[str, object]:
    """What the store says of each document, found in each way that there is."""
    firsts = store.passage_firsts().tolist()
    found: dict[str, object] = {}
    for row, document_id in enumerate(store.ids()):
        assert store.audiences()[row] == (document_id, store.audience_of(row))
        assert store.row(document_id) == row
        assert store.id(row) == document_id
        assert store.first_passage(row) == firsts[row]
        passages = store.passages(range(firsts[row], firsts[row + 1]))
        found[document_id] = (
            store.shown([row]),
            store.audience_of(row),
            store.document(document_id),
            [passage.text for passage in passages],
        )
    assert store.keys().tolist() == [document_key(name) for name in store.ids()]
    assert [each.id for each in store.all()] == store.ids()
    return found


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(changes, min_size=1, max_size=6), cleaned=st.integers(0, 2))
def test_after_any_publishes_a_store_holds_what_a_new_one_holds(
    steps: list[dict[int, str | None]], cleaned: int
) -> None:
    titles = {f"doc/{number}": f"Title {number}" for number in range(30)}
    with TemporaryDirectory() as name, small_segments(cleaned=cleaned):
        folder = Path(name)
        store = written(folder / "first", None, titles)
        for number, step in enumerate(steps):
            edits = {f"doc/{place}": f"{title or ''}" for place, title in step.items()}
            gone = {document_id for document_id, title in edits.items() if not title}
            store = written(folder / str(number), store, edits)
            titles = {each: title for each, title in (titles | edits).items() if each not in gone}
            anew = written(folder / f"anew-{number}", None, titles)
            assert contents(store) == contents(anew)
            assert store.audience_counts() == anew.audience_counts()
            assert all(store.document(document_id) is None for document_id in gone)


def test_a_store_may_become_empty_and_be_filled_again(tmp_path: Path) -> None:
    titles = {f"doc/{number}": "Anchor" for number in range(20)}
    with small_segments(cleaned=0):
        store = written(tmp_path / "full", None, titles)
        for step in ("removed", "removed-again"):
            store = written(tmp_path / step, store, dict.fromkeys(titles, ""))
            assert (len(store), store.segments, store.row("doc/1")) == (0, [], None)
        store = written(tmp_path / "filled", store, titles)
        assert contents(store) == contents(written(tmp_path / "anew", None, titles))


def deleted_in(store: DocumentStore) -> int:
    return sum(segment.file.deleted.size for segment in store.segments)


def test_many_edits_write_few_segments_and_what_they_removed_goes_with_later_publishes(
    tmp_path: Path,
) -> None:
    titles = {f"doc/{number}": f"Title {number}" for number in range(20 * SEGMENTS.documents)}
    first = written(tmp_path / "first", None, titles)
    edits = {f"doc/{number}": "Edited" for number in range(0, len(titles), 100)}
    store = written(tmp_path / "0", first, edits)
    names = {segment.name for segment in store.segments}
    assert len(names - {segment.name for segment in first.segments}) == SEGMENTS.cleaned + 1
    assert deleted_in(store) > 90

    publishes = 0
    while deleted_in(store):
        publishes += 1
        store = written(tmp_path / str(publishes), store, {f"doc/{publishes}": "Edited"})
        assert publishes <= 20
    assert len(store) == len(titles)


def test_a_segment_of_which_much_is_deleted_is_written_again(tmp_path: Path) -> None:
    segment = SEGMENTS.documents
    titles = {f"doc/{number}": f"Title {number}" for number in range(8 * segment)}
    first = written(tmp_path / "first", None, titles)
    places = [number for number in range(4 * segment) if number % 4 == 0 or number % 50 == 1]
    store = written(tmp_path / "second", first, {f"doc/{place}": "" for place in places})
    assert not deleted_in(store)
    kept = {segment.name for segment in store.segments} & {each.name for each in first.segments}
    assert len(kept) == 4
