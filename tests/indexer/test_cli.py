import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from indexer.cli import Bar, index
from kb.errors import Invalid


def _run(*words: str) -> Result:
    return CliRunner().invoke(index, words, standalone_mode=False, catch_exceptions=True)


def test_it_reports_and_ends_well(tmp_path: Path, root: Path) -> None:
    (root / "a.md").write_text("# A\n\n![x](gone.png)")
    (root / "b.yml").write_text("x")
    done = _run("--data", str(tmp_path / "data"), f"doc={root}")
    assert done.return_value == 0
    assert "Published generation 000001: 1 documents (1 doc)." in done.output
    assert "content/b.yml: Neither Markdown" in done.output
    assert "content/a.md: The image gone.png was left out" in done.output
    again = _run("--data", str(tmp_path / "data"), f"doc={root}")
    assert "Nothing was published; generation 000001 stays." in again.output


def test_json_is_one_document(tmp_path: Path, root: Path) -> None:
    (root / "a.md").write_text("# A\n\nText.")
    values = json.loads(_run("--json", "--data", str(tmp_path / "data"), f"doc={root}").stdout)
    assert values["files"] == {"files": 1, "added": 1, "changed": 0, "removed": 0, "unchanged": 0}
    assert (values["published"], values["generation"], values["kinds"]) == (True, "000001", {"doc": 1})


def test_checking_tells_by_its_exit_code(tmp_path: Path, root: Path) -> None:
    (root / "a.md").write_text("# A\n\nText.")
    assert _run("--check-only", "--data", str(tmp_path / "data"), f"doc={root}").return_value == 0
    (root / "b.yml").write_text("x")
    assert _run("--check-only", "--data", str(tmp_path / "data"), f"doc={root}").return_value == 1


def test_a_wrong_path_is_invalid(tmp_path: Path) -> None:
    done = _run("--data", str(tmp_path / "data"), f"doc={tmp_path}/gone")
    assert isinstance(done.exception, Invalid)
    assert not (tmp_path / "data").exists()


def test_without_sources_the_content_folder_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "content" / "faq").mkdir(parents=True)
    (tmp_path / "content" / "faq" / "a.md").write_text("# Why?\n\nSo.")
    monkeypatch.setenv("KB_CONTENT", str(tmp_path / "content"))
    assert "1 faq" in _run("--data", str(tmp_path / "data")).output
    monkeypatch.setenv("KB_CONTENT", str(tmp_path / "none"))
    assert isinstance(_run("--data", str(tmp_path / "data")).exception, Invalid)


def test_the_bar_shows_count_rate_and_file(capsys: pytest.CaptureFixture[str]) -> None:
    bar = Bar(terminal=True)
    bar.show("reading", 1, 2, "a.md")
    bar.show("reading", 2, 2, "b.md")
    bar.end()
    shown = capsys.readouterr().err
    assert "2/2" in shown
    assert "b.md" in shown
    assert shown.endswith("\r\x1b[K")
