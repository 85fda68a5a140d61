from __future__ import annotations

import json
from pathlib import Path

import pytest

from indexer.pipeline import IndexOptions
from indexer.sources import redirects, walk
from indexer.sources.format_detection import Unreadable
from kb.search.generations.generation import Generations
from tests.indexer.conftest import TODAY, Read, codes
from tests.indexing import run_index


def _leads(tmp_path: Path, root: Path) -> dict[str, str]:
    run_index(IndexOptions(walk.parse_sources([f"doc={root}"]), tmp_path / "data", TODAY))
    current = Generations(tmp_path / "data").current()
    assert current is not None
    asked = (
        "doc/install/old",
        "doc/guide/older",
        "doc/gone",
        "doc/legacy",
        "doc/a/b",
        "doc/install/new",
    )
    found = {old: current.store.document(old) for old in asked}
    return {old: document.id for old, document in found.items() if document}


def test_lists_of_old_addresses_lead_to_the_documents(tmp_path: Path, root: Path) -> None:
    (root / "install").mkdir()
    (root / "install" / "new.md").write_text("# New\n\nText.")
    (root / "redir").mkdir()
    rows = [
        {"source_path": "../install/old.md", "redirect_url": "/product/scripting/install/new"},
        {
            "source_path": "../guide/older.md",
            "redirect_url": "/install/old",
            "redirect_document_id": True,
        },
        {"source_path": "../gone.md", "redirect_url": "https://elsewhere.example/somewhere"},
        {"source_path": "../install/new.md", "redirect_url": "/other"},
        "nonsense",
    ]
    (root / "redir" / ".openpublishing.redirection.json").write_text(
        json.dumps({"redirections": rows})
    )
    (root / "_redirects").write_text(
        "# old\n/legacy  /install/new.html 301!\n/a/* /b/:splat\n/a/b id=:id /install/new/ 302\n"
    )
    assert _leads(tmp_path, root) == {
        "doc/install/old": "doc/install/new",
        "doc/guide/older": "doc/install/new",
        "doc/legacy": "doc/install/new",
        "doc/a/b": "doc/install/new",
        "doc/install/new": "doc/install/new",
    }


def test_a_circle_of_redirects_ends(tmp_path: Path, root: Path) -> None:
    (root / "a.md").write_text("# A\n\nText.")
    (root / "_redirects").write_text("/legacy /gone\n/gone /legacy\n")
    assert _leads(tmp_path, root) == {}


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '{"redirections": '])
def test_a_damaged_redirect_list_is_refused(text: str) -> None:
    with pytest.raises(Unreadable) as caught:
        redirects.parse_redirects(text, ".openpublishing.redirection.json")
    assert caught.value.code == "invalid-json"


def test_a_damaged_redirect_list_is_a_finding(read: Read) -> None:
    documents, findings = read("doc", ".openpublishing.redirection.json", '{\n"redirections": [')
    assert documents == []
    assert [(finding.code, finding.line) for finding in findings] == [("invalid-json", 2)]


def test_links_to_a_file_that_is_gone_lead_where_its_redirect_does(
    tmp_path: Path, root: Path
) -> None:
    (root / "install").mkdir()
    (root / "install" / "new.md").write_text("# New\n\n## Steps\n\nText.")
    (root / "a.md").write_text("# A\n\n[one](install/old.md#steps) and [two](install/gone.md).")
    options = IndexOptions(walk.parse_sources([f"doc={root}"]), tmp_path / "data", TODAY)
    assert codes(run_index(options).findings) == ["link-not-found", "link-not-found"]

    rows = [{"source_path": "install/old.md", "redirect_url": "/site/install/new"}]
    (root / ".openpublishing.redirection.json").write_text(json.dumps({"redirections": rows}))
    report = run_index(options)
    assert codes(report.findings) == ["link-not-found"]
    current = Generations(tmp_path / "data").current()
    assert current is not None
    document = current.store.document("doc/a")
    assert document is not None
    assert 'href="/help/doc/install/new#s-steps"' in document.html
    assert run_index(options).changed == 0
