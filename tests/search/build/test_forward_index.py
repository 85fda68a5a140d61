"""What is taken over from the last generation is what reading it again would give."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.search.build import forward_index as corpus
from kb.search.build.builder import IndexBuilder
from kb.search.documents import AUDIENCES, Document, DocumentKind
from kb.search.generations.generation import Generation
from kb.search.index import latent_topics as topics
from kb.search.index.array_file import load_arrays
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
ELSEWHERE = {
    "row",
    "first",
}  # they lead into the store, where each generation has an order of its own


def documents(pages: dict[int, tuple[str, str, str, DocumentKind]]) -> dict[str, Document]:
    made = {}
    for number, (title, text, audience, kind) in pages.items():
        one = document(
            f"{kind}/{number:02}", title, text, audience=audience, kind=kind, tags=("a tag",)
        )
        made[one.id] = one
    return made


def same(left: Generation, right: Generation, audiences: Iterable[str] = AUDIENCES) -> None:
    for audience in audiences:
        one, other = (load_arrays(generation.partition(audience)) for generation in (left, right))
        assert one.keys() == other.keys()
        for name in one.keys() - ELSEWHERE:
            assert one[name].tobytes() == other[name].tobytes(), (audience, name)


@given(PAGES, PAGES)
@settings(max_examples=40, deadline=None)
def test_keeping_gives_the_bytes_of_reading_again(
    before: dict[int, tuple[str, str, str, DocumentKind]],
    edits: dict[int, tuple[str, str, str, DocumentKind]],
) -> None:
    old, new = documents(before), documents({**before, **edits})
    new = {id_: one for i, (id_, one) in enumerate(new.items()) if i % 5 != 4}  # some are removed
    kept = [id_ for id_, one in new.items() if old.get(id_) == one]
    with tempfile.TemporaryDirectory() as folder:
        published(Path(folder, "a"), old.values())
        edited = published(
            Path(folder, "a"), [one for id_, one in new.items() if id_ not in kept], kept
        )
        again = published(Path(folder, "b"), new.values())
        same(edited, again)
        assert {one.id: one for one in edited.store.all()} == new
        with Searcher.on(edited) as left, Searcher.on(again) as right:
            for query in ("buttons gam", "日本 window", "größe"):
                for audience in AUDIENCES:
                    hits = [
                        found.suggest(query, audience=audience, doubt=-9e9).hits
                        for found in (left, right)
                    ]
                    assert hits[0] == hits[1]


def test_a_removed_page_leaves_no_word_behind(tmp_path: Path) -> None:
    published(tmp_path, [document("doc/a", "Alpha"), document("doc/b", "Zephyrion", "quarrelsome")])
    after = published(tmp_path, [], ["doc/a"])
    for file in (
        corpus.FORWARD_INDEX_FILE,
        "shown.records",
        "passages.records",
        "documents.sqlite",
    ):
        raw = (after.path / file).read_bytes().lower()
        assert b"zephyrion" not in raw
        assert b"quarrelsome" not in raw


def test_nothing_is_kept_of_an_index_that_is_not_there(tmp_path: Path) -> None:
    with IndexBuilder(tmp_path) as builder:
        assert builder.carry_over(["doc/a"]) == 0


@pytest.fixture(scope="module")
def themes() -> list[Document]:
    return themed(topics.SMALLEST + 60)


def words_of(generation: Generation) -> bytes:
    return load_arrays(generation.partition("public"))["topic_words"].tobytes()


def test_an_edit_keeps_the_directions_of_words_and_gives_the_new_page_one(
    tmp_path: Path, themes: list[Document]
) -> None:
    first = published(tmp_path, themes)
    edited = document(themes[0].id, themes[0].title, "invoice payment bill refund charge")
    after = published(tmp_path, [edited], [one.id for one in themes[1:]])
    assert words_of(after) == words_of(first)
    made = load_arrays(after.partition("public"))
    assert made["topic_drift"].tolist() == [1]
    passage = int(made["doc_passages"][np.flatnonzero(made["row"] == len(themes) - 1)[0]])
    assert made["topic_passages"][passage].any()


def test_pages_that_are_read_again_and_say_the_same_do_not_count_as_changed(
    tmp_path: Path, themes: list[Document]
) -> None:
    published(tmp_path, themes)
    after = published(tmp_path, themes[:200], [one.id for one in themes[200:]])
    assert load_arrays(after.partition("public"))["topic_drift"].tolist() == [0]


def test_whether_an_unchanged_page_was_read_again_shows_nowhere(
    tmp_path: Path, themes: list[Document]
) -> None:
    edited = document(themes[0].id, themes[0].title, "invoice payment bill refund charge")
    made = []
    for name, again in (("kept", 1), ("read", 200)):
        published(tmp_path / name, themes)
        after = published(
            tmp_path / name, [edited, *themes[1:again]], [one.id for one in themes[again:]]
        )
        made.append(load_arrays(after.partition("public")))
    for key in made[0].keys() - ELSEWHERE:
        assert made[0][key].tobytes() == made[1][key].tobytes(), key


def test_an_edit_of_a_hidden_page_changes_no_byte_of_what_the_public_gets(
    tmp_path: Path, themes: list[Document]
) -> None:
    hidden = [
        document(f"doc/hidden-{n}", "Runbook", f"invoice payment zephyrion {n}", audience="staff")
        for n in (1, 2)
    ]
    published(tmp_path, [*themes, *hidden])
    edited = document(themes[0].id, themes[0].title, "invoice payment bill refund charge")
    before = published(tmp_path, [edited], [one.id for one in (*themes[1:], *hidden)])
    then = {
        name: array.tobytes() for name, array in load_arrays(before.partition("public")).items()
    }
    # The hidden page is another one, and an unchanged public one was read again with it.
    other = document(hidden[0].id, "Runbook", "refund refund charge quarrelsome", audience="staff")
    after = published(
        tmp_path, [other, themes[1]], [edited.id, hidden[1].id, *(one.id for one in themes[2:])]
    )
    now = load_arrays(after.partition("public"))
    for name in now.keys() - ELSEWHERE:
        assert now[name].tobytes() == then[name], name


@pytest.mark.parametrize("change", ["removed", "hidden", "many"])
def test_directions_are_fitted_anew_when_a_page_is_lost_or_many_change(
    tmp_path: Path, themes: list[Document], change: str
) -> None:
    published(tmp_path, themes)
    few = len(themes) // 8 if change == "many" else 1
    instead = {
        "removed": [],
        "hidden": [
            document(
                themes[0].id, "money", "invoice payment bill refund charge card", audience="staff"
            )
        ],
        "many": [document(one.id, one.title, f"{one.text()} invoice") for one in themes[:few]],
    }[change]
    after = published(tmp_path, instead, [one.id for one in themes[few:]])
    again = published(tmp_path / "again", [*instead, *themes[few:]])
    same(after, again, ["public"])  # from whom it was hidden; to members of staff it is an edit
    assert load_arrays(after.partition("public"))["topic_drift"].tolist() == [0]
