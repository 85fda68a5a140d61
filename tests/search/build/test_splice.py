"""What is taken over from the previous partition is what counting everything anew gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.search.build import splice
from kb.search.build.builder import IndexBuilder
from kb.search.build.forward_index import ForwardIndex
from kb.search.build.partition_writer import _PartitionWriter, partition_arrays
from kb.search.documents import PUBLIC, Document, DocumentKind
from kb.search.generations.generation import Generations
from kb.search.index.array_file import Arrays, load_arrays
from kb.search.index.document_store import StoreWriter
from tests.search.library import document, keep

#: "the" is in no index, and "word0" in so many documents that it has a row.
WORDS = ["the", *(f"word{number}" for number in range(9)), "Größe", "日本"]
Pages = Mapping[int, tuple[str, str]]

texts = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
pages = st.dictionaries(st.integers(0, 50), st.tuples(texts, texts), max_size=4)


def written(number: int, title: str, text: str) -> Document:
    kind = DocumentKind.FAQ if number % 3 else DocumentKind.DOC
    return document(f"{kind}/{number:02}", f"Page {title}", text, kind=kind)


def published(data: Path, added: Iterable[Document], unchanged: Iterable[str] = ()) -> Arrays:
    with IndexBuilder(data, operators=False) as builder:
        keep(builder, unchanged)
        for each in added:
            builder.add(each)
        builder.publish(ledger={}, settings={})
    generation = Generations(data).current(trusted=True)
    assert generation is not None
    return load_arrays(generation.partition(PUBLIC))


def forward_index_of(documents: Iterable[Document]) -> ForwardIndex:
    index = ForwardIndex()
    with TemporaryDirectory() as folder:
        store = StoreWriter(Path(folder, "documents.arrays"))
        for each in documents:
            index.add(each, *store.add(each))
        store.close()
    return index


@pytest.fixture(autouse=True)
def splice_small_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splice, "SMALLEST_SPLICED", 1)
    monkeypatch.setattr(splice, "_DRIFT", 9.0)


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(pages, min_size=1, max_size=4))
def test_splicing_is_counting_anew_with_the_same_lengths(steps: list[Pages]) -> None:
    texts: dict[int, tuple[str, str]] = {
        number: (WORDS[number % 10], f"word0 {WORDS[number % 7]}") for number in range(20)
    }
    documents = {number: written(number, *texts[number]) for number in texts}
    with TemporaryDirectory() as folder:
        first = published(Path(folder), documents.values())
        drift = 0
        for step in steps:
            changed = {number: written(number, *step[number]) for number in step}
            changed = {n: each for n, each in changed.items() if documents.get(n) != each}
            documents |= changed
            drift += len(changed)
            unchanged = [each.id for number, each in documents.items() if number not in changed]
            spliced = published(Path(folder), changed.values(), unchanged)
            assert spliced["length_drift"].tolist() == [drift]
            assert spliced["average_lengths"].tobytes() == first["average_lengths"].tobytes()
            anew = counted_anew(documents.values(), spliced)
            # How rare letters are is kept too: see tests/search/index/test_title_ngrams.py.
            assert_same(spliced, anew, ("gram_idf", "gram_weights", "gram_docs", "title_lengths"))


hidden_pages = st.dictionaries(
    st.integers(0, 9), st.none() | st.tuples(texts, texts), min_size=1, max_size=3
)


@settings(max_examples=15, deadline=None)
@given(steps=st.lists(st.tuples(pages, hidden_pages), min_size=1, max_size=4))
def test_hidden_pages_leave_no_trace_whatever_became_of_them(
    steps: list[tuple[Pages, dict[int, tuple[str, str] | None]]],
) -> None:
    """Hidden pages that come, change and go beside edits of pages that all see."""
    with TemporaryDirectory() as folder:
        alone, beside = Path(folder, "alone"), Path(folder, "beside")
        public = {n: written(n, WORDS[n % 10], f"word0 {WORDS[n % 7]}") for n in range(20)}
        hidden: dict[int, Document] = {}
        published(alone, public.values())
        published(beside, public.values())
        for edits, hidden_edits in steps:
            edited = {number: written(number, *edits[number]) for number in edits}
            edited = {n: each for n, each in edited.items() if public.get(n) != each}
            public |= edited
            unchanged = [each.id for number, each in public.items() if number not in edited]
            seen = published(alone, edited.values(), unchanged)

            kept = [each.id for number, each in hidden.items() if number not in hidden_edits]
            read = {
                number: document(f"doc/hidden-{number}", text[0], text[1], audience="staff")
                for number, text in hidden_edits.items()
                if text is not None
            }
            hidden = {n: each for n, each in hidden.items() if n not in hidden_edits} | read
            assert_same(
                seen, published(beside, [*read.values(), *edited.values()], [*kept, *unchanged])
            )


def counted_anew(documents: Iterable[Document], basis: Arrays) -> Arrays:
    """All documents, none of which is known, with the lengths of ``basis``."""
    title, body, passage = basis["average_lengths"].tolist()
    kept = splice.LengthBasis(title, body, passage, int(basis["length_drift"][0]))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_PartitionWriter, "_basis", lambda _self: kept)
        return partition_arrays(forward_index_of(documents), frozenset({PUBLIC}))


def assert_same(ours: Arrays, theirs: Arrays, but: Iterable[str] = ()) -> None:
    assert ours.keys() == theirs.keys()
    for name in ours.keys() - {"row", "first", *but}:
        assert ours[name].tobytes() == theirs[name].tobytes(), name


def test_lengths_are_measured_anew_when_a_tenth_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splice, "_DRIFT", 0.1)
    documents = [written(number, "word1", "word0 word2") for number in range(20)]
    before = published(tmp_path, documents)["average_lengths"]
    for edits, is_kept in ((2, True), (1, False)):
        changed = [written(n, "word1", "word0 " * (40 + edits)) for n in range(edits)]
        unchanged = [each.id for each in documents if each.id not in {c.id for c in changed}]
        arrays = published(tmp_path, changed, unchanged)
        assert np.array_equal(arrays["average_lengths"], before) == is_kept
    assert arrays["length_drift"].tolist() == [0]


def test_a_page_that_is_taken_away_has_no_part_in_the_lengths(tmp_path: Path) -> None:
    documents = [written(number, "word1", "word0 word2") for number in range(20)]
    published(tmp_path / "a", [*documents, written(20, "word1", "word5 " * 90)])
    without = published(tmp_path / "a", [], [each.id for each in documents])
    never = published(tmp_path / "b", documents)
    assert_same(without, never)
