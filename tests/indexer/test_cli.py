import datetime as dt
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from indexer.cli import index
from indexer.progress import ProgressBar
from kb.errors import Invalid, NotFound, Unavailable
from kb.search.installation import search_engine
from kb.search.searcher import Searcher


def _run(*words: str) -> Result:
    return CliRunner().invoke(index, words, standalone_mode=False, catch_exceptions=True)


def test_a_run_reports_skipped_files_and_issues(tmp_path: Path, root: Path) -> None:
    (root / "a.md").write_text("# A\n\n![x](gone.png)")
    (root / "b.yml").write_text("x")
    done = _run("--data", str(tmp_path / "data"), f"doc={root}")
    assert done.return_value == 0
    lines = done.output.splitlines()
    skipped, issues = lines.index("Skipped (1):"), lines.index("Issues (1):")
    assert lines[skipped + 1].startswith("  content/b.yml: ")
    assert lines[issues + 1].startswith("  content/a.md: ")
    assert lines[-1].startswith("Published generation 000001: 1 documents (1 doc)")
    again = json.loads(_run("--json", "--data", str(tmp_path / "data"), f"doc={root}").stdout)
    assert (again["published"], again["generation"]) == (False, "000001")


def test_json_is_one_document(tmp_path: Path, root: Path) -> None:
    (root / "a.md").write_text("# A\n\nText.")
    values = json.loads(_run("--json", "--data", str(tmp_path / "data"), f"doc={root}").stdout)
    assert values["files"] == {"files": 1, "added": 1, "changed": 0, "removed": 0, "unchanged": 0}
    assert (values["published"], values["generation"], values["kinds"]) == (
        True,
        "000001",
        {"doc": 1},
    )


def test_checking_tells_by_its_exit_code(tmp_path: Path, root: Path) -> None:
    (root / "a.md").write_text("# A\n\nText.")
    assert _run("--check-only", "--data", str(tmp_path / "data"), f"doc={root}").return_value == 0
    (root / "b.yml").write_text("x")
    assert _run("--check-only", "--data", str(tmp_path / "data"), f"doc={root}").return_value == 1


def test_a_wrong_path_is_invalid(tmp_path: Path) -> None:
    done = _run("--data", str(tmp_path / "data"), f"doc={tmp_path}/gone")
    assert isinstance(done.exception, Invalid)
    assert not (tmp_path / "data").exists()


def test_without_sources_the_content_folder_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "content" / "faq").mkdir(parents=True)
    (tmp_path / "content" / "faq" / "a.md").write_text("# Why?\n\nSo.")
    monkeypatch.setenv("KB_CONTENT", str(tmp_path / "content"))
    assert "1 faq" in _run("--data", str(tmp_path / "data")).output
    monkeypatch.setenv("KB_CONTENT", str(tmp_path / "none"))
    assert isinstance(_run("--data", str(tmp_path / "data")).exception, Invalid)


def test_the_bar_shows_count_rate_and_file(capsys: pytest.CaptureFixture[str]) -> None:
    bar = ProgressBar(terminal=True)
    bar.show("reading", 1, 2, "a.md")
    bar.show("reading", 2, 2, "b.md")
    bar.end()
    shown = capsys.readouterr().err
    assert "2/2" in shown
    assert "b.md" in shown
    assert shown.endswith("\r\x1b[K")


def test_generations_are_listed_and_rolled_back_to(tmp_path: Path, root: Path) -> None:
    data = ("--data", str(tmp_path / "data"))
    none = _run("generations", *data)
    assert none.return_value == 1
    for text in ("One.", "Two, longer."):
        (root / "a.md").write_text(f"# A\n\n{text}")
        _run(*data, f"doc={root}")
    listed = _run("generations", *data).output.splitlines()
    assert [line[:8] for line in listed] == ["* 000002", "  000001"]
    assert listed[0].endswith("1 documents (1 doc)")
    back = _run("rollback", *data)
    assert back.output.startswith("Generation 000001 ")
    rows = json.loads(_run("generations", "--json", *data).stdout)
    assert [(row["name"], row["serves"], row["sound"]) for row in rows] == [
        ("000002", False, True),
        ("000001", True, True),
    ]
    assert _run("rollback", "2", *data).return_value == 0
    assert isinstance(_run("rollback", "77", *data).exception, NotFound)
    assert _run("--rollback", *data).return_value == 0
    assert isinstance(_run("rollback", *data).exception, NotFound)


def test_a_damaged_generation_is_listed_as_such_and_never_rolled_back_to(
    tmp_path: Path, root: Path
) -> None:
    data = ("--data", str(tmp_path / "data"))
    for text in ("One.", "Two, longer."):
        (root / "a.md").write_text(f"# A\n\n{text}")
        _run(*data, f"doc={root}")
    (tmp_path / "data" / "index" / "gen-000001" / "ledger.json").write_text("{}")
    assert "damaged" in _run("generations", *data).output
    refused = _run("rollback", "000001", *data)
    assert isinstance(refused.exception, Unavailable)
    assert _run("generations", *data).output.startswith("* 000002")


def test_a_refused_publish_says_why_and_exits_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = tmp_path / "content"
    (content / "docs").mkdir(parents=True)
    (content / "docs" / "a.md").write_text("# A\n\nText.")
    (content / "golden.toml").write_text('[[queries]]\nquery = "zebra"\nexpect = "doc/zebra"\n')
    monkeypatch.setenv("KB_CONTENT", str(content))
    monkeypatch.setenv("KB_PUBLISH_GATE", "refuse")
    done = _run("--data", str(tmp_path / "data"))
    assert done.return_value == 1
    assert "Not published: 1 of 1 " in done.output
    assert "doc/zebra" in done.output
    monkeypatch.setenv("KB_PUBLISH_GATE", "warn")
    assert _run("--data", str(tmp_path / "data"), "--check-only").return_value == 1
    assert _run("--data", str(tmp_path / "data")).return_value == 0


def test_another_tree_is_not_asked_the_help_centres_queries(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    centre = tmp_path / "centre"
    centre.mkdir()
    (centre / "golden.toml").write_text('[[queries]]\nquery = "zebra"\nexpect = "doc/zebra"\n')
    (root / "a.md").write_text("# A\n\nText.")
    monkeypatch.setenv("KB_CONTENT", str(centre))
    assert "zebra" not in _run("--data", str(tmp_path / "data"), f"doc={root}").output


def test_check_only_compares_the_queries_of_a_file(tmp_path: Path, root: Path) -> None:
    data = ("--data", str(tmp_path / "data"))
    (root / "a.md").write_text("# Reset your password\n\nText.")
    _run(*data, f"doc={root}")
    (root / "a.md").rename(root / "b.md")
    (tmp_path / "asked.txt").write_text("reset your password\n")
    done = _run(*data, "--check-only", "--queries", str(tmp_path / "asked.txt"), f"doc={root}")
    assert "+ 1. doc/b" in done.output
    missing = _run(*data, "--check-only", "--queries", str(tmp_path / "none.txt"), f"doc={root}")
    assert isinstance(missing.exception, Invalid)
    assert done.return_value == 0


def test_help_names_the_subcommands() -> None:
    shown = CliRunner().invoke(index, ["--help"]).output
    assert "generations" in shown
    assert "rollback" in shown
    assert "--watch" in shown


@contextmanager
def _checking(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A check of ``folder``/content that has built aside and does not end: its golden queries never
    come.
    """
    command = [sys.executable, "-P", "-m", "kb", "index", "--check-only", "--progress-json"]
    told = {
        "TMPDIR": str(folder / "aside"),
        "KB_DATA": str(folder / "data"),
        "KB_CONTENT": str(folder / "content"),
    }
    with subprocess.Popen(
        command, env={**os.environ, **told}, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        assert any('"checking"' in line for line in run.stdout)
        try:
            yield run
        finally:
            run.kill()


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    (tmp_path / "content" / "docs").mkdir(parents=True)
    (tmp_path / "content" / "docs" / "a.md").write_text("# A page\n\nText.")
    os.mkfifo(tmp_path / "content" / "golden.toml")
    (tmp_path / "aside").mkdir()
    return tmp_path


def test_a_check_that_is_asked_to_end_leaves_nothing_behind(endless: Path) -> None:
    with _checking(endless) as run:
        assert any((endless / "aside").iterdir())
        run.terminate()
        run.wait()
    assert run.returncode == 128 + signal.SIGTERM
    assert not any((endless / "aside").iterdir())


def test_what_a_killed_check_left_is_cleared_by_the_next_and_what_another_builds_is_not(
    endless: Path,
) -> None:
    aside = endless / "aside"
    with _checking(endless) as living:
        (kept,) = aside.iterdir()
        with _checking(endless) as killed:
            (left,) = set(aside.iterdir()) - {kept}
            killed.kill()
        assert left.is_dir()
        with _checking(endless):
            assert not left.exists()
            assert kept.is_dir()
        assert living.poll() is None


def test_a_site_maps_front_matter_keys_of_its_own(tmp_path: Path) -> None:
    site = tmp_path / "acme"
    (site / "docs").mkdir(parents=True)
    (site / "docs" / "a.md").write_text("---\nacmeProduct: Anvil\n---\n\n# A\n\nHeavy.")
    words = ("--site", str(site), "--data", str(tmp_path / "data"), "--json")
    assert json.loads(_run(*words).stdout)["published"]
    assert _product(tmp_path / "data") == ""

    (site / "site.toml").write_text('name = "Acme"\n[front_matter]\nproduct = ["acmeProduct"]\n')
    mapped = _run(*words)
    assert mapped.exception is None, mapped.exception
    report = json.loads(mapped.stdout)
    assert report["published"]
    assert report["notes"]
    assert _product(tmp_path / "data") == "Anvil"
    assert not json.loads(_run(*words).stdout)["published"]


def _product(data: Path) -> str:
    searcher = Searcher(data, engine=search_engine(data))
    return searcher.article("doc/a", audience="public").product


def test_a_push_says_where_the_index_is(tmp_path: Path) -> None:
    """Without STORE and KB_BLOBS, that is a folder which no other machine may reach."""
    data, page = tmp_path / "data", tmp_path / "a.md"
    page.write_text("# Anvils\n\nAn anvil is heavy.\n", "utf-8")
    _run(f"doc={page}", "--data", str(data))
    assert (
        str(tmp_path / "shared")
        in _run("push", str(tmp_path / "shared"), "--data", str(data)).stdout
    )
    assert str(data) in _run("push", "--data", str(data)).stdout


def test_a_pull_that_is_repeated_says_when_it_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", stop)
    arguments = ("pull", str(tmp_path / "gone"), "--every", "1", "--data", str(tmp_path / "data"))
    (line,) = _run(*arguments).stderr.strip().splitlines()
    time, _, sentence = line.partition(" UTC: ")
    assert dt.datetime.fromisoformat(time)
    assert str(tmp_path / "gone") in sentence


def test_a_pull_that_is_repeated_says_when_it_works_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, page = tmp_path / "store", tmp_path / "a.md"
    page.write_text("# Anvils\n\nAn anvil is heavy.\n", "utf-8")
    _run(f"doc={page}", "--data", str(tmp_path / "first"))
    _run("push", str(store), "--data", str(tmp_path / "first"))
    store.rename(tmp_path / "unmounted")

    def mount_or_stop(seconds: float) -> None:
        if seconds != 77:  # while another part waits
            return
        if store.exists():
            raise KeyboardInterrupt
        (tmp_path / "unmounted").rename(store)

    monkeypatch.setattr("time.sleep", mount_or_stop)
    told = _run("pull", str(store), "--every", "77", "--data", str(tmp_path / "second"))
    failure, again = told.stderr.strip().splitlines()
    assert str(store) in failure
    assert dt.datetime.fromisoformat(again.partition(" UTC: ")[0])
    assert "live" in told.stdout
