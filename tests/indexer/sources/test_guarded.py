"""What is for few must not become public by a slip of the editor's."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
from pathlib import Path

import pytest

from indexer import pipeline
from indexer.pipeline import IndexOptions
from indexer.readers import frontmatter
from indexer.report import Report
from indexer.sources import walk
from kb.search.analysis.tokenizer import index_words
from kb.search.generations.generation import Generations
from tests.indexer.conftest import Read, codes

TODAY = dt.date(2026, 11, 23)

SLIPS = {
    "never closed": "---\ntitle: S\naudience: staff\n\n# S\n\nSecret words.\n",
    "a comment first": "---\n# who may see it\naudience: staff\n\nSecret words.\n",
    "quoted key, broken": '---\n"audience": staff\ntitle: [\n---\n\nSecret words.\n',
    "said twice": "---\naudience: staff\naudience: public\n---\n\nSecret words.\n",
    "draft, broken": "---\ndraft: true\ntitle: [\n---\n\nSecret words.\n",
}


@pytest.mark.parametrize("slip", SLIPS.values(), ids=SLIPS)
def test_front_matter_that_cannot_be_trusted_keeps_the_page_out(read: Read, slip: str) -> None:
    documents, findings = read("doc", "a.md", slip)
    assert documents == []
    assert codes(findings) == ["invalid-front-matter", "unclear-visibility"]


def test_yaml_may_end_in_dots() -> None:
    values, body, line = frontmatter.split_front_matter("---\naudience: staff\n...\n\nText.\n")
    assert (values, body.strip(), line) == ({"audience": "staff"}, "Text.", 4)


def test_a_page_of_html_obeys_its_front_matter(read: Read) -> None:
    main = "<main><h1>Runbook</h1><p>Secret words.</p></main>"
    page = f"---\naudience: staff\ntitle: Runbook\n---\n<html><body>{main}</body></html>"
    ((document,), _) = read("doc", "a.html", page)
    assert document.audience == "staff"
    assert "audience" not in document.text()
    assert read("doc", "b.html", page.replace("audience: staff", "draft: true"))[0] == []


@pytest.mark.parametrize(
    "inner",
    [
        "---\naudience: staff\n---\nSecret words.\n",
        "---\ndraft: true\n---\nSecret words.\n",
        SLIPS["never closed"],
    ],
)
def test_a_public_page_does_not_include_what_is_for_fewer_readers(read: Read, inner: str) -> None:
    outer = "# Public\n\nBefore.\n\n[!INCLUDE [x](inner.md)]\n"
    ((document,), findings) = read("doc", "a.md", outer, **{"inner.md": inner})
    assert "Secret" not in document.text() + document.html
    assert codes(findings) == ["include-restricted"]


def test_a_staff_page_may_include_a_staff_page(read: Read) -> None:
    outer = "---\naudience: staff\n---\n# Staff\n\nBefore.\n\n[!INCLUDE [x](inner.md)]\n"
    ((document,), _) = read(
        "doc", "a.md", outer, **{"inner.md": "---\naudience: staff\n---\nSecret words.\n"}
    )
    assert "Secret words" in document.text()


def test_a_thematic_break_is_no_front_matter(read: Read) -> None:
    ((document,), findings) = read("doc", "a.md", "---\n\nJust prose.\n\n---\n\nMore prose.\n")
    assert "Just prose" in document.text()
    assert findings == []


def run(tmp_path: Path, root: Path) -> Report:
    order = IndexOptions(walk.parse_sources([f"doc={root}"]), tmp_path / "data", TODAY)
    return pipeline.run_index(dataclasses.replace(order))


def test_a_file_name_that_is_no_utf8_stops_nothing(tmp_path: Path, root: Path) -> None:
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
