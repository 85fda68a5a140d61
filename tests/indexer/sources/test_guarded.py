"""What is for few must not become public by a slip of the editor's."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
from pathlib import Path

import pytest

from indexer.pipeline import IndexOptions
from indexer.report import Report
from indexer.sources import walk
from kb.search.analysis.tokenizer import index_words
from kb.search.generations.generation import Generations
from tests.indexing import run_index

TODAY = dt.date(2026, 11, 23)


def run(tmp_path: Path, root: Path) -> Report:
    order = IndexOptions(walk.parse_sources([f"doc={root}"]), tmp_path / "data", TODAY)
    return run_index(dataclasses.replace(order))


def test_a_file_name_that_is_not_utf8_stops_nothing(tmp_path: Path, root: Path) -> None:
    (root / "good.md").write_text("# Good\n\nText.")
    try:
        Path(os.fsdecode(os.fsencode(root) + b"/bad\xff\xfename.md")).write_text(
            "# Bad name\n\nText."
        )
    except OSError:
        pytest.skip("this file system takes no such name")
    run(tmp_path, root)
    found = Generations(tmp_path / "data").current()
    assert found is not None
    assert found.manifest.documents == 2
    assert run(tmp_path, root).unchanged == 2


def test_a_file_that_could_not_be_read_is_tried_again(tmp_path: Path, root: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (root / "a.md").write_text("# A\n\nText.")
    (root / "b.md").write_text("# B\n\nText.")
    (root / "b.md").chmod(0)
    run(tmp_path, root)
    (root / "b.md").chmod(0o644)
    run(tmp_path, root)
    found = Generations(tmp_path / "data").current()
    assert found is not None
    assert found.manifest.documents == 2


def test_a_word_without_end_is_cut_and_costs_no_more_than_its_length() -> None:
    # Quadratic matching took 17 s for 20,000 letters; this is ten times as long.
    assert index_words("T" * 200_000) == ["t" * 64]
    assert len(index_words("a." * 50_000)) == 1
