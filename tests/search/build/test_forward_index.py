"""What is carried over from the previous generation is what reading it again would give."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.search.analysis.passages import split_passages
from kb.search.analysis.tokenizer import index_words
from kb.search.build.builder import IndexBuilder
from kb.search.build.forward_index import ForwardIndex
from kb.search.documents import AUDIENCES, Document, DocumentKind
from kb.search.generations.generation import Generation
from kb.search.index import document_store, latent_topics
from kb.search.index.array_file import load_arrays
from kb.search.index.document_store import SEGMENTS, SegmentLimits
from kb.search.searcher import Searcher
from tests.search.index.test_latent_topics import corpus as themed
from tests.search.library import document, published

WORDS = (
    "alpha",
    "buttons",
    "gamma",
    "größe",
    "日本語",
    "Get-ChildItem",
    "v9.1.9",
    "windows",
    "window",
    "the",
)
TEXT = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
PAGE = st.tuples(TEXT, TEXT, st.sampled_from(AUDIENCES), st.sampled_from(list(DocumentKind)))
PAGES = st.dictionaries(st.integers(0, 12), PAGE, max_size=8)
#: Numbers in the document store, where each generation has an order of its own.
STORE_NUMBERS = {"row", "first"}


def documents(pages: dict[int, tuple[str, str, str, DocumentKind]]) -> dict[str, Document]:
    by_id = {}
    for number, (title, text, audience, kind) in pages.items():
        document_id = f"{kind}/{number:02}"
        by_id[document_id] = document(
            document_id, title, text, audience=audience, kind=kind, tags=("a tag",)
        )
    return by_id


@pytest.mark.parametrize(
    "chunk", ["windows", "Windows", "USB", "8000", "v9", "9A", "ABc", "9Ab", "iPhone", "sNAKE", "z"]
)
def test_a_word_without_joints_is_read_as_the_tokenizer_reads_it(chunk: str) -> None:
    index = ForwardIndex()
    page = document("doc/page", chunk)
    index.add(page, 0, split_passages(page))
    assert [*index.surfaces] == index_words(chunk)


def assert_same_bytes(
    left: Generation, right: Generation, audiences: Iterable[str] = AUDIENCES
) -> None:
    for audience in audiences:
        ours, theirs = (load_arrays(g.partition(audience)) for g in (left, right))
        assert ours.keys() == theirs.keys()
        for name in ours.keys() - STORE_NUMBERS:
            assert ours[name].tobytes() == theirs[name].tobytes(), (audience, name)


@given(PAGES, st.lists(PAGES, min_size=1, max_size=3), st.integers(0, 1))
@settings(max_examples=30, deadline=None)
def test_carrying_over_gives_the_bytes_of_reading_again(
    before: dict[int, tuple[str, str, str, DocumentKind]],
    steps: list[dict[int, tuple[str, str, str, DocumentKind]]],
    cleaned: int,
) -> None:
    """Also from segments in which documents are deleted, and after some of these are cleaned."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        limits = SegmentLimits(documents=4, small=2, deleted=0.5, cleaned=cleaned)
        patched.setattr(document_store, "SEGMENTS", limits)
        new = documents(before)
        edited = published(Path(folder, "a"), new.values())
        for edits in steps:
            old, all_new = new, {**new, **documents(edits)}
            # Every fifth document is removed.
            new = {id_: page for i, (id_, page) in enumerate(all_new.items()) if i % 5 != 4}
            unchanged = [id_ for id_, page in new.items() if old.get(id_) == page]
            changed = [page for id_, page in new.items() if id_ not in unchanged]
            edited = published(Path(folder, "a"), changed, unchanged)
            assert {page.id: page for page in edited.store.all()} == new

        again = published(Path(folder, "b"), new.values())
        assert_same_bytes(edited, again)
        with Searcher.on(edited) as left, Searcher.on(again) as right:
            for query in ("buttons gam", "日本 window", "größe"):
                for audience in AUDIENCES:
                    left_hits, right_hits = (
                        searcher.suggest(query, audience=audience, doubt=-9e9).hits
                        for searcher in (left, right)
                    )
                    assert left_hits == right_hits


def test_a_removed_page_leaves_no_word_behind(tmp_path: Path) -> None:
    pages = [document(f"doc/{n}", f"Page {n}", f"Word {n}.") for n in range(SEGMENTS.documents + 9)]
    secret = document("doc/b", "Zephyrion", "quarrelsome")
    published(tmp_path, [*pages[:3], secret, *pages[3:]])
    unchanged = [page.id for page in pages]
    for added in ([], [document("doc/b", "Beta", "calm")]):
        after = published(tmp_path, added, unchanged)
        assert_without_words(after, b"zephyrion", b"quarrelsome")


def test_an_edited_page_leaves_no_word_in_the_store(tmp_path: Path) -> None:
    pages = [document(f"doc/{n}", f"Page {n}", f"Word {n}.") for n in range(SEGMENTS.documents + 9)]
    published(tmp_path, [*pages[:3], document("doc/b", "Beta", "quarrelsome"), *pages[3:]])
    unchanged = [page.id for page in pages]
    before = published(tmp_path, [document("doc/b", "Beta", "calm")], unchanged)
    assert_without_words(before, b"quarrelsome")
    after = published(tmp_path, [document("doc/b", "Beta", "calmer")], unchanged)
    linked = [file for file in documents_files(after) if file.stat().st_nlink > 1]
    assert [file.name for file in linked] == [documents_files(before)[0].name]


def documents_files(generation: Generation) -> list[Path]:
    """The catalogue of the store, and its segments."""
    return sorted(generation.path.glob("documents*.arrays"))


def assert_without_words(generation: Generation, *words: bytes) -> None:
    """In the store, texts that are compressed included, and in the words of its documents."""
    with contextlib.closing(generation.store) as store:
        texts = [json.dumps(page.to_json()).encode().lower() for page in store.all()]
    for file in (*documents_files(generation), *generation.path.glob("words*.arrays")):
        texts.append(file.read_bytes().lower())
    assert len(documents_files(generation)) > 1
    for word in words:
        assert not any(word in text for text in texts)


def test_nothing_is_carried_over_without_a_previous_generation(tmp_path: Path) -> None:
    with IndexBuilder(tmp_path) as builder:
        assert builder.carry_over_all_but(["doc/a"]) == 0


@pytest.fixture(scope="module")
def themes() -> list[Document]:
    return themed(latent_topics.SMALLEST + 60)


def topic_words_of(generation: Generation) -> bytes:
    return load_arrays(generation.partition("public"))["topic_words"].tobytes()


def test_an_edit_keeps_the_topics_of_words_and_gives_the_new_page_topics(
    tmp_path: Path, themes: list[Document]
) -> None:
    first = published(tmp_path, themes)
    edited = document(themes[0].id, themes[0].title, "invoice payment bill refund charge")
    after = published(tmp_path, [edited], [page.id for page in themes[1:]])
    assert topic_words_of(after) == topic_words_of(first)
    arrays = load_arrays(after.partition("public"))
    assert arrays["topic_drift"].tolist() == [1]
    edited_number = np.flatnonzero(arrays["row"] == len(themes) - 1)[0]
    passage = int(arrays["doc_passages"][edited_number])
    assert arrays["topic_passages"][passage].any()


def test_pages_that_are_read_again_and_say_the_same_do_not_count_as_changed(
    tmp_path: Path, themes: list[Document]
) -> None:
    published(tmp_path, themes)
    after = published(tmp_path, themes[:200], [page.id for page in themes[200:]])
    assert load_arrays(after.partition("public"))["topic_drift"].tolist() == [0]


def test_whether_an_unchanged_page_was_read_again_shows_nowhere(
    tmp_path: Path, themes: list[Document]
) -> None:
    edited = document(themes[0].id, themes[0].title, "invoice payment bill refund charge")
    generations = []
    for name, read_again in (("carried-over", 1), ("read", 200)):
        published(tmp_path / name, themes)
        unread = [page.id for page in themes[read_again:]]
        generations.append(published(tmp_path / name, [edited, *themes[1:read_again]], unread))
    carried_over, read = generations
    assert_same_bytes(carried_over, read, ["public"])


def test_an_edit_of_a_hidden_page_changes_no_byte_of_what_the_public_gets(
    tmp_path: Path, themes: list[Document]
) -> None:
    hidden = [
        document(f"doc/hidden-{n}", "Runbook", f"invoice payment zephyrion {n}", audience="staff")
        for n in (1, 2)
    ]
    published(tmp_path, [*themes, *hidden])
    edited = document(themes[0].id, themes[0].title, "invoice payment bill refund charge")
    before = published(tmp_path, [edited], [page.id for page in (*themes[1:], *hidden)])
    arrays_before = load_arrays(before.partition("public"))
    bytes_before = {name: array.tobytes() for name, array in arrays_before.items()}
    # The hidden page is another one, and an unchanged public one was read again with it.
    other = document(hidden[0].id, "Runbook", "refund refund charge quarrelsome", audience="staff")
    unchanged = [edited.id, hidden[1].id, *(page.id for page in themes[2:])]
    after = published(tmp_path, [other, themes[1]], unchanged)
    arrays_after = load_arrays(after.partition("public"))
    for name in arrays_after.keys() - STORE_NUMBERS:
        assert arrays_after[name].tobytes() == bytes_before[name], name


@pytest.mark.parametrize("change", ["removed", "hidden", "many"])
def test_topics_are_fitted_again_when_a_page_is_lost_or_many_change(
    tmp_path: Path, themes: list[Document], change: str
) -> None:
    published(tmp_path, themes)
    changed = len(themes) // 8 if change == "many" else 1
    replacements = {
        "removed": [],
        "hidden": [
            document(
                themes[0].id, "money", "invoice payment bill refund charge card", audience="staff"
            )
        ],
        "many": [
            document(page.id, page.title, f"{page.text()} invoice") for page in themes[:changed]
        ],
    }[change]
    after = published(tmp_path, replacements, [page.id for page in themes[changed:]])
    again = published(tmp_path / "again", [*replacements, *themes[changed:]])
    # The public lost it; for staff it is an edit.
    assert_same_bytes(after, again, ["public"])
    assert load_arrays(after.partition("public"))["topic_drift"].tolist() == [0]
