"""Meaning runs: drafts of a published generation are replaced, and nothing else changes."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

from kb.errors import Conflict
from kb.search.build import meaning_run
from kb.search.build.builder import IndexBuilder
from kb.search.build.passage_meanings import PassageMeanings
from kb.search.documents import Section, visible_to
from kb.search.generations.generation import Generation, Generations
from kb.search.index import document_store, edits
from kb.search.index.array_file import load_arrays
from kb.search.index.document_store import SegmentLimits
from kb.search.index.edits import load_edits
from kb.search.searcher import Searcher
from tests.search.library import document, keep
from tests.search.meaning.test_embeddings import PAGES, Reader

LENGTHS = "lengths", "settled_lengths"


@pytest.fixture
def generations(tmp_path: Path) -> Generations:
    publish(tmp_path)
    return Generations(tmp_path)


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Reader:
    installed = Reader()
    monkeypatch.setattr(meaning_run, "installed_encoder", lambda: installed)
    return installed


def publish(data: Path, *more: str) -> None:
    with IndexBuilder(data, meaning=True, read=0, keep=2) as builder:
        for page in PAGES:
            builder.add(page)
        for title in more:
            builder.add(document(f"doc/{title}", title, f"About {title}."))
        builder.alias("doc/old", "doc/money")
        builder.publish(ledger={"files": 1}, settings={"meaning": True})


def published(generations: Generations) -> Generation:
    generation = generations.current()
    assert generation is not None
    return generation


def drafts(generations: Generations) -> int:
    return int(published(generations).manifest.settings["drafts"])


def nothing(_done: int, _total: int) -> None:
    pass


def test_a_run_changes_nothing_but_directions(generations: Generations, reader: Reader) -> None:
    before = published(generations)
    assert drafts(generations) == len(PAGES)
    assert meaning_run.read_meanings(generations, progress=nothing) == 0
    after = published(generations)
    assert drafts(generations) == 0
    assert len(reader.texts) == len(PAGES)
    assert after.ledger() == before.ledger()
    for audience in before.manifest.partitions:
        old, new = (load_arrays(g.partition(audience)) for g in (before, after))
        differing = {name for name in old if old[name].tobytes() != new[name].tobytes()}
        assert differing == {"meaning_passages", "meaning_lengths", "meaning_settled_lengths"}
    with Searcher.on(after) as searcher:
        assert searcher.article("doc/old").id == "doc/money"
    with Searcher.on(before) as searcher:  # whoever still answers from it may go on
        assert searcher.suggest("invoices").hits


def test_a_run_in_parts_keeps_the_history(
    generations: Generations, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meaning_run, "AT_LEAST", 1)
    steps = [meaning_run.read_meanings(generations, progress=nothing) for _ in range(4)]
    assert steps == [2, 1, 0, 0]  # one of each audience at a time
    assert generations.names() == ["000004", "000003", "000001"]

    publish(generations.folder.parent, "Fifth")
    assert "000004" in generations.names()
    assert generations.rollback().name == "000004"
    publish(generations.folder.parent, "Sixth")
    assert "000001" not in generations.names()


def test_rolling_back_a_refined_generation_leads_to_other_content(
    generations: Generations, reader: Reader
) -> None:
    publish(generations.folder.parent, "Second")
    meaning_run.read_meanings(generations, progress=nothing)
    assert generations.rollback().name == "000001"


def test_what_was_published_meanwhile_stays(
    generations: Generations, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def publish_once(_done: int, _total: int) -> None:
        if published(generations).name == "000001":
            publish(generations.folder.parent, "Meanwhile")

    meaning_run.read_meanings(generations, progress=publish_once)
    assert published(generations).name == "000002"
    assert drafts(generations) == len(PAGES) + 1


def test_a_run_does_not_publish_beside_a_build(generations: Generations, reader: Reader) -> None:
    with generations.lock(), pytest.raises(Conflict):
        meaning_run.read_meanings(generations, progress=nothing)
    assert published(generations).name == "000001"


def test_without_the_encoder_drafts_stay(
    generations: Generations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meaning_run, "installed_encoder", lambda: None)
    assert meaning_run.read_meanings(generations, progress=nothing) == 0
    assert drafts(generations) == len(PAGES)


@pytest.mark.parametrize("is_rewritten", [True, False])
def test_a_run_after_an_edit_writes_what_was_edited(
    generations: Generations, reader: Reader, monkeypatch: pytest.MonkeyPatch, is_rewritten: bool
) -> None:
    """Whether the segment of the page that was edited is written again or the page is deleted in
    it.
    """
    monkeypatch.setattr(edits, "SMALLEST_WITH_EDITS", 1)
    if not is_rewritten:
        delete_in_segments(monkeypatch)
    meaning_run.read_meanings(generations, progress=nothing)
    data, edited = generations.folder.parent, replace(PAGES[0], sections=(Section("", (), "New."),))
    with IndexBuilder(data, meaning=True, read=0, keep=2) as builder:
        keep(builder, [page.id for page in PAGES[1:]])
        builder.add(edited)
        builder.alias("doc/old", "doc/money")
        builder.publish(ledger={}, settings={"meaning": True})
    before = published(generations)
    assert drafts(generations) == 1
    with contextlib.closing(before.store) as store:
        deleted = sum(segment.file.deleted.size for segment in store.segments)
    assert deleted == (0 if is_rewritten else 1)

    assert meaning_run.read_meanings(generations, progress=nothing) == 0
    after = published(generations)
    for audience in before.manifest.partitions:
        old, new = (g.partition(audience) for g in (before, after))
        assert old.stat().st_ino == new.stat().st_ino
        ours, read_at_once = load_edits(new), load_edits(old)
        differing = {n for n in ours if ours[n].tobytes() != read_at_once[n].tobytes()}
        assert differing <= {f"edited_meaning_{n}" for n in ("passages", *LENGTHS)}
        assert bool(differing) == (edited.audience in visible_to(audience))


def test_what_an_edit_leaves_of_a_page_is_not_read_again(
    generations: Generations, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete_in_segments(monkeypatch)
    meaning_run.read_meanings(generations, progress=nothing)
    data = generations.folder.parent
    for text in ("New.", "Newer."):
        sections = (*PAGES[0].sections, Section("new", ("New",), text))
        with IndexBuilder(data, meaning=True, read=0) as builder:
            keep(builder, [page.id for page in PAGES[1:]])
            builder.add(replace(PAGES[0], sections=sections))
            builder.publish(ledger={}, settings={"meaning": True})
        assert drafts(generations) == 1

        reader.texts.clear()
        assert meaning_run.read_meanings(generations, progress=nothing) == 0
        assert [read.endswith(text) for read in reader.texts] == [True]
    after = rows_by_text(published(generations))
    publish(data)
    meaning_run.read_meanings(generations, progress=nothing)
    anew = rows_by_text(published(generations))
    assert {text: after[text] for text in anew} == anew


def rows_by_text(generation: Generation) -> dict[str, bytes]:
    """The direction of each passage of the document store."""
    with contextlib.closing(generation.store) as store:
        passages = store.passages(range(int(store.passage_firsts()[-1])))
        parts = [PassageMeanings.read(generation.path, segment) for segment in store.segments]
    meanings = PassageMeanings.joined([part for part in parts if part is not None])
    return {
        passage.text: row.tobytes() for passage, row in zip(passages, meanings.rows, strict=True)
    }


def delete_in_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the segments of a few pages stay, and pages be deleted in them."""
    limits = SegmentLimits(small=1, deleted=1.0, cleaned=0)
    monkeypatch.setattr(document_store, "SEGMENTS", limits)
