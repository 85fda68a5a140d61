"""`kb upgrade`: says what a data folder of an earlier version needs, and does it."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from kb.database import is_up_to_date
from kb.search.generations import generation
from tests.earlier_version import extract
from tests.webapp.test_cli import free_port
from tests.webapp.world import settings_of

ROOT = Path(__file__).parents[2]


def kb(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings = settings_of(folder)
    return subprocess.run(
        [sys.executable, "-m", "kb", *arguments],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "KB_DATA": str(settings.data),
            "KB_CONTENT": str(settings.content),
            "KB_SOURCES": os.environ.get("KB_SOURCES", ""),
            "KB_PORT": str(free_port()),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def data_of(folder: Path) -> Path:
    return settings_of(folder).data


def set_revision(folder: Path, revision: str) -> None:
    with contextlib.closing(sqlite3.connect(data_of(folder) / "tickets.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.commit()


def set_index_format(folder: Path, format_: int) -> None:
    generations = generation.Generations(data_of(folder))
    name = generations.published_name()
    assert name
    file = generations.path(name) / generation.MANIFEST_FILE
    values = json.loads(file.read_text())
    values["format"] = format_
    del values["seal"]
    file.write_text(json.dumps(values | {"seal": generation._seal(values)}))


def test_a_database_of_an_earlier_version_is_told_of_then_migrated(tmp_path: Path) -> None:
    folder = extract(tmp_path)
    check = kb(folder, "upgrade", "--check")
    assert check.returncode == 1
    assert "database" in check.stdout
    assert kb(folder, "backup", str(tmp_path / "before.backup")).returncode == 0
    assert not is_up_to_date(data_of(folder)), "neither a check nor a backup migrates"

    upgraded = kb(folder, "upgrade")
    assert upgraded.returncode == 0, upgraded.stderr
    assert is_up_to_date(data_of(folder))
    check = kb(folder, "upgrade", "--check")
    assert check.returncode == 0
    assert "kb index" in check.stdout, "the index works, but an earlier version wrote it"
    assert "kb index" in upgraded.stdout


def test_an_index_that_this_version_cannot_read_is_told_of_then_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = extract(tmp_path)
    assert kb(folder, "upgrade").returncode == 0
    set_index_format(folder, 1)
    check = kb(folder, "upgrade", "--check")
    assert check.returncode == 1
    assert "kb index --full" in check.stdout

    monkeypatch.setenv("KB_SOURCES", f"faq={folder}/sources/faq")
    upgraded = kb(folder, "upgrade")
    assert upgraded.returncode == 0, upgraded.stderr
    assert kb(folder, "upgrade", "--check").stdout == "Nothing to do.\n"


@pytest.mark.parametrize("options", [(), ("--check",)])
def test_a_folder_that_does_not_exist_is_named(tmp_path: Path, options: tuple[str, ...]) -> None:
    upgraded = kb(tmp_path, "upgrade", *options, "--data", str(tmp_path / "mistyped"))
    assert upgraded.returncode == 0, upgraded.stderr
    assert "mistyped" in upgraded.stdout
    assert not (tmp_path / "mistyped").exists()


@pytest.mark.parametrize("command", [("upgrade", "--check"), ("upgrade",), ("serve",), ("worker",)])
def test_a_downgrade_is_refused_in_a_sentence(tmp_path: Path, command: tuple[str, ...]) -> None:
    folder = extract(tmp_path)
    data_of(folder).chmod(0o700)
    set_revision(folder, "9999")
    done = kb(folder, *command)
    assert done.returncode == 1
    assert "newer version" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
