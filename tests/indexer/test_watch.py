from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

from indexer import watch
from indexer.pipeline import IndexOptions
from indexer.report import Report
from indexer.sources import walk
from kb.search.searcher import Searcher
from tests.indexer.conftest import TODAY
from tests.indexing import run_index


def test_each_change_is_published_and_a_failure_does_not_end_the_watch(
    tmp_path: Path, root: Path
) -> None:
    (root / "a.md").write_text("# First\n\nText.")
    decided = tmp_path / "curations.toml"
    decided.write_text("")
    order = IndexOptions(
        walk.parse_sources([f"doc={root}"]), tmp_path / "data", TODAY, curations=decided
    )
    run_index(order)
    reports: list[Report] = []
    sentences: list[str] = []

    def edits() -> Iterator[None]:
        yield  # nothing was changed
        (root / "b.md").write_text("# Second\n\nWords.")
        yield
        decided.write_text("[[queries]]\n")
        yield
        decided.write_text('[[synonyms]]\nwords = ["second", "zweite"]\n')
        yield

    watch.publish_changes(
        order, edits(), report=reports.append, fail=sentences.append, today=lambda: TODAY
    )
    assert [report.published for report in reports] == [False, True, True]
    assert len(sentences) == 1
    assert "curations.toml:1: [queries.1] needs 'query'" in sentences[0]
    assert Searcher(order.data, budget_ms=60_000).search("zweite").hits[0].id == "doc/b"


def test_saved_files_are_noticed_but_not_the_index_itself(root: Path) -> None:
    (root / "a.md").write_text("x")
    data = root / "data"  # inside the watched folder
    data.mkdir()
    order = IndexOptions(walk.parse_sources([f"doc={root}"]), data, TODAY)
    noticed = threading.Event()

    def save() -> None:
        number = 0
        while not noticed.wait(0.02):  # until the watch has begun
            number += 1
            (root / "a.md").write_text("x" * number)

    saver = threading.Thread(target=save)
    saver.start()
    seen = watch.watch_changes(order)
    try:
        assert {path.name for path in next(seen)} == {"a.md"}
    finally:
        noticed.set()
        saver.join()
    for number in range(20):
        (data / f"part-{number}").write_text("x")
    (root / "last.md").write_text("x")
    told: set[str] = set()
    while "last.md" not in told:  # changes are told in their order
        told |= {path.name for path in next(seen)}
    assert told <= {"a.md", "last.md"}
