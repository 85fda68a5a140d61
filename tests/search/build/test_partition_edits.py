"""Edits beside a large file are answered as if all were one file, and leave no trace in one."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.search.build import partition_edits, partition_writer, splice
from kb.search.build.builder import IndexBuilder
from kb.search.documents import AUDIENCES, PUBLIC, Document, DocumentKind, Section
from kb.search.generations.generation import Generation, Generations
from kb.search.index import document_store
from kb.search.index import edits as index_edits
from kb.search.index.document_store import SegmentLimits
from kb.search.index.edits import edits_file, load_partition
from kb.search.index.previous import PreviousPartition
from kb.search.searcher import Searcher
from tests.search.library import document, keep

#: In so many documents that it has a row; in some; in few; other languages; two that are alike.
WORDS = ["button", "window", "windows", "gamma", "größe", "日本", "winter", "printer", "sprinter"]
QUERIES = [
    *("button", "win", "windo", "gam", "größ", "日本", "wimdow", "printre", "zan", "zanzibar0"),
    *("page window button", "Chapter gamma", "button winter zanz", "how do i print"),
    *("quokka page", "qoukka"),
]
PUMP = (
    "Stop the pump before you replace the zephyrion filter. Open the lid with the blue key, pull "
    "the old filter out and wipe the seat dry. Insert the new one until it clicks, close the lid."
)
texts = st.lists(st.sampled_from([*WORDS, "zanzibar0", "zanzibar1"]), max_size=12).map(" ".join)
KINDS = (DocumentKind.DOC, DocumentKind.FAQ, DocumentKind.FORUM)
SIZE, NUMBERS_OF_KIND = 30, 20


@dataclass(frozen=True)
class Page:
    """A page; everything but its id may change."""

    number: int
    word: str  # of its title
    text: str
    product: str = ""
    audience: str = "public"

    def document(self) -> Document:
        kind = KINDS[self.number % 3]
        return document(
            f"{kind}/{self.number:03}",
            f"{self.word} page {self.number}",
            self.text,
            kind=kind,
            audience=self.audience,
            product=self.product,
            solved=self.number % 2 == 0 if kind is DocumentKind.FORUM else None,
        )


def first_pages() -> dict[int, Page]:
    return {
        n: Page(
            n,
            WORDS[n % 9],
            f"button {WORDS[n % 9]} {WORDS[n % 7]} once{n}",
            product="Desk" if n % 4 == 0 else "",
            audience="staff" if n % 10 == 9 else "public",
        )
        for n in range(SIZE)
    }


#: The change of a page: it is removed, hidden, or gets another title, text and product. For a
#: number that no page has, a page is added, which everybody or only staff can see.
changes = st.dictionaries(
    st.integers(0, SIZE + 9),
    st.none()
    | st.just("hidden")
    | st.tuples(
        st.sampled_from([*WORDS, "quokka", "zanzibar1"]),
        texts,
        st.sampled_from(["", "Desk", "Lamp"]),
        st.booleans(),
    ),
    max_size=5,
)
Changes = dict[int, Any]


def changed_pages(pages: dict[int, Page], step: Changes, number: int) -> dict[int, Page]:
    """``pages`` after ``step``; new ones have numbers from ``number`` on, so that they follow the
    others by id.
    """
    after = dict(pages)
    for key, change in step.items():
        page = after.pop(key, None)
        if change == "hidden" and page is not None:
            after[key] = replace(page, audience="staff")
        elif isinstance(change, tuple):
            word, text, product, is_staff = change
            if page is None:
                page = Page(number, word, text, audience="staff" if is_staff else "public")
                number += 1
            after[page.number] = replace(page, word=word, text=text, product=product)
    return after


@pytest.fixture(autouse=True)
def edit_small_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splice, "SMALLEST_SPLICED", 1)
    monkeypatch.setattr(splice, "_DRIFT", 99.0)
    monkeypatch.setattr(index_edits, "SMALLEST_WITH_EDITS", 1)
    # Segments of the document store in which documents are deleted, and that are cleaned later.
    limits = SegmentLimits(documents=8, small=3, cleaned=1)
    monkeypatch.setattr(document_store, "SEGMENTS", limits)
    # As many numbers whatever becomes of documents: how rare words are depends on it.
    monkeypatch.setattr(partition_writer, "vacancies", lambda taken, _: NUMBERS_OF_KIND - taken)


@contextmanager
def written_whole() -> Iterator[None]:
    """Writes everything as one file, with the statistics of the previous one even if documents were
    removed.
    """
    previous_partition = IndexBuilder._previous_partition

    def without_loss(*arguments: Any) -> PreviousPartition | None:
        previous = previous_partition(*arguments)
        return previous and replace(previous, lost=False, lost_article=False)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(index_edits, "SMALLEST_WITH_EDITS", 1_000_000)
        patched.setattr(IndexBuilder, "_previous_partition", without_loss)
        yield


def published(data: Path, pages: Iterable[Page], before: Iterable[Page] = ()) -> Generation:
    """Publish ``pages``; those that are as ``before`` are carried over."""
    unchanged = {*before} & {*pages}
    changed = [page.document() for page in pages if page not in unchanged]
    return published_documents(data, changed, [page.document().id for page in unchanged])


def published_documents(
    data: Path, documents: Iterable[Document], unchanged: Iterable[str] = ()
) -> Generation:
    with IndexBuilder(data, operators=False) as builder:
        keep(builder, unchanged)
        for each in documents:
            builder.add(each)
        builder.publish(ledger={}, settings={})
    generation = Generations(data).current()
    assert generation is not None
    return generation


def answers(generation: Generation) -> list[object]:
    """What every query of the public finds, with scores, excerpts and what makes each score."""
    given: list[object] = []
    with Searcher.on(generation) as searcher:
        for query in QUERIES:
            suggested = searcher.suggest(query, doubt=-99.0, explain=True)
            given += [query, suggested.hits, suggested.log_odds]
            found = searcher.search(query, explain=True, operators=False)
            given += [found.total, found.facets, found.hits, found.did_you_mean]
        given += [searcher.listing(PUBLIC, str(kind)) for kind in KINDS]
        given.append(searcher.entries(PUBLIC, start=0, count=99))
        given += [searcher.counts(), searcher.related("doc/003")]
    return given


def has_edits(generation: Generation) -> bool:
    return edits_file(generation.partition(PUBLIC)).exists()


def public_pages(pages: dict[int, Page]) -> list[Page]:
    return [page for page in pages.values() if page.audience == PUBLIC]


@settings(max_examples=6, deadline=None)
@given(steps=st.lists(changes, min_size=1, max_size=4))
def test_after_any_changes_answers_are_those_of_one_file(steps: list[Changes]) -> None:
    """Pages are added, changed, hidden and removed, and edits are merged in between.

    The public gets the same answers as from one file, and no byte of its files depends on hidden
    pages.
    """
    pages, number = first_pages(), SIZE
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(partition_edits, "_FEW", 7)
        beside, alone, base, whole = (
            Path(folder, name) for name in ("beside", "alone", "base", "whole")
        )
        published(beside, pages.values())
        published(alone, public_pages(pages))
        shutil.copytree(beside, base)
        base_pages = pages
        for step in steps:
            before, pages = pages, changed_pages(pages, step, number)
            number = max(number, *(key + 1 for key in pages))
            ours = published(beside, pages.values(), before.values())
            theirs = published(alone, public_pages(pages), public_pages(before))
            ours_answers = answers(ours)
            assert ours_answers == answers(theirs)
            assert has_edits(ours) == has_edits(theirs)
            one, other = (load_partition(each.partition(PUBLIC)) for each in (ours, theirs))
            assert one.keys() == other.keys()
            for name in one.keys() - {"row", "first"}:
                assert one[name].tobytes() == other[name].tobytes(), name

            if has_edits(ours):
                shutil.copytree(base, whole)
                with written_whole():
                    joined = published(whole, pages.values(), base_pages.values())
                assert not has_edits(joined)
                assert ours_answers == answers(joined)
                shutil.rmtree(whole)
            else:
                shutil.rmtree(base)
                shutil.copytree(beside, base)
                base_pages = pages


def test_what_an_edit_removes_is_no_longer_found(tmp_path: Path) -> None:
    pages = first_pages()
    published(tmp_path, pages.values())
    edited = pages | {4: replace(pages[4], word="quokka", text="button wombat")}
    after = published(tmp_path, edited.values(), pages.values())
    assert has_edits(after)
    with Searcher.on(after) as searcher:
        assert "faq/004" not in [hit.id for hit in searcher.search("once4").hits]
        # In the text and in the title; whole, begun, mistyped.
        for query in ("wombat", "womb", "wombta", "quokka", "quok", "qoukka"):
            assert searcher.suggest(query, doubt=-99.0).hits[0].id == "faq/004"


def test_a_removed_page_and_its_words_are_no_longer_offered(tmp_path: Path) -> None:
    pages = first_pages() | {30: Page(30, "quokka", "button wombat", product="Secret")}
    published(tmp_path, pages.values())
    others = {number: page for number, page in pages.items() if number != 30}
    after = published(tmp_path, others.values(), pages.values())
    assert has_edits(after)
    with Searcher.on(after) as searcher:
        for query in ("wombat", "womb", "quokka", "quok"):
            assert "doc/030" not in [hit.id for hit in searcher.search(query).hits]
            assert searcher.search(query).did_you_mean is None
        found = searcher.search("button")
        assert "Secret" not in found.facets["product"]
        assert "doc/030" not in [hit.id for hit in searcher.listing(PUBLIC, "doc")[1]]
        assert searcher.counts()["doc"] == len([n for n in others if n % 3 == 0 and n % 10 != 9])


def test_a_page_that_is_no_longer_hidden_is_added(tmp_path: Path) -> None:
    pages = first_pages()
    published(tmp_path, pages.values())
    shown = pages | {9: replace(pages[9], audience="public")}
    after = published(tmp_path, shown.values(), pages.values())
    assert has_edits(after)
    with Searcher.on(after) as searcher:
        assert [hit.id for hit in searcher.suggest("once9", doubt=-99.0).hits][:1] == ["doc/009"]


@pytest.mark.parametrize("pages", [25, 1])
def test_pages_for_which_there_is_no_vacant_number_are_written_whole(
    tmp_path: Path, pages: int
) -> None:
    before = first_pages()
    published(tmp_path, before.values())
    added = {n: Page(n, "winter", "button") for n in range(30, 30 + 3 * pages, 3)}
    after = published(tmp_path, [*before.values(), *added.values()], before.values())
    assert has_edits(after) == (pages == 1)


def test_a_page_in_a_language_that_is_new_is_written_whole(tmp_path: Path) -> None:
    pages = first_pages()
    published(tmp_path, pages.values())
    german = document("doc/000", "Das Fenster", "Die Taste", language="de")
    others = [page.document().id for page in pages.values() if page.number]
    assert not has_edits(published_documents(tmp_path, [german], others))


def test_a_page_that_is_edited_stays_among_those_it_is_like_and_leaves_the_others(
    tmp_path: Path,
) -> None:
    alike = {
        f"doc/pump-{n}": document(f"doc/pump-{n}", f"Filter {n}.0", PUMP, versions=(f"{n}.0",))
        for n in range(3)
    }
    others = [page.document() for page in first_pages().values()]
    published_documents(tmp_path, [*alike.values(), *others])
    kept = [*(other.id for other in others), "doc/pump-0", "doc/pump-2"]
    for text, shown in ((f"{PUMP} Wear gloves.", 1), ("Call the dealer about zephyrion.", 2)):
        alike["doc/pump-1"] = replace(alike["doc/pump-1"], sections=(Section("", (), text),))
        after = published_documents(tmp_path, [alike["doc/pump-1"]], kept)
        assert has_edits(after)
        with Searcher.on(after) as searcher:
            hits = searcher.search("zephyrion").hits
            assert len(hits) == shown
            named = {other.id for hit in hits for other in hit.also}
            assert len(named) == 3 - shown


def test_an_edit_beside_pages_in_another_language_is_read_in_its_own(tmp_path: Path) -> None:
    pages = first_pages()
    german = document("faq/de", "Ablagen", "Das Netzteil brummt.", language="de")
    published_documents(tmp_path, [german, *(page.document() for page in pages.values())])
    kept = [page.document().id for page in pages.values() if page.number != 4]
    english = replace(pages[4], text="The quokkas hopped.").document()
    changed = replace(german, sections=(Section("", (), "Die Sicherungen brennen durch."),))
    after = published_documents(tmp_path, [changed, english], kept)
    assert has_edits(after)
    with Searcher.on(after) as searcher:
        for query, page in (("sicherung", "faq/de"), ("quokka hopping", "faq/004")):
            assert [hit.id for hit in searcher.search(query).hits] == [page]
        assert not searcher.search("netzteil").hits


def test_many_edits_become_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_edits, "_FEW", 3)
    pages = first_pages()
    published(tmp_path, pages.values())
    for number, is_beside in ((0, True), (1, True), (2, True), (2, True), (3, False), (4, True)):
        before, pages = pages, pages | {number: replace(pages[number], text=f"window {number} now")}
        if number == 2:
            pages[2] = replace(pages[2], text=before[2].text + " again")
        after = published(tmp_path, pages.values(), before.values())
        assert has_edits(after) == is_beside


def test_a_publish_writes_little_where_one_page_was_edited(tmp_path: Path) -> None:
    pages = first_pages()
    before = published(tmp_path, pages.values())
    edited = pages | {4: replace(pages[4], text="button quokka")}
    after = published(tmp_path, edited.values(), pages.values())
    for audience in AUDIENCES:
        file = after.partition(audience)
        assert file.stat().st_ino == before.partition(audience).stat().st_ino
        assert edits_file(file).name in after.manifest.files
