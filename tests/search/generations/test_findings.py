"""The findings file: what the indexer writes is what the editor's pages read."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.errors import Unavailable
from kb.search.build.builder import IndexBuilder
from kb.search.generations.findings import Finding, FindingsFile
from kb.search.generations.generation import Generations
from tests.search.library import ARTICLES

WARNING = Finding("docs/a.md", 3, "A link leads nowhere.")
SKIPPED = Finding("docs/b\udcff.md", 0, "Not valid UTF-8.", skipped=True)


def test_findings_are_published_with_the_documents_and_roll_back_with_them(
    tmp_path: Path,
) -> None:
    for findings in ((WARNING, SKIPPED), ()):
        with IndexBuilder(tmp_path, operators=False) as builder:
            builder.add(ARTICLES[0])
            builder.publish(ledger={}, settings={}, findings=findings)

    current = Generations(tmp_path).current()
    assert current is not None
    assert current.findings() == ()

    restored = Generations(tmp_path).rollback()
    assert restored.findings() == (SKIPPED, WARNING)  # skipped files first
    assert FindingsFile.NAME in restored.manifest.files


def test_a_generation_of_an_earlier_version_has_no_findings_file(tmp_path: Path) -> None:
    assert FindingsFile(tmp_path).read() is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"findings": [[1]]}', '{"findings": 4}'])
def test_a_damaged_file_raises(tmp_path: Path, content: str) -> None:
    (tmp_path / FindingsFile.NAME).write_text(content)
    with pytest.raises(Unavailable):
        FindingsFile(tmp_path).read()
