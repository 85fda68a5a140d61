"""What is not fit to be published is not published, and the old generation serves."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from indexer.pipeline import IndexOptions
from indexer.publish import gate
from indexer.sources import walk
from kb.errors import Misconfigured
from kb.search.build.builder import IndexBuilder
from kb.search.generations.generation import Generations
from kb.search.index.array_file import load_arrays, save_arrays
from kb.search.searcher import Searcher
from tests.indexer.conftest import TODAY
from tests.indexing import run_index
from tests.search.library import document


def _options(tmp_path: Path, root: Path) -> IndexOptions:
    return IndexOptions(walk.parse_sources([f"doc={root}"]), tmp_path / "data", TODAY)


def _pages(root: Path, count: int) -> None:
    for number in range(count):
        (root / f"p{number:02}.md").write_text(
            f"# Page {number}\n\nAbout widgets of sort {number}."
        )


def test_losing_most_documents_is_refused_and_the_old_ones_serve(
    tmp_path: Path, root: Path
) -> None:
    _pages(root, 30)
    options = dataclasses.replace(_options(tmp_path, root), drop=50)
    run_index(options)
    for number in range(5, 30):
        (root / f"p{number:02}.md").unlink()
    report = run_index(options)
    assert not report.published
    assert len(report.refused) == 1
    assert f"Not published: {report.refused[0]}" in list(report.lines())
    assert Generations(options.data).names() == ["000001"]
    assert Searcher(options.data).counts()["doc"] == 30
    assert run_index(dataclasses.replace(options, drop=100)).published


def test_a_handful_may_go(tmp_path: Path, root: Path) -> None:
    _pages(root, 3)
    options = dataclasses.replace(_options(tmp_path, root), drop=0)
    run_index(options)
    (root / "p01.md").unlink()
    (root / "p02.md").unlink()
    assert run_index(options).published


@pytest.mark.parametrize(
    ("gate", "published", "failed"), [("off", True, 0), ("warn", True, 2), ("refuse", False, 2)]
)
def test_golden_queries_guard_the_publish_as_the_gate_says(
    tmp_path: Path, root: Path, gate: str, published: bool, failed: int
) -> None:
    _pages(root, 12)
    (root / "reset.md").write_text("# Reset your password\n\nUse the link on the sign-in page.")
    (tmp_path / "golden.toml").write_text(
        '[[queries]]\nquery = "reset your password now"\nexpect = "doc/reset"\n'
        '[[queries]]\nquery = "reset password"\nexpect = "doc/gone"\n'
        '[[queries]]\nquery = "reset your password"\nnothing = true\n'
    )
    options = dataclasses.replace(
        _options(tmp_path, root), golden=tmp_path / "golden.toml", gate=gate
    )
    report = run_index(options)
    assert report.published is published
    golden = [
        (finding.code, finding.line)
        for finding in report.findings
        if finding.source == str(options.golden)
    ]
    assert golden == [("golden-missing", 5), ("golden-not-empty", 8)][:failed]
    assert report.failed == failed
    if not published:
        assert len(report.refused) == 1
        assert Generations(options.data).current() is None
        assert not list((options.data / "index").glob("building-*"))


def test_a_check_shows_what_would_change_and_publishes_nothing(tmp_path: Path, root: Path) -> None:
    (root / "a.md").write_text("# Reset your password\n\nUse the link.")
    (root / "b.md").write_text("# Find an invoice\n\nUnder billing.")
    options = _options(tmp_path, root)
    run_index(options)
    (root / "a.md").unlink()
    (root / "c.md").write_text("# Change or reset the password\n\nIn your profile.")
    check = dataclasses.replace(
        options, check_only=True, queries=("reset the password", "find an invoice")
    )
    report = run_index(check)
    assert [(c.query, c.before, c.after) for c in report.changes] == [
        ("reset the password", ("doc/a",), ("doc/c",))
    ]
    assert [line for line in report.lines() if line.startswith("    ")] == [
        "    - 1. doc/a",
        "    + 1. doc/c",
    ]
    row = {
        "query": "reset the password",
        "before": ["doc/a"],
        "after": ["doc/c"],
        "audience": "public",
        "times": 0,
    }
    assert json.loads(json.dumps(report.json()))["changes"] == [row]
    assert Generations(options.data).names() == ["000001"]


def test_a_leak_is_found(tmp_path: Path) -> None:
    with IndexBuilder(tmp_path) as builder:
        builder.add(document("doc/open", "Open page", "Words."))
        builder.add(document("doc/secret", "Secret page", "Words.", audience="staff"))
        builder.publish(ledger={}, settings={})
    found = Generations(tmp_path).current()
    assert found is not None
    with Searcher.on(found) as searcher:
        assert list(gate.find_leaks(searcher, found)) == []
    # A partition of the public that holds the row of the secret page.
    public = found.partition("public")
    arrays = dict(load_arrays(public))
    rows = found.store.audiences()
    arrays["row"] = np.array(
        [row for row, (id_, _) in rows.items() if id_ == "doc/secret"], dtype=arrays["row"].dtype
    )
    public.unlink()
    save_arrays(public, arrays)
    with Searcher.on(found) as searcher:
        assert "public could reach doc/secret" in next(iter(gate.find_leaks(searcher, found)))


def test_curations_are_published_and_a_change_of_them_alone_publishes(
    tmp_path: Path, root: Path
) -> None:
    _pages(root, 3)
    file = root.parent / "curations.toml"
    file.write_text('[[queries]]\nquery = "widgets"\npin = ["doc/p02", "doc/gone"]\n')
    options = dataclasses.replace(_options(tmp_path, root), curations=file)
    report = run_index(options)
    assert [(finding.code, finding.line) for finding in report.findings] == [
        ("curated-document-not-found", 3)
    ]
    assert Searcher(options.data, budget_ms=60_000).suggest("widgets").hits[0].id == "doc/p02"
    assert not run_index(options).published
    file.write_text('[[queries]]\nquery = "widgets"\npin = ["doc/p01"]\n')
    assert run_index(options).published
    assert Searcher(options.data, budget_ms=60_000).suggest("widgets").hits[0].id == "doc/p01"
    file.write_text("[[queries]]\n")
    with pytest.raises(Misconfigured, match=r"curations\.toml:1:"):
        run_index(options)
    assert Searcher(options.data, budget_ms=60_000).suggest("widgets").hits[0].id == "doc/p01"


def test_queries_come_from_a_file_one_a_line(tmp_path: Path) -> None:
    file = tmp_path / "queries.txt"
    file.write_text("reset  password\n\nreset password\ninvoice\n")
    assert gate.read_queries(file) == ("reset password", "invoice")


def test_pages_that_become_public_are_told_and_wait_for_consent(tmp_path: Path, root: Path) -> None:
    (root / "a.md").write_text("# A\n\nText.")
    (root / "b.md").write_text("---\naudience: staff\n---\n# B\n\nOther text.")
    options = _options(tmp_path, root)
    first = run_index(options)
    assert first.newly_public == ("doc/a",)

    (root / "b.md").write_text("# B\n\nOther text.")
    (root / "a.md").rename(root / "c.md")  # moved: it was public before
    report = run_index(dataclasses.replace(options, check_only=True))
    assert (report.newly_public, report.refused) == (("doc/b",), [])
    assert report.json()["newly_public"] == ["doc/b"]

    refused = run_index(dataclasses.replace(options, ask_for_public=True))
    assert (refused.published, len(refused.refused), refused.newly_public) == (
        False,
        1,
        ("doc/b",),
    )
    assert run_index(options).published
