"""Edits beside a large file are answered as if all were one file, and leave no trace in one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.search.build import partition_edits, splice
from kb.search.build.builder import IndexBuilder
from kb.search.documents import AUDIENCES, Document, DocumentKind, Section
from kb.search.generations.generation import Generation, Generations
from kb.search.index.array_file import load_arrays
from kb.search.index.edits import edits_file, load_partition
from kb.search.searcher import Searcher
from tests.search.library import document, keep

#: In so many documents that it has a row; in some; in few; other languages; two that are alike.
WORDS = ["button", "window", "windows", "gamma", "größe", "日本", "winter", "printer", "sprinter"]
QUERIES = [
    *("button", "win", "windo", "gam", "größ", "日本", "wimdow", "printre", "zan", "zanzibar0"),
    *("page window button", "Chapter gamma", "button winter zanz", "how do i print"),
]
PUMP = (
    "Stop the pump before you replace the zephyrion filter. Open the lid with the blue key, pull "
    "the old filter out and wipe the seat dry. Insert the new one until it clicks, close the lid."
)
texts = st.lists(st.sampled_from([*WORDS, "zanzibar0", "zanzibar1"]), max_size=12).map(" ".join)
edits = st.dictionaries(st.integers(0, 29), texts, max_size=5)
SIZE = 30


def written(number: int, text: str) -> Document:
    kind = DocumentKind.FAQ if number % 3 else DocumentKind.DOC
    audience = "staff" if number % 10 == 9 else "public"
    title = f"{WORDS[number % 9]} page {number}"
    return document(f"{kind}/{number:02}", title, text, kind=kind, audience=audience)


def first_texts() -> dict[int, str]:
    return {n: f"button {WORDS[n % 9]} {WORDS[n % 7]} once{n}" for n in range(SIZE)}


@pytest.fixture(autouse=True)
def edit_small_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splice, "SMALLEST_SPLICED", 1)
    monkeypatch.setattr(splice, "_DRIFT", 99.0)
    monkeypatch.setattr(partition_edits, "SMALLEST_WITH_EDITS", 1)


@contextmanager
def written_whole() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(partition_edits, "SMALLEST_WITH_EDITS", 1_000_000)
        yield


def published(data: Path, added: Iterable[Document], unchanged: Iterable[str] = ()) -> Generation:
    with IndexBuilder(data, operators=False) as builder:
        keep(builder, unchanged)
        for each in added:
            builder.add(each)
        builder.publish(ledger={}, settings={})
    generation = Generations(data).current()
    assert generation is not None
    return generation


def answers(generation: Generation, audience: str) -> list[object]:
    """What every query finds, with scores, excerpts and what makes each score."""
    given: list[object] = []
    with Searcher.on(generation) as searcher:
        for query in QUERIES:
            suggested = searcher.suggest(query, audience=audience, doubt=-99.0, explain=True)
            given += [query, suggested.hits, suggested.log_odds]
            found = searcher.search(query, audience=audience, explain=True)
            given += [found.total, found.facets, found.hits, found.did_you_mean]
        given.append(searcher.related("doc/03", audience=audience))
    return given


def has_edits(generation: Generation, audience: str = "public") -> bool:
    arrays = load_partition(generation.partition(audience))
    return "edited" in arrays


@settings(max_examples=6, deadline=None)
@given(steps=st.lists(edits, min_size=1, max_size=4))
def test_edits_are_answered_as_if_all_were_one_file(steps: list[dict[int, str]]) -> None:
    texts, edited = first_texts(), set[int]()
    with TemporaryDirectory() as folder:
        beside, whole = Path(folder, "beside"), Path(folder, "whole")
        for data in (beside, whole):
            published(data, [written(n, text) for n, text in texts.items()])
        for step in steps:
            step = {number: text for number, text in step.items() if texts[number] != text}
            texts |= step
            changed = [written(number, text) for number, text in step.items()]
            kept = [written(n, text).id for n, text in texts.items() if n not in step]
            ours = published(beside, changed, kept)
            with written_whole():
                theirs = published(whole, changed, kept)
            assert not has_edits(theirs)
            edited |= {number for number in step if number % 10 != 9}
            assert has_edits(ours) == bool(edited)
            for audience in AUDIENCES:
                assert answers(ours, audience) == answers(theirs, audience)

        # Now one page goes, and all becomes one file again.
        kept = [written(n, text).id for n, text in texts.items() if n != 4]
        ours, theirs = (published(data, [], kept) for data in (beside, whole))
        for audience in AUDIENCES:
            assert not edits_file(ours.partition(audience)).exists()
            one, other = (load_arrays(g.partition(audience)) for g in (ours, theirs))
            assert one.keys() == other.keys()
            for name in one.keys() - {"row", "first"}:
                assert one[name].tobytes() == other[name].tobytes(), name


hidden_edits = st.dictionaries(st.integers(0, 5), st.none() | texts, min_size=1, max_size=3)


@settings(max_examples=6, deadline=None)
@given(steps=st.lists(st.tuples(edits, hidden_edits), min_size=1, max_size=4))
def test_pages_that_others_see_change_nothing(
    steps: list[tuple[dict[int, str], dict[int, str | None]]],
) -> None:
    """Hidden pages that come, change and go, which writes files of others anew."""
    public = {n: text for n, text in first_texts().items() if n % 10 != 9}
    hidden: dict[str, Document] = {}
    with TemporaryDirectory() as folder:
        alone, beside = Path(folder, "alone"), Path(folder, "beside")
        for data in (alone, beside):
            published(data, [written(n, text) for n, text in public.items()])
        for public_step, hidden_step in steps:
            step = {n: text for n, text in public_step.items() if public.get(n, text) != text}
            public |= step
            changed = [written(number, text) for number, text in step.items()]
            kept = [written(n, text).id for n, text in public.items() if n not in step]
            seen = published(alone, changed, kept)

            secret = {f"doc/secret-{n}": text for n, text in hidden_step.items()}
            others = [id_ for id_ in hidden if id_ not in secret]
            read = [
                document(id_, f"Secret {text}", text, audience="staff")
                for id_, text in secret.items()
                if text is not None
            ]
            hidden = {id_: hidden[id_] for id_ in others} | {page.id: page for page in read}
            also = published(beside, [*read, *changed], [*others, *kept])
            assert answers(seen, "public") == answers(also, "public")
            one, other = (load_partition(g.partition("public")) for g in (seen, also))
            assert one.keys() == other.keys()
            for name in one.keys() - {"row", "first"}:
                assert one[name].tobytes() == other[name].tobytes(), name


def test_what_an_edit_takes_away_is_not_found_any_more(tmp_path: Path) -> None:
    texts = first_texts()
    published(tmp_path, [written(n, text) for n, text in texts.items()])
    kept = [written(n, text).id for n, text in texts.items() if n != 4]
    after = published(tmp_path, [written(4, "button quokka")], kept)
    assert has_edits(after)
    with Searcher.on(after) as searcher:
        assert "faq/04" not in [hit.id for hit in searcher.search("once4").hits]
        for query in ("quokka", "quok", "quoka"):  # whole, begun, mistyped
            assert searcher.suggest(query, doubt=-99.0).hits[0].id == "faq/04"


@pytest.mark.parametrize(
    "changed",
    [
        document("faq/04", "Another title", "button", kind=DocumentKind.FAQ),
        document("faq/04", "größe page 4", "button", kind=DocumentKind.FAQ, product="Desk"),
        document("faq/04", "größe page 4", "button", kind=DocumentKind.FAQ, audience="staff"),
        document("faq/31", "A new page", "button", kind=DocumentKind.FAQ),
    ],
)
def test_what_changes_more_than_a_text_is_written_whole(tmp_path: Path, changed: Document) -> None:
    texts = first_texts()
    published(tmp_path, [written(n, text) for n, text in texts.items()])
    kept = [written(n, text).id for n, text in texts.items() if written(n, text).id != changed.id]
    after = published(tmp_path, [changed], kept)
    assert not has_edits(after)


def test_a_page_that_is_edited_stays_among_those_it_is_like_and_leaves_the_others(
    tmp_path: Path,
) -> None:
    alike = {
        f"doc/pump-{n}": document(f"doc/pump-{n}", f"Filter {n}.0", PUMP, versions=(f"{n}.0",))
        for n in range(3)
    }
    published(tmp_path, [*alike.values(), *(written(n, t) for n, t in first_texts().items())])
    kept = [written(n, text).id for n, text in first_texts().items()]
    for text, shown in ((f"{PUMP} Wear gloves.", 1), ("Call the dealer about zephyrion.", 2)):
        alike["doc/pump-1"] = replace(alike["doc/pump-1"], sections=(Section("", (), text),))
        after = published(tmp_path, [alike["doc/pump-1"]], [*kept, "doc/pump-0", "doc/pump-2"])
        assert has_edits(after)
        with Searcher.on(after) as searcher:
            hits = searcher.search("zephyrion").hits
            assert len(hits) == shown
            named = {other.id for hit in hits for other in hit.also}
            assert len(named) == 3 - shown


def test_an_edit_beside_pages_in_another_language_is_read_in_its_own(tmp_path: Path) -> None:
    texts = first_texts()
    german = document("faq/de", "Ablagen", "Das Netzteil brummt.", language="de")
    published(tmp_path, [german, *(written(n, text) for n, text in texts.items())])
    kept = [written(n, text).id for n, text in texts.items() if n != 4]
    changed = replace(german, sections=(Section("", (), "Die Sicherungen brennen durch."),))
    after = published(tmp_path, [changed, written(4, "The quokkas hopped.")], kept)
    assert has_edits(after)
    with Searcher.on(after) as searcher:
        for query, page in (("sicherung", "faq/de"), ("quokka hopping", "faq/04")):
            assert [hit.id for hit in searcher.search(query).hits] == [page]
        assert not searcher.search("netzteil").hits


def test_many_edits_become_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_edits, "_FEW", 3)
    texts = first_texts()
    published(tmp_path, [written(n, text) for n, text in texts.items()])
    for number, is_beside in ((0, True), (1, True), (2, True), (2, True), (3, False), (4, True)):
        kept = [written(n, text).id for n, text in texts.items() if n != number]
        after = published(tmp_path, [written(number, f"window {number}")], kept)
        assert has_edits(after) == is_beside


def test_a_publish_writes_little_where_one_page_was_edited(tmp_path: Path) -> None:
    texts = first_texts()
    before = published(tmp_path, [written(n, text) for n, text in texts.items()])
    kept = [written(n, text).id for n, text in texts.items() if n != 4]
    after = published(tmp_path, [written(4, "button quokka")], kept)
    for audience in AUDIENCES:
        file = after.partition(audience)
        assert file.stat().st_ino == before.partition(audience).stat().st_ino
        assert edits_file(file).name in after.manifest.files
